#include "world.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace sealpost::client {

namespace {

const mqtt::Limits& limits() {
  static const mqtt::Limits all;
  return all;
}

constexpr auto whatever_happens = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct FakeServer::Live {
  Live(asio::ip::tcp::socket with, Millis now) : socket(std::move(with)), engine(limits(), now) {}

  std::string prefix() const { return "sp/" + client.hex() + "/" + device.text() + "/"; }

  asio::ip::tcp::socket socket;
  mqtt::Session session;
  mqtt::Connection engine;
  std::optional<auth::ServerHandshake> handshake;
  Permalink client;
  Device device;
  std::string name;
  bool welcomed = false;
  bool subscribed = false;
  bool close = false;
  std::size_t sent = 0;
};

FakeServer::FakeServer(asio::io_context& context, Clock& clock, Random& random)
    : who(random, "Fake"),
      context_(context),
      clock_(clock),
      random_(random),
      acceptor_(context, {asio::ip::address_v4::loopback(), 0}) {
  asio::co_spawn(context_, accept(), asio::detached);
}

asio::awaitable<void> FakeServer::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(whatever_happens);
    if (error) co_return;
    ++connections;
    live_ = std::make_shared<Live>(std::move(socket), clock_.now());
    asio::co_spawn(context_, serve(live_), asio::detached);
  }
}

asio::awaitable<void> FakeServer::serve(std::shared_ptr<Live> live) {
  std::array<std::uint8_t, 16'384> bytes;
  while (!live->close) {
    const auto buffer = asio::buffer(bytes);
    auto [error, count] = co_await live->socket.async_read_some(buffer, whatever_happens);
    if (error) break;
    live->engine.receive({bytes.data(), count}, clock_.now());
    while (!live->close) {
      const auto event = live->engine.next();
      if (!event) break;
      handle(*live, *event);
    }
    Bytes out_bytes;
    live->engine.take_output(out_bytes);
    const auto output = asio::buffer(out_bytes);
    auto [failed, written] = co_await asio::async_write(live->socket, output, whatever_happens);
    if (failed || live->engine.closing()) break;
  }
  boost::system::error_code ignored;
  live->socket.close(ignored);
}

void FakeServer::handle(Live& live, const mqtt::Event& event) {
  if (const auto* const connect = std::get_if<mqtt::ConnectReceived>(&event)) {
    challenge(live, *connect->properties.authentication_data, connect->client_id);
  } else if (const auto* const auth = std::get_if<mqtt::AuthReceived>(&event)) {
    if (auth->reason == mqtt::ReasonCode::reauthenticate) {
      challenge(live, *auth->properties.authentication_data, std::nullopt);
    } else {
      welcome(live, *auth->properties.authentication_data);
    }
  } else if (const auto* const subscribe = std::get_if<mqtt::SubscribeReceived>(&event)) {
    live.subscribed = true;
    (void)live.engine.suback(subscribe->packet_id, {mqtt::ReasonCode::granted_qos_0, mqtt::ReasonCode::granted_qos_0,
                                                    mqtt::ReasonCode::granted_qos_0, mqtt::ReasonCode::granted_qos_1});
    deliver(live);
  } else if (const auto* const publish = std::get_if<mqtt::PublishReceived>(&event)) {
    take(live, *publish);
  } else if (const auto* const puback = std::get_if<mqtt::PubackReceived>(&event)) {
    if (close_before_acked > 0) {
      --close_before_acked;
      live.close = true;
      return;
    }
    acked = std::max(acked, static_cast<std::size_t>(puback->token));
    deliver(live);
  }
}

void FakeServer::challenge(Live& live, BytesView hello, std::optional<std::string_view> client_id) {
  const std::vector<std::string> endpoints{endpoint()};
  const auto purpose = client_id ? auth::Purpose::connect : auth::Purpose::reauth;
  auto handshake = auth::ServerHandshake::begin(as_text(hello), {client_id, &endpoints, {purpose}});
  if (!handshake || refuse) {
    (void)live.engine.refuse(mqtt::ReasonCode::not_authorized);
    return;
  }
  live.handshake = std::move(*handshake);
  auth::ChallengeTerms terms;
  terms.server = who.permalink();
  for (const auto& version : who.versions) {
    terms.server_identity.emplace_back(version.stored());
    terms.server_links.push_back(version.link());
  }
  terms.nonce = random_.bytes<32>();
  terms.received = terms.now = clock_.now() + time_ahead;
  terms.limits = {message_max, 4, 3'600};
  const std::string text = live.handshake->challenge(terms, who.sign);
  (void)live.engine.authenticate(mqtt::ReasonCode::continue_authentication, as_bytes(text));
}

void FakeServer::welcome(Live& live, BytesView proof) {
  const auth::Registration open;
  const Permalink claimed = live.handshake->hello().client;
  const auto accepted_proof =
      live.handshake->proof(as_text(proof), {&known_[claimed], std::nullopt, &open, clock_.now() + time_ahead});
  if (!accepted_proof) {
    const bool too_many = accepted_proof.error() == auth::Errc::too_many;
    (void)live.engine.refuse(too_many ? mqtt::ReasonCode::connection_rate_exceeded : mqtt::ReasonCode::not_authorized);
    return;
  }
  for (const auto& version : accepted_proof->introduce) known_[claimed].push_back(version);
  client_ = live.client = accepted_proof->client;
  live.device = accepted_proof->device;
  if (!live.welcomed) {
    devices.push_back(live.device.text());
    live.sent = accepted_proof->position && accepted_proof->position->received
                    ? static_cast<std::size_t>(accepted_proof->position->received->n.value)
                    : 0;
  }
  auth::Welcome welcome;
  welcome.session = "session";
  welcome.epoch = {++epochs_};
  welcome.expires = clock_.now() + time_ahead + 2 * session_ms;
  welcome.reauth_after = clock_.now() + time_ahead + session_ms;
  welcome.identity = known_[claimed].back().link();
  welcome.received = in_heads[live.device.text()];
  if (!out.empty()) welcome.sent = {{out.size()}, out.back().link};
  welcome.light = std::exchange(shut_device, false) ? lane::Light::shut : lane::Light::green;
  welcome.log = log;
  welcome.time = clock_.now() + time_ahead;
  const std::string text = live.handshake->welcome(welcome, who.sign);
  if (live.welcomed) {
    ++reauthentications;
    (void)live.engine.authenticate(mqtt::ReasonCode::success, as_bytes(text));
    return;
  }
  live.welcomed = true;
  live.session.attach(true, 0, clock_.now());
  mqtt::ConnackOptions options;
  options.authentication_data = as_bytes(text);
  (void)live.engine.accept(live.session, options);
}

// Dense, linked, and not ahead of the clock: what the real table asks, as far as these tests need it.
bool FakeServer::accept_message(Live& live, const object::Message& message) {
  lane::Mark& head = in_heads[live.device.text()];
  if (message.n() <= head.n) return true;  // a duplicate: the same ack again
  if (message.time() > clock_.now() + time_ahead + 10'000) reject_next = "clock";
  if (reject_next.empty() && (message.n() != head.n.next() || message.previous() != head.link)) reject_next = "gap";
  if (!reject_next.empty()) return false;
  head = {message.n(), message.link()};
  accepted.emplace_back(message.stored());
  if (echo) say(R"({"_t":"demo.Echo","echo":)" + std::string(message.payload()) + "}", message.link());
  return true;
}

void FakeServer::take(Live& live, const mqtt::PublishReceived& publish) {
  const mqtt::PacketId packet = publish.packet_id;
  const auto object = object::Object::parse(as_text(publish.payload));
  REQUIRE(object.has_value());
  const auto message = object::Message::read(*object);
  REQUIRE(message.has_value());
  const bool taken = accept_message(live, *message);
  if (close_before_puback > 0) {
    --close_before_puback;
    live.close = true;
    return;
  }
  mqtt::Properties properties;
  if (taken) {
    (void)live.engine.puback(packet);
    return;
  }
  const std::string code = std::exchange(reject_next, {});
  properties.user_properties.emplace_back("code", code);
  (void)live.engine.puback(packet, mqtt::ReasonCode::implementation_specific_error, properties);
}

void FakeServer::say(std::string_view payload, std::optional<Link> answers) {
  const lane::Mark head = out.empty() ? lane::Mark{} : lane::Mark{{out.size()}, out.back().link};
  out.push_back(message(who, client_, log, head, clock_.now() + static_cast<Millis>(out.size()), payload, answers));
  if (!live_ || !live_->subscribed || live_->close) return;
  deliver(*live_);
  flush(live_);
}

void FakeServer::flush(std::shared_ptr<Live> to) {
  asio::co_spawn(
      context_,
      [](std::shared_ptr<Live> live) -> asio::awaitable<void> {
        Bytes bytes;
        live->engine.take_output(bytes);
        const auto buffer = asio::buffer(bytes);
        co_await asio::async_write(live->socket, buffer, whatever_happens);
      }(std::move(to)),
      asio::detached);
}

void FakeServer::disconnect(mqtt::ReasonCode reason) {
  (void)live_->engine.disconnect(reason);
  flush(live_);
}

void FakeServer::deliver(Live& live) {
  const std::string topic = live.prefix() + "inbox";
  while (live.subscribed && live.sent < out.size() && live.engine.window() > 0) {
    const object::Signed& next = out[live.sent];
    mqtt::OutPublish publish{topic, as_bytes(next.stored)};
    publish.qos = mqtt::Qos::at_least_once;
    publish.token = ++live.sent;
    (void)live.engine.publish(publish);
  }
}

void FakeServer::drop() {
  if (!live_) return;
  live_->close = true;
  boost::system::error_code ignored;
  live_->socket.close(ignored);
}

// The client ----------------------------------------------------------------------------------------------------------

World::~World() {
  wheel->stop();
  session.reset();
  server.reset();
  context.reset();
}

void World::start() {
  auto opened = Store::open(folder / "store.db", anna.permalink(), draw_device(random));
  REQUIRE(opened.has_value());
  store = std::move(*opened);
  SessionOptions options;
  options.address = *Address::parse(server->address());
  options.self = anna.self();
  options.server_expected = server_expected;
  options.backoff_min = std::chrono::milliseconds(5);
  options.backoff_max = std::chrono::milliseconds(20);
  session = std::make_unique<Session>(ports(), clock, random, *store, std::move(options), told);
  ended.reset();
  asio::co_spawn(*context, session->run(), [this](std::exception_ptr broken, Result<void> result) {
    if (broken) std::rethrow_exception(broken);
    ended = result;
  });
}

void World::stop() {
  session->stop();
  until([&] { return ended.has_value(); });
  session.reset();
  store.reset();
}

void World::until(const std::function<bool()>& holds) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > patience) FAIL("a test waits for ever");
    context->run_one_for(std::chrono::milliseconds(50));
    if (context->stopped()) context->restart();
  }
}

Entry World::submit(std::string_view text, std::optional<Permalink> to) {
  Draft draft;
  draft.recipient = to ? to : std::optional(server->who.permalink());
  draft.payload = text_payload(text);
  const auto entry = session->submit(draft);
  REQUIRE(entry.has_value());
  return *entry;
}

}  // namespace sealpost::client
