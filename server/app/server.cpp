#include "app/server.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

#include "api/api.hpp"
#include "app/access.hpp"
#include "app/keys.hpp"
#include "app/limits.hpp"
#include "app/listening.hpp"
#include "bot/echo.hpp"
#include "broker/guest.hpp"
#include "broker/presence.hpp"
#include "log/sqlite_log.hpp"
#include "net/listener.hpp"
#include "net/wheel.hpp"
#include "pipeline/app.hpp"
#include "pipeline/authenticate.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::app {
namespace {

namespace asio = boost::asio;

constexpr Millis stop_patience = 8'000;  // for commits and acks under way, of the 10 s that stopping may take

std::size_t threads_of(const ServerSection& section) {
  if (section.threads > 0) return static_cast<std::size_t>(section.threads);
  return std::max(1U, std::thread::hardware_concurrency());
}

// For whoever reads why the server does not start.
std::string_view advice_for(const ErrorCode& error) {
  if (error == log::Errc::corrupt) return ". `sealpost verify` says where; restore it from a backup.";
  if (error == log::Errc::wal_damaged) return ". Restore it from a backup that verifies.";
  if (error == log::Errc::not_a_log) return ". Check the path; if it was one, restore it from a backup.";
  return "";
}

std::unique_ptr<log::EventLog> open_log(const Configuration& configuration, Clock& clock, Random& random, LogSink& sink,
                                        Counters& counters) {
  const std::string path = configuration.in_data_dir(configuration.log.file).string();
  auto opened = log::open_sqlite_log({path, clock, random, sink, counters});
  if (!opened)
    throw std::runtime_error(fmt::format("{}: {}{}", path, opened.error().message(), advice_for(opened.error())));
  return std::move(*opened);
}

std::unique_ptr<pipeline::Bot> bot_of(const BotSection& section, Timers& timers) {
  switch (section.kind) {
    case BotKind::none:
      return nullptr;
    case BotKind::echo:
      return std::make_unique<bot::Echo>(section.consumer);
    case BotKind::rest:
      return std::make_unique<bot::Feed>(section.consumer, timers);
  }
  return nullptr;
}

}  // namespace

struct Server::Parts {
  Parts(const Configuration& given, StderrLog& log_sink)
      : configuration(given),
        sink(log_sink),
        threads(threads_of(configuration.server)),
        context(std::make_unique<asio::io_context>(static_cast<int>(threads))),
        io(*context),
        wheel(io.get_executor()),
        keys(open_or_create_keys(configuration, clock, random, sink)),
        log(open_log(configuration, clock, random, sink, counters)),
        registration(registration_of(configuration.registration)),
        door(clock, random, address_limits_of(configuration.limits)),
        bot(bot_of(configuration.bot, wheel)),
        services{io.get_executor(),
                 *log,
                 clock,
                 random,
                 wheel,
                 sink,
                 counters,
                 keys.identity,
                 registration,
                 door,
                 configuration.server.endpoints,
                 limits_of(configuration),
                 bot.get()},
        clients(services),
        tokens(configuration.in_data_dir(configuration.api.tokens_file), sink),
        access(configuration.app, tokens),
        mqtt_limits(mqtt_limits_of(services.limits)),
        open_limits(open_limits_of(configuration, mqtt_limits)),
        broker(std::make_unique<broker::Broker>(
            broker::Broker::Ports{io.get_executor(), *log, clock, wheel, sink, counters},
            broker_limits_of(configuration))),
        app{*broker, [this](std::string_view client_id) { return access.of(pipeline::AppService::key_of(client_id)); },
            configuration.app.presence},
        proven_limits(has_app() ? app_limits_of(configuration, mqtt_limits) : mqtt_limits),
        open_door{*broker, open_limits, random,
                  [this](const mqtt::Connect&, std::string_view id) { return access.admit_anybody(id); }},
        bots_door{*broker, open_limits, random,
                  [this](const mqtt::Connect& connect, std::string_view id) { return access.admit_bot(connect, id); }},
        api(services, clients, door, tokens, dynamic_cast<bot::Feed*>(bot.get()), api_options()),
        admission(std::make_shared<net::Admission>(admission_limits_of(configuration.limits))) {}

  // Coroutines that still wait end with the io_context, and on their way out they cancel deadlines and give buffers
  // back: so it goes before the rest. The broker's sessions have connections, whose sockets need it: so they go before
  // it; and what the log still tells the broker comes before that.
  ~Parts() {
    listeners.clear();
    wheel.stop();
    log->stop();
    broker.reset();
    context.reset();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  bool has_app() const {
    const AppSection& section = configuration.app;
    return !section.clients_publish.empty() || !section.clients_subscribe.empty() || section.presence;
  }
  api::Options api_options() {
    api::Options options;
    options.long_poll_max = configuration.api.long_poll_seconds_max * 1000;
    options.body_max = api_body_max(services.limits);
    options.proof_bytes_max = services.limits.unproven_bytes;
    options.local_uid = ::getuid();
    options.ready = [this] { return serving.load(); };
    return options;
  }
  void listen();
  void listen_on(const Listener&);
  net::OnChannel receiver_of(ListenerAccess);
  void on_channel(std::shared_ptr<net::Channel>);
  void log_own_identity();
  log::MqttState read_mqtt_state();
  asio::awaitable<void> wind_down();

  const Configuration configuration;
  StderrLog& sink;
  SystemClock clock;
  SystemRandom random;
  Counters counters;
  const std::size_t threads;
  std::unique_ptr<asio::io_context> context;
  asio::io_context& io;
  net::Wheel wheel;
  net::BufferPool buffers;
  ServerKeys keys;
  std::unique_ptr<log::EventLog> log;
  pipeline::RegistrationPolicy registration;
  pipeline::Door door;
  std::unique_ptr<pipeline::Bot> bot;
  pipeline::Services services;
  pipeline::Clients clients;
  api::Tokens tokens;
  AppAccess access;
  const mqtt::Limits mqtt_limits;
  const mqtt::Limits open_limits;
  std::unique_ptr<broker::Broker> broker;
  pipeline::AppService app;
  const mqtt::Limits proven_limits;
  const broker::Door open_door;
  const broker::Door bots_door;
  api::Api api;
  std::shared_ptr<net::Admission> admission;
  std::vector<std::shared_ptr<net::TlsContext>> certificates;
  std::vector<std::unique_ptr<net::Listener>> listeners;

  std::atomic<bool> serving{false};
  std::mutex mutex;
  std::condition_variable changed;
  bool stop_asked = false;
  bool log_failed = false;
};

void Server::Parts::listen() {
  for (const Listener& listener : configuration.listeners) listen_on(listener);
}

void Server::Parts::listen_on(const Listener& listener) {
  net::ListenerOptions options;
  options.name = listener.name;
  options.service = speaks_http(listener.kind) ? net::Service::web : net::Service::mqtt;
  options.host = listener.address;
  options.origins = listener.origins;
  for (const std::string& text : listener.proxy_from)
    if (const auto range = net::AddressRange::parse(text)) options.proxies.push_back(*range);
  options.channel.unsent_max = services.limits.server_message_max() * (lane::Window::size_max + 4);
  // Packets may share a WebSocket message (MQTT 5.0, section 6): as many as may be under way, and one more.
  options.channel.frame_max = std::size_t{mqtt_limits.packet_size} * (mqtt_limits.receive_maximum + std::size_t{1});
  options.http.body_max = api_body_max(services.limits);
  options.handshake = std::chrono::milliseconds(services.limits.unproven);
  if (is_unix(listener.kind)) {
    options.unix_path = configuration.in_data_dir(listener.path);
    options.unix_mode = mode_of(listener.socket_access);
  } else {
    options.port = static_cast<std::uint16_t>(listener.port);
  }
  if (ends_tls(listener.kind)) {
    make_certificate_if_missing(configuration, listener, sink);
    options.tls = std::make_shared<net::TlsContext>(tls_options_of(configuration, listener), sink);
    certificates.push_back(options.tls);
  }
  net::Receivers receivers;
  if (listener.serves_what("mqtt")) receivers.on_channel = receiver_of(listener.access);
  const api::Serves serves{listener.serves_what("api"), listener.serves_what("health")};
  if (serves.api || serves.health) receivers.on_request = api.handler(serves);
  receivers.judge = api.judge();  // also where there is nothing to call: a body is not read for a 404
  const bool for_health = serves.health && !serves.api && !receivers.on_channel;
  if (!for_health) options.http.stranger = options.handshake;
  // What strangers fill must not shut out the machine's own programs, nor whoever asks how the server is.
  const bool apart = for_health || is_unix(listener.kind);
  const auto counted = apart ? std::make_shared<net::Admission>(admission_limits_of(configuration.limits)) : admission;
  listeners.push_back(std::make_unique<net::Listener>(net::Ports{io.get_executor(), buffers, wheel, sink, counters},
                                                      std::move(options), counted, std::move(receivers)));
}

net::OnChannel Server::Parts::receiver_of(ListenerAccess kind) {
  if (kind == ListenerAccess::proven)
    return [this](std::shared_ptr<net::Channel> channel) { on_channel(std::move(channel)); };
  const broker::Door& door_of_kind = kind == ListenerAccess::open ? open_door : bots_door;
  return [&door_of_kind](std::shared_ptr<net::Channel> channel) {
    broker::Guest::serve(door_of_kind, std::move(channel));
  };
}

void Server::Parts::on_channel(std::shared_ptr<net::Channel> channel) {
  pipeline::spawn(asio::make_strand(io), sink, "authenticate",
                  pipeline::authenticate(services, clients, door, proven_limits, std::move(channel)));
}

// The server's own identity stands in the log like everybody's, so that the log can be checked without the key ring.
void Server::Parts::log_own_identity() {
  for (const object::Identity& version : keys.identity.versions) {
    log::Transaction transaction;
    transaction.drafts.push_back(pipeline::identity_draft(version));
    log->append(std::move(transaction), [this](const Result<log::Appended>& appended) {
      const bool known = !appended && appended.error() == log::Errc::identity_conflict;
      if (!appended && !known)
        sink.write(Level::error, "app", "cannot log the server's identity: " + appended.error().message());
    });
  }
}

// What the log's database has of MQTT sessions. Blocks, at the start; a log that cannot read it answers nothing and
// fails.
log::MqttState Server::Parts::read_mqtt_state() {
  std::optional<log::MqttState> state;
  log->read([this, &state](log::Reader& reader) {
    log::MqttState read = reader.mqtt_state();
    const std::lock_guard lock(mutex);
    state = std::move(read);
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return state.has_value() || log_failed; });
  if (!state) ::_exit(static_cast<int>(Ended::log_failed));
  return *std::move(state);
}

asio::awaitable<void> Server::Parts::wind_down() {
  if (auto* feed = dynamic_cast<bot::Feed*>(bot.get())) feed->stop();
  broker->stop_taking();
  co_await clients.stop(stop_patience);
  for (Millis waited = 0; broker->busy() && waited < stop_patience; waited += 10) co_await pipeline::pause(wheel, 10);
  broker->dismiss_all(mqtt::ReasonCode::server_shutting_down, "the server is shutting down; connect again soon");
}

Server::Server(const Configuration& configuration, StderrLog& sink)
    : parts_(std::make_unique<Parts>(configuration, sink)) {
  Parts& parts = *parts_;
  parts.log->on_fatal([&parts](const ErrorCode& error) {
    parts.sink.write(Level::error, "log",
                     fmt::format("the disk failed: {}. Stopping; nothing that is not on disk was acknowledged. Check "
                                 "the disk, then `sealpost verify`, then start again.",
                                 error.message()));
    const std::lock_guard lock(parts.mutex);
    parts.log_failed = true;
    parts.changed.notify_all();
  });
  if (parts.has_app()) parts.services.app = &parts.app;
  parts.log_own_identity();
  parts.broker->restore(parts.read_mqtt_state(), [&parts](const std::string& key) { return parts.access.of(key); });
  broker::retract_presence(*parts.broker);
  parts.broker->keep(std::make_shared<const mqtt::Message>("$SYS/broker/version", BytesView{},
                                                           as_bytes("sealpost " SEALPOST_VERSION),
                                                           mqtt::Qos::at_most_once, true, mqtt::Message::never));
  parts.listen();
  write_listening(parts.configuration, parts.listeners);
}

Server::~Server() = default;

Ended Server::run(const std::function<void()>& started) {
  Parts& parts = *parts_;
  auto work = asio::make_work_guard(parts.io);
  std::vector<std::thread> threads;
  threads.reserve(parts.threads);
  for (std::size_t i = 0; i < parts.threads; ++i) threads.emplace_back([&parts] { parts.io.run(); });
  pipeline::spawn(parts.io.get_executor(), parts.sink, "resume", parts.clients.resume());
  parts.serving = true;
  for (const auto& listener : parts.listeners) listener->start();
  started();

  bool failed = false;
  {
    std::unique_lock lock(parts.mutex);
    parts.changed.wait(lock, [&parts] { return parts.stop_asked || parts.log_failed; });
    failed = parts.log_failed;
  }
  parts.serving = false;
  for (const auto& listener : parts.listeners) listener->stop();
  if (failed) ::_exit(static_cast<int>(Ended::log_failed));  // nothing may leave any more, whoever is at it

  std::promise<void> wound_down;
  asio::co_spawn(parts.io, parts.wind_down(), [&wound_down](const std::exception_ptr&) { wound_down.set_value(); });
  wound_down.get_future().wait_for(std::chrono::milliseconds(stop_patience + 1'000));
  parts.log->stop();
  work.reset();
  parts.io.stop();
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(parts.mutex);  // the disk may have failed on the way down
  return parts.log_failed ? Ended::log_failed : Ended::in_order;
}

void Server::stop() {
  const std::lock_guard lock(parts_->mutex);
  parts_->stop_asked = true;
  parts_->changed.notify_all();
}

void Server::reload(const Configuration& configuration) {
  parts_->sink.set_level(configuration.logging.level);
  parts_->registration.set(registration_of(configuration.registration));
  const bool rules = !configuration.app.clients_publish.empty() || !configuration.app.clients_subscribe.empty();
  if (rules && !parts_->has_app())
    parts_->sink.write(Level::warn, "app", "[app] had no rules for clients at the start: restart to take them up");
  parts_->access.set(configuration.app);
  parts_->broker->renew_access([this](const std::string& key) { return parts_->access.of(key); });
  for (const auto& certificate : parts_->certificates) certificate->reload();
}

bool Server::answers() {
  const auto answered = std::make_shared<std::promise<void>>();
  asio::post(*parts_->context, [answered] { answered->set_value(); });
  return answered->get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready;
}

std::vector<std::string> Server::addresses() const {
  return addresses_of(parts_->configuration, parts_->listeners);
}

std::string Server::permalink() const {
  return parts_->keys.identity.permalink.hex();
}

}  // namespace sealpost::app
