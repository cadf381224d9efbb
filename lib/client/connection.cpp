#include "client/connection.hpp"

#include <fmt/format.h>

#include "client/reason.hpp"

namespace sealpost::client {
namespace {

constexpr std::size_t packet_size_max = 8 * 1024 * 1024;  // what a server may send us; more than any sane limit
constexpr std::string_view method = "SEALPOST-1";
constexpr std::chrono::milliseconds handshake_time{15'000};  // from CONNECT to SUBACK
constexpr std::size_t window_max = 32;

// Aborts the channel unless it is let go of in time.
class Deadline {
 public:
  Deadline(Timers& timers, const std::shared_ptr<net::Channel>& channel) : timers_(timers) {
    handle_ = timers_.after(handshake_time, [weak = std::weak_ptr(channel)] {
      if (const auto live = weak.lock()) live->abort();
    });
  }
  ~Deadline() { timers_.cancel(handle_); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  Timers& timers_;
  Timers::Handle handle_;
};

ErrorCode error_of_handshake(const ErrorCode& error, bool pinned) {
  if (error == auth::Errc::wrong_server && pinned) return Errc::server_changed;
  return Errc::server_unproven;
}

}  // namespace

Connection::Connection(net::Ports ports, Clock& clock, Random& random, Opening opening)
    : ports_(ports), clock_(clock), random_(random), opening_(std::move(opening)), framer_(packet_size_max) {}

Connection::~Connection() {
  if (channel_) channel_->abort();
}

ErrorCode Connection::fail(ErrorCode error, std::string_view detail) {
  if (!failure_) {
    failure_ = error;
    detail_ = detail;
  }
  return failure_;
}

std::string Connection::client_id() const {
  return fmt::format("{}.{}", opening_.self.permalink.hex(), opening_.device.text());
}

std::string Connection::topic(std::string_view leaf) const {
  return fmt::format("sp/{}/{}/{}", opening_.self.permalink.hex(), opening_.device.text(), leaf);
}

Result<void> Connection::send(const mqtt::Packet& packet) {
  Bytes bytes;
  const auto encoded = mqtt::encode(mqtt::Version::v5, packet, bytes);
  if (!encoded) return encoded.error();
  channel_->send(std::move(bytes));
  said_us_ = clock_.steady_us();
  return {};
}

// The handshake -------------------------------------------------------------------------------------------------------

asio::awaitable<Result<void>> Connection::open() {
  net::DialOptions options = opening_.address.dial_options(opening_.trust);
  Result<std::shared_ptr<net::Channel>> dialled = co_await net::dial(ports_, std::move(options));
  if (!dialled) co_return fail(dialled.error());
  channel_ = std::move(*dialled);
  heard_us_ = said_us_ = clock_.steady_us();
  const Deadline deadline(ports_.timers, channel_);
  const Result<void> shaken = co_await shake_hands();
  if (!shaken) co_return fail(shaken.error());
  const Result<void> subscribed = co_await subscribe();
  if (!subscribed) co_return fail(subscribed.error());
  co_return Result<void>();
}

void Connection::begin_handshake(auth::Purpose purpose) {
  auth::ClientTerms terms;
  terms.client = opening_.self.permalink;
  terms.device = opening_.device;
  terms.endpoint = opening_.address.endpoint();
  terms.purpose = purpose;
  if (purpose == auth::Purpose::reauth) terms.session = welcome_.session;
  terms.pinned = server_.empty() ? opening_.server : server_;
  random_.fill(terms.nonce);
  terms.now = clock_.now();
  handshake_.emplace(std::move(terms), *opening_.self.signer);
}

Result<void> Connection::send_connect() {
  const std::string id = client_id();
  mqtt::Connect connect;
  connect.client_id = id;
  connect.keep_alive = opening_.keep_alive_seconds;
  connect.properties.receive_maximum = opening_.inbox_window;
  connect.properties.maximum_packet_size = static_cast<std::uint32_t>(packet_size_max);
  connect.properties.authentication_method = method;
  connect.properties.authentication_data = as_bytes(handshake_->hello());
  return send(connect);
}

asio::awaitable<Result<void>> Connection::shake_hands() {
  begin_handshake(auth::Purpose::connect);
  const Result<void> sent = send_connect();
  if (!sent) co_return sent.error();
  for (;;) {
    const Result<mqtt::Packet> packet = co_await await_packet();
    if (!packet) co_return packet.error();
    if (const auto* const challenge = std::get_if<mqtt::Auth>(&*packet)) {
      const Result<void> answered = answer_challenge(challenge->properties, auth::Purpose::connect);
      if (!answered) co_return answered.error();
    } else if (const auto* const connack = std::get_if<mqtt::Connack>(&*packet)) {
      co_return take_connack(*connack);
    } else {
      co_return fail(Errc::protocol, "neither AUTH nor CONNACK");
    }
  }
}

// The next whole packet, waiting for it.
asio::awaitable<Result<mqtt::Packet>> Connection::await_packet() {
  for (;;) {
    bool more = false;
    Result<mqtt::Packet> packet = next_packet(more);
    if (!more) co_return packet;
    const Result<void> received = co_await receive();
    if (!received) co_return received.error();
  }
}

Result<void> Connection::answer_challenge(const mqtt::Properties& properties, auth::Purpose purpose) {
  const bool first_meeting = opening_.server.empty() && server_.empty();
  const BytesView text = properties.authentication_data.value_or(BytesView());
  const auto taken = handshake_->challenge(as_text(text), clock_.now());
  if (!taken) return fail(error_of_handshake(taken.error(), !first_meeting), taken.error().message());
  const auto& server = handshake_->server();
  if (opening_.server_expected && server.front().permalink() != *opening_.server_expected) {
    return fail(Errc::server_changed, "the server is " + server.front().permalink().hex());
  }
  auth::ProofTerms terms;
  if (handshake_->challenge().binding) terms.binding = channel_->exporter();
  if (purpose == auth::Purpose::connect) {
    const auto& versions = opening_.self.versions;
    terms.position = opening_.position;
    terms.from_first = opening_.from_first;
    const std::size_t known = std::min(opening_.confirmed_versions, versions.size());
    terms.identity.assign(versions.begin() + static_cast<std::ptrdiff_t>(known), versions.end());
    many_versions_ = terms.identity.size() > auth::new_versions_max;
    terms.invite = opening_.invite;
  }
  terms.now = clock_.now();
  const std::string proof = handshake_->proof(terms);
  mqtt::Auth answer;
  answer.reason = mqtt::ReasonCode::continue_authentication;
  answer.properties.authentication_method = method;
  answer.properties.authentication_data = as_bytes(proof);
  return send(answer);
}

Result<void> Connection::take_connack(const mqtt::Connack& connack) {
  const mqtt::Properties& properties = connack.properties;
  // A server that knows some of them takes them: so we try, and can but guess afterwards.
  if (many_versions_ && connack.reason == mqtt::ReasonCode::connection_rate_exceeded)
    return fail(Errc::too_many_versions, words_of(connack.reason, properties));
  if (mqtt::is_failure(connack.reason))
    return fail(errc_of_connack(connack.reason), words_of(connack.reason, properties));
  const auto welcome = handshake_->welcome(as_text(properties.authentication_data.value_or(BytesView())));
  if (!welcome) return fail(Errc::server_unproven, welcome.error().message());
  welcome_ = *welcome;
  limits_ = handshake_->challenge().limits;
  server_ = handshake_->server();
  clock_offset_ = handshake_->clock_offset();
  token_ = properties.user("token").value_or(std::string_view());
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(limits_.window, 1));
  window_ = std::min({wanted, std::size_t{properties.receive_maximum.value_or(65'535)}, window_max});
  keep_alive_us_ = properties.server_keep_alive.value_or(opening_.keep_alive_seconds) * std::int64_t{1'000'000};
  handshake_.reset();
  channel_->proven();
  return {};
}

asio::awaitable<Result<void>> Connection::subscribe() {
  const std::string ack = topic("ack"), reject = topic("reject"), light = topic("light"), inbox = topic("inbox");
  mqtt::SubscriptionOptions hint;
  mqtt::SubscriptionOptions kept;
  kept.qos = mqtt::Qos::at_least_once;
  mqtt::Subscribe request;
  request.packet_id = ++last_packet_;
  request.requests = {{ack, hint}, {reject, hint}, {light, hint}, {inbox, kept}};
  const Result<void> sent = send(request);
  if (!sent) co_return sent.error();
  const Result<mqtt::Packet> packet = co_await await_packet();
  if (!packet) co_return packet.error();
  const auto* const suback = std::get_if<mqtt::Suback>(&*packet);
  if (!suback || suback->reasons.size() != request.requests.size()) co_return fail(Errc::protocol, "no SUBACK");
  for (const mqtt::ReasonCode reason : suback->reasons) {
    if (mqtt::is_failure(reason)) co_return fail(Errc::protocol, words_of(reason, suback->properties));
  }
  co_return Result<void>();
}

// In ------------------------------------------------------------------------------------------------------------------

asio::awaitable<Result<void>> Connection::receive() {
  if (failure_) co_return failure_;
  framer_.settle();
  chunk_ = net::Lease();
  const std::shared_ptr<net::Channel> channel = channel_;
  Result<net::Lease> received = co_await channel->receive();
  if (!received) {
    const bool ended = received.error() == net::Errc::end_of_stream || received.error() == net::Errc::closed;
    co_return fail(ended ? make_error_code(Errc::closed) : received.error());
  }
  heard_us_ = clock_.steady_us();
  chunk_ = std::move(*received);
  framer_.feed(chunk_.view());
  co_return Result<void>();
}

// `more`: there is no whole packet yet. A DISCONNECT is a failure with the server's reason.
Result<mqtt::Packet> Connection::next_packet(bool& more) {
  if (failure_) return failure_;
  const auto bytes = framer_.next();
  if (!bytes) return fail(Errc::protocol, bytes.error().message());
  more = bytes->empty();
  if (more) return Errc::closed;
  auto packet = mqtt::decode(mqtt::Version::v5, *bytes);
  if (!packet) return fail(Errc::protocol, packet.error().message());
  if (const auto* const disconnect = std::get_if<mqtt::Disconnect>(&*packet)) {
    return fail(errc_of_disconnect(disconnect->reason), words_of(disconnect->reason, disconnect->properties));
  }
  return packet;
}

std::optional<Event> Connection::next() {
  for (;;) {
    bool more = false;
    const auto packet = next_packet(more);
    if (!packet) return std::nullopt;
    auto event = event_of(*packet);
    if (event) return event;
  }
}

std::optional<Event> Connection::event_of(const mqtt::Packet& packet) {
  if (const auto* const publish = std::get_if<mqtt::Publish>(&packet)) return on(*publish);
  if (const auto* const puback = std::get_if<mqtt::Puback>(&packet)) return on(*puback);
  if (const auto* const auth = std::get_if<mqtt::Auth>(&packet)) return on(*auth);
  if (std::holds_alternative<mqtt::Pingresp>(packet)) return std::nullopt;
  fail(Errc::protocol, "a packet that is not for a client");
  return std::nullopt;
}

std::optional<Event> Connection::on(const mqtt::Publish& publish) {
  const std::string prefix = topic({});
  if (!publish.topic.starts_with(prefix)) return std::nullopt;
  const std::string_view leaf = publish.topic.substr(prefix.size());
  const std::string_view text = as_text(publish.payload);
  if (leaf == "inbox" && publish.qos == mqtt::Qos::at_least_once) return Delivered{publish.packet_id, text};
  if (leaf == "ack") return Told{Told::What::ack, text};
  if (leaf == "reject") return Told{Told::What::reject, text};
  if (leaf == "light") return Told{Told::What::light, text};
  return std::nullopt;
}

std::optional<Event> Connection::on(const mqtt::Puback& puback) {
  Answered answered{puback.packet_id, puback.reason, {}, {}};
  if (!answered.accepted()) {
    answered.code = puback.properties.user("code").value_or(mqtt::name_of(puback.reason));
    answered.detail = puback.properties.reason_string.value_or(std::string_view());
  }
  return answered;
}

// Re-authentication: the Challenge, then the Welcome, which keeps session, epoch and light.
std::optional<Event> Connection::on(const mqtt::Auth& auth) {
  if (!reauthenticating_) {
    fail(Errc::protocol, "an AUTH that nobody asked for");
    return std::nullopt;
  }
  if (auth.reason == mqtt::ReasonCode::continue_authentication) {
    const auto answered = answer_challenge(auth.properties, auth::Purpose::reauth);
    if (!answered) fail(answered.error());
    return std::nullopt;
  }
  const auto welcome = handshake_->welcome(as_text(auth.properties.authentication_data.value_or(BytesView())));
  if (!welcome) {
    fail(Errc::server_unproven, welcome.error().message());
    return std::nullopt;
  }
  welcome_.expires = welcome->expires;
  welcome_.reauth_after = welcome->reauth_after;
  server_ = handshake_->server();
  clock_offset_ = handshake_->clock_offset();
  if (const auto token = auth.properties.user("token")) token_ = *token;
  handshake_.reset();
  reauthenticating_ = false;
  return Reauthenticated{};
}

// Out -----------------------------------------------------------------------------------------------------------------

Result<mqtt::PacketId> Connection::publish(std::string_view stored) {
  // Far fewer than 65,535 are unanswered at a time, so a number that comes round again is free.
  last_packet_ = last_packet_ == 65'535 ? 1 : last_packet_ + 1;
  const std::string outbox = topic("outbox");
  mqtt::Publish publish;
  publish.topic = outbox;
  publish.payload = as_bytes(stored);
  publish.qos = mqtt::Qos::at_least_once;
  publish.packet_id = last_packet_;
  Bytes bytes;
  const auto encoded = mqtt::encode_publish(mqtt::Version::v5, publish, bytes);
  if (!encoded) return encoded.error();
  channel_->send(std::move(bytes));
  said_us_ = clock_.steady_us();
  return last_packet_;
}

void Connection::acknowledge(mqtt::PacketId packet) {
  mqtt::Puback puback;
  puback.packet_id = packet;
  (void)send(puback);  // it always fits
}

void Connection::tick() {
  if (failure_ || !channel_) return;
  const std::int64_t now = clock_.steady_us();
  if (keep_alive_us_ > 0 && now - heard_us_ > keep_alive_us_ + keep_alive_us_ / 2) {
    fail(Errc::silent);
    channel_->abort();
    return;
  }
  // Silence on our side ends at the server; silence on its side, here: so ping when either has lasted.
  if (keep_alive_us_ > 0 && now - std::min(said_us_, heard_us_) > keep_alive_us_ / 2 && now - said_us_ > 1'000'000) {
    (void)send(mqtt::Pingreq{});
  }
  if (!reauthenticating_ && clock_.now() + clock_offset_ >= welcome_.reauth_after) {
    reauthenticating_ = true;
    begin_handshake(auth::Purpose::reauth);
    mqtt::Auth auth;
    auth.reason = mqtt::ReasonCode::reauthenticate;
    auth.properties.authentication_method = method;
    auth.properties.authentication_data = as_bytes(handshake_->hello());
    (void)send(auth);
  }
}

void Connection::close() {
  if (!channel_) return;
  if (!failure_) (void)send(mqtt::Disconnect{});
  fail(Errc::closed);
  channel_->close();
}

}  // namespace sealpost::client
