#include "server.hpp"

#include <boost/asio/post.hpp>
#include <cstdlib>

#include "auth/topic.hpp"
#include "broker/presence.hpp"
#include "broker/rules.hpp"
#include "object/message.hpp"
#include "pipeline/await.hpp"

namespace sealpost::sim {
namespace {

constexpr Millis stop_patience = 10'000;
constexpr std::size_t backups_max = 3;

// Lines for people; to standard error where the environment asks for them, to debug a seed.
class Lines final : public LogSink {
 public:
  explicit Lines(Scene& scene) : scene_(scene) {}
  bool wants(Level) const override { return true; }
  void write(Level, std::string_view room, std::string_view line) override {
    scene_.say("server {}: {}", room, line);
    if (room == "auth" && line.ends_with(stale_)) scene_.coverage.add(Row::stale_proof);
  }

 private:
  Scene& scene_;
  const std::string stale_ = auth::make_error_code(auth::Errc::stale_challenge).message();
};

Device new_id(Random& random) {
  const auto bytes = random.bytes<16>();
  return *Device::parse(to_hex(bytes));
}

// Under app/ what the rules of a sample configuration allow, under sp/ what is one's own.
std::shared_ptr<const broker::Access> access_of(std::string_view client_id) {
  const broker::Rules rules{{"app/%c/#"}, {"app/#", "sp/%c/%d/#"}};
  const auto who = auth::parse_client_id(client_id);
  if (!who) return std::make_shared<broker::RuleAccess>(broker::Rules{}, "", "");
  return std::make_shared<broker::RuleAccess>(rules, who->client.hex(), who->device.text());
}

}  // namespace

// One life of the server's process.
struct Server::Process {
  explicit Process(Server& server)
      : sink(server.scene_),
        timers(server.scene_.schedule, server.scene_.fork()),
        engine(server.scene_, server.disk_, server.health_, server.judge_, server.clock_),
        door(server.clock_, server.random_, auth::AddressLimits{}),
        direct(server.scene_, std::string(Judge::bot_consumer)),
        feed(std::string(Judge::bot_consumer), timers),
        services{context->get_executor(),
                 engine,
                 server.clock_,
                 server.random_,
                 timers,
                 sink,
                 counters,
                 server.announced_,
                 server.registration_,
                 door,
                 {endpoint()},
                 server.limits(),
                 server.scene_.weather.feed ? static_cast<pipeline::Bot*>(&feed) : &direct},
        clients(services),
        broker(std::make_unique<broker::Broker>(
            broker::Broker::Ports{context->get_executor(), engine, server.clock_, timers, sink, counters},
            broker::Limits{})),
        app{*broker, access_of, true} {
    if (server.scene_.weather.broker) services.app = &app;
    if (server.scene_.weather.feed) worker.emplace(server.scene_, feed, context->get_executor(), sink);
  }

  // Coroutines that wait are forgotten where they wait, then those that were about to run.
  ~Process() {
    engine.forget();
    direct.forget();
    worker.reset();
    feed.stop();
    timers.drop();
    broker.reset();
    work.reset();
    context.reset();
  }

  static asio::awaitable<void> wind_down(Process& process) {
    process.feed.stop();
    process.broker->stop_taking();
    co_await process.clients.stop(stop_patience);
    for (Millis waited = 0; process.broker->busy() && waited < stop_patience; waited += 10)
      co_await pipeline::pause(process.timers, 10);
    process.broker->dismiss_all(mqtt::ReasonCode::server_shutting_down, "the server is shutting down");
    process.wound_down = true;
  }

  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work{context->get_executor()};
  Lines sink;
  Counters counters;
  ProcessTimers timers;
  Engine engine;
  pipeline::Door door;
  Bot direct;
  bot::Feed feed;
  pipeline::Services services;
  pipeline::Clients clients;
  std::unique_ptr<broker::Broker> broker;
  pipeline::AppService app;
  std::optional<FeedWorker> worker;
  bool stopping = false;
  bool wound_down = false;
  bool over = false;  // its disk has failed, and it is about to end
};

Server::Server(Scene& scene, Judge& judge)
    : scene_(scene),
      judge_(judge),
      dice_(scene.fork()),
      random_(scene.fork()),
      clock_(scene.schedule),
      identity_(random_, "server"),
      announced_{identity_.permalink(), identity_.versions(), &identity_.signer()},
      disk_(new_id(random_)) {
  const pipeline::Limits ours = limits();
  mqtt_limits_.packet_size = static_cast<std::uint32_t>(ours.message_max) + 1'024;
  mqtt_limits_.packet_size_before_accept = static_cast<std::uint32_t>(ours.unproven_bytes);
  mqtt_limits_.receive_maximum = ours.window;
  mqtt_limits_.wildcard_subscriptions = true;
  judge_.acked = [this](const log::Lane& device) { return disk_.acked(device); };
  judge_.forget_log(disk_.id());
  judge_.check_acks_after_restore();
}

Server::~Server() {
  end_process();
}

pipeline::Limits Server::limits() const {
  const Weather& weather = scene_.weather;
  pipeline::Limits limits;
  limits.message_max = Judge::message_max;
  limits.window = weather.window;
  limits.session = weather.session;
  limits.inbox_messages = weather.inbox_messages;
  limits.outbox_messages = weather.outbox_messages;
  limits.devices_max = 64;  // labels that are over count until they are shut
  return limits;
}

Engine* Server::log_of_process() const {
  return &process_->engine;
}

bool Server::idle() const {
  if (!up() || !process_->engine.idle()) return false;
  for (const auto& client : process_->clients.all())
    if (!client->idle()) return false;
  return true;
}

void Server::start() {
  if (up()) return;
  scene_.say("-- the server starts");
  process_ = std::make_unique<Process>(*this);
  Process& process = *process_;
  process.engine.on_fatal([this](const ErrorCode&) { process_->over = true; });
  if (scene_.weather.broker) {
    process.broker->restore(disk_.store().mqtt_state(), [](const std::string& key) {
      return access_of(std::string_view(key).substr(pipeline::AppService::key_prefix.size()));
    });
    broker::retract_presence(*process.broker);
  }
  pipeline::spawn(process.context->get_executor(), process.sink, "resume", process.clients.resume());
  scene_.reached_by_server(Row::starting);
}

void Server::end_process() {
  if (!up()) return;
  for (const auto& line : lines_)
    if (line->server) line->server->drop();
  process_.reset();
  for (const auto& line : lines_) {
    if (!line->server) continue;
    line->server.reset();
    // A process that is gone resets its connections; the news may be lost, as with a machine that is gone.
    line->cut(scene_.calm || dice_.chance(0.7), false);
  }
  lines_.clear();
}

void Server::restart_later() {
  scene_.crash_done();
  if (std::exchange(start_planned_, true)) return;
  scene_.schedule.after(scene_.calm ? 100 : dice_.between(20, 8'000), [this] {
    start_planned_ = false;
    start();
  });
}

void Server::crash() {
  if (!up()) return;
  scene_.say("-- the server crashes");
  end_process();
  restart_later();
}

void Server::stop_in_order() {
  if (!up() || process_->stopping) return;
  scene_.say("-- the server stops in good order");
  scene_.coverage.add(Row::server_stop);
  process_->stopping = true;
  pipeline::spawn(process_->context->get_executor(), process_->sink, "wind_down", Process::wind_down(*process_));
  process_->timers.after(std::chrono::milliseconds(stop_patience + 1'000),
                         [process = process_.get()] { process->wound_down = true; });
  scene_.reached_by_server(Row::stopping);
}

void Server::back_up() {
  if (backups_.size() == backups_max) backups_.erase(backups_.begin() + static_cast<std::ptrdiff_t>(dice_.below(2)));
  backups_.push_back(disk_.backup());
}

bool Server::restore() {
  if (backups_.empty()) return false;
  end_process();
  const Disk::Backup backup = dice_.pick(backups_);
  disk_.restore(backup, new_id(random_), clock_.now(), judge_);
  scene_.say("-- the server is restored to event {} as log {}", disk_.store().head().id.value, disk_.id().text());
  scene_.coverage.add(Row::server_restore);
  restart_later();
  return true;
}

void Server::accept(const std::shared_ptr<Line>& line) {
  if (!up() || process_->stopping) return line->cut(true, false);
  lines_.push_back(line);
  line->server = std::make_shared<ServerEnd>(*line, buffers_, line->address);
  line->server->executor = asio::make_strand(process_->context->get_executor());
  pipeline::spawn(
      line->server->executor, process_->sink, "authenticate",
      pipeline::authenticate(process_->services, process_->clients, process_->door, mqtt_limits_, line->server));
}

void Server::settle() {
  while (up() && !scene_.violation()) {
    if (scene_.crash_asked()) return crash();
    const bool ran = process_->context->poll_one() > 0;
    if (!ran && process_->over) return crash();
    if (!ran && process_->wound_down) {
      process_->engine.stop();
      end_process();
      return restart_later();
    }
    if (!ran) return;
  }
  scene_.crash_done();
}

}  // namespace sealpost::sim
