#include "pipeline/stage.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace sealpost::pipeline::test {

// The channel ---------------------------------------------------------------------------------------------------------

std::optional<Result<net::Lease>> FakeChannel::try_receive() {
  if (closed_) return Result<net::Lease>(net::Errc::closed);
  if (given_.empty()) return std::nullopt;
  net::Lease lease = buffers_.large();
  const std::size_t size = std::min(given_.size(), lease.capacity());
  std::copy_n(given_.begin(), size, lease.room().begin());
  lease.resize(size);
  given_.erase(given_.begin(), given_.begin() + static_cast<std::ptrdiff_t>(size));
  return Result<net::Lease>(std::move(lease));
}

void FakeChannel::when_input(std::function<void()> on_input) {
  on_input_ = std::move(on_input);
}

void FakeChannel::tell_receiver() {
  if (on_input_) asio::post(stranger, std::exchange(on_input_, nullptr));
}

void FakeChannel::send(net::Chunk chunk) {
  if (closed_) return;
  const BytesView bytes = net::view_of(chunk);
  sent_.insert(sent_.end(), bytes.begin(), bytes.end());
}

asio::awaitable<Result<void>> FakeChannel::drained(std::size_t below) {
  while (unsent_ >= below && !closed_) co_await taken_.wait();
  if (closed_) co_return net::Errc::closed;
  co_return Result<void>();
}

void FakeChannel::hold_unsent(std::size_t bytes) {
  unsent_ = bytes;
  taken_.open();
}

void FakeChannel::give(BytesView bytes) {
  given_.insert(given_.end(), bytes.begin(), bytes.end());
  tell_receiver();
}

void FakeChannel::hang_up() {
  closed_ = true;
  taken_.open();
  tell_receiver();
}

// The bot -------------------------------------------------------------------------------------------------------------

asio::awaitable<Result<Answer>> HeldBot::answer(Update update) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<Answer>)>(
      [this](auto handler, Update given) {
        asked.push_back({std::move(given), Resume<Result<Answer>>(std::move(handler))});
      },
      asio::use_awaitable, std::move(update));
}

Update HeldBot::take(Result<Answer> answer) {
  REQUIRE_FALSE(asked.empty());
  Asked oldest = std::move(asked.front());
  asked.pop_front();
  oldest.resume(std::move(answer));
  return oldest.update;
}

Update HeldBot::reply(Answer answer) {
  return take(std::move(answer));
}

Update HeldBot::reply(std::string_view text) {
  Answer answer;
  answer.replies.push_back(reply_of(text));
  return take(std::move(answer));
}

Update HeldBot::fail() {
  return take(make_error_code(boost::system::errc::io_error));
}

std::string HeldBot::text(std::size_t at) const {
  REQUIRE(at < asked.size());
  return said(asked[at].update.message().payload());
}

std::string say(std::string_view text) {
  return R"({"_t":"test.Say","text":")" + std::string(text) + "\"}";
}

std::string said(std::string_view payload_or_text) {
  const auto fields = auth::fields_of(payload_or_text);
  if (const auto* const inner = fields.if_contains("object")) return said(auth::text_of(inner->as_object()));
  if (const auto* const text = fields.if_contains("text")) return std::string(text->as_string());
  return std::string(fields.at("_t").as_string());
}

Reply reply_of(std::string_view text) {
  Reply reply;
  reply.type = "test.Say";
  reply.payload = say(text);
  return reply;
}

// The stage -----------------------------------------------------------------------------------------------------------

struct Stage::Process {
  explicit Process(Stage& stage)
      : door(stage.clock, stage.random, auth::AddressLimits{}),
        services{context->get_executor(),
                 stage.log,
                 stage.clock,
                 stage.random,
                 stage.timers,
                 stage.sink,
                 stage.counters,
                 stage.identity_,
                 stage.registration_,
                 door,
                 {"mqtt://test:1883"},
                 stage.limits,
                 &stage.bot},
        clients(services) {}

  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work{context->get_executor()};
  Door door;
  Services services;
  Clients clients;
};

Stage::Stage() {
  mqtt_limits_.receive_maximum = limits.window;
  mqtt_limits_.wildcard_subscriptions = true;
  identity_ = {server.permalink(), server.versions, &server.sign};
  process_ = std::make_unique<Process>(*this);
}

Stage::~Stage() {
  end();
}

// Coroutines that wait are forgotten where they wait, then those that were about to run.
void Stage::end() {
  log.crash();
  bot.asked.clear();
  timers.drop();
  for (const auto& channel : channels_) channel->drop();
  process_->work.reset();
  process_->context.reset();
  channels_.clear();
}

void Stage::restart() {
  end();
  process_ = std::make_unique<Process>(*this);
}

void Stage::resume() {
  spawn(process_->context->get_executor(), sink, "resume", process_->clients.resume());
  settle();
}

void Stage::run() {
  process_->context->poll();
}

bool Stage::run_one() {
  return process_->context->poll_one() > 0;
}

void Stage::step() {
  run();
  log.flush();
  run();
}

void Stage::settle() {
  for (int rounds = 0; rounds < 1'000; ++rounds) {
    std::size_t ran = process_->context->poll();
    log.flush();
    ran += process_->context->poll();
    if (ran == 0) return;
  }
  FAIL("it never comes to rest");
}

void Stage::until(const std::function<bool()>& holds) {
  run();
  for (int rounds = 0; rounds < 100; ++rounds) {
    if (holds()) return;
    step();
  }
  FAIL("it never happens");
}

void Stage::advance(Millis by) {
  timers.advance(by);
  run();
}

std::shared_ptr<FakeChannel> Stage::dial() {
  channels_.push_back(std::make_shared<FakeChannel>(buffers));
  auto stranger = authenticate(process_->services, process_->clients, process_->door, mqtt_limits_, channels_.back());
  channels_.back()->stranger = asio::make_strand(process_->context->get_executor());
  spawn(channels_.back()->stranger, sink, "authenticate", std::move(stranger));
  return channels_.back();
}

namespace {

using Sent = std::optional<Result<log::Appended>>;

asio::awaitable<void> send_to(std::shared_ptr<Client> client, Outgoing message, std::shared_ptr<Sent> result) {
  co_await client->ready();
  std::vector<Outgoing> messages;
  messages.push_back(std::move(message));
  std::vector<log::Draft> others;
  auto appended = co_await client->send(std::move(messages), std::move(others), std::nullopt);
  result->emplace(std::move(appended));
}

}  // namespace

std::optional<Result<log::Appended>> Stage::send(const auth::Party& to, std::string_view text) {
  const auto client = process_->clients.at(to.permalink());
  const auto result = std::make_shared<Sent>();
  Outgoing message;
  message.payload = say(text);
  message.type = "test.Say";
  spawn(client->strand(), sink, "send", send_to(client, std::move(message), result));
  settle();
  return *result;
}

std::vector<log::StoredEvent> Stage::events(log::Kind kind) {
  std::vector<log::StoredEvent> found;
  log.read([&](log::Reader& reader) { found = reader.events_after({}, {kind}, {.events = 10'000}).events; });
  log.flush();
  return found;
}

}  // namespace sealpost::pipeline::test
