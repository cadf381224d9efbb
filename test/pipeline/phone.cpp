#include "pipeline/phone.hpp"

#include "mqtt/codec.hpp"

namespace sealpost::pipeline::test {
namespace {

constexpr std::string_view method = "SEALPOST-1";

std::string data_of(const mqtt::Properties& properties) {
  return std::string(as_text(properties.authentication_data.value_or(BytesView{})));
}

// Copies what may be kept of a packet.
struct Listener {
  Heard heard;

  void operator()(const mqtt::Connack& connack) {
    heard.reason = connack.reason;
    heard.text = data_of(connack.properties);
  }
  void operator()(const mqtt::Auth& auth) {
    heard.reason = auth.reason;
    heard.text = data_of(auth.properties);
  }
  void operator()(const mqtt::Publish& publish) {
    heard.packet = publish.packet_id;
    heard.leaf = publish.topic.substr(publish.topic.rfind('/') + 1);
    heard.text = as_text(publish.payload);
    heard.dup = publish.dup;
  }
  void operator()(const mqtt::Puback& puback) {
    heard.packet = puback.packet_id;
    heard.reason = puback.reason;
    heard.code = puback.properties.user("code").value_or("");
  }
  void operator()(const mqtt::Disconnect& disconnect) { heard.reason = disconnect.reason; }
  template <class Other>
  void operator()(const Other&) {}
};

}  // namespace

Phone::Phone(Stage& stage, auth::Party& owner, std::string_view label)
    : stage_(stage), owner_(owner), device_(*Device::parse(label)) {}

void Phone::give(const mqtt::Packet& packet) {
  Bytes bytes;
  REQUIRE(mqtt::encode(mqtt::Version::v5, packet, bytes).has_value());
  channel_->give(bytes);
}

const std::vector<Heard>& Phone::heard() {
  const Bytes bytes = channel_->take();
  framer_.feed(bytes);
  for (;;) {
    const auto next = framer_.next();
    REQUIRE(next.has_value());
    if (next->empty()) break;
    const auto packet = mqtt::decode(mqtt::Version::v5, *next);
    REQUIRE(packet.has_value());
    Listener listener;
    listener.heard.type = static_cast<mqtt::PacketType>(packet->index() + 1);
    std::visit(listener, *packet);
    heard_.push_back(listener.heard);
    const auto answered = unanswered_.find(listener.heard.packet);
    if (listener.heard.type == mqtt::PacketType::puback && answered != unanswered_.end()) {
      if (listener.heard.reason == mqtt::ReasonCode::success && confirmed.n < answered->second.n)
        confirmed = answered->second;
      unanswered_.erase(answered);
    }
  }
  framer_.settle();
  return heard_;
}

std::vector<Heard> Phone::all(mqtt::PacketType type, std::string_view leaf) {
  std::vector<Heard> found;
  for (const Heard& each : heard())
    if (each.type == type && (leaf.empty() || each.leaf == leaf)) found.push_back(each);
  return found;
}

std::vector<std::string> Phone::inbox_texts() {
  std::vector<std::string> texts;
  for (const Heard& each : inbox()) texts.push_back(said(each.text));
  return texts;
}

std::optional<mqtt::ReasonCode> Phone::goodbye() {
  const auto found = all(mqtt::PacketType::disconnect);
  return found.empty() ? std::nullopt : std::optional(found.front().reason);
}

// The handshake -------------------------------------------------------------------------------------------------------

auth::ClientTerms Phone::terms() const {
  auth::ClientTerms terms;
  terms.client = owner_.permalink();
  terms.device = device_;
  terms.endpoint = "mqtt://test:1883";
  terms.pinned = stage_.server.versions;
  terms.nonce = stage_.random.bytes<32>();
  terms.now = stage_.clock.now();
  return terms;
}

void Phone::dial(const Dialling& how) {
  how_ = how;
  heard_.clear();
  begun_at_ = 0;
  unanswered_.clear();
  framer_.drop();
  channel_ = stage_.dial();
  handshake_.emplace(terms(), owner_.sign);
  const std::string id = owner_.permalink().hex() + "." + device_.text();
  mqtt::Connect connect;
  connect.client_id = id;
  connect.clean_start = how.clean_start;
  connect.properties.authentication_method = method;
  connect.properties.authentication_data = as_bytes(handshake_->hello());
  if (how.session_expiry > 0) connect.properties.session_expiry = how.session_expiry;
  connect.properties.receive_maximum = how.receive_maximum;
  give(connect);
  stage_.run();
}

void Phone::prove() {
  const auto challenges = all(mqtt::PacketType::auth);
  REQUIRE_FALSE(challenges.empty());
  const auto checked = handshake_->challenge(challenges.back().text, stage_.clock.now());
  REQUIRE(checked.has_value());
  auth::ProofTerms proof;
  proof.from_first = how_.from_first;
  proof.now = stage_.clock.now();
  const auto texts = owner_.texts();
  proof.identity.assign(texts.begin() + static_cast<std::ptrdiff_t>(stage_.confirmed[owner_.permalink()]), texts.end());
  if (met_before_) {
    proof.position = lane::Position{met.log, std::nullopt, std::nullopt};
    if (confirmed.n.value > 0) proof.position->sent = confirmed;
    if (stored.n.value > 0) proof.position->received = stored;
  }
  const std::string text = handshake_->proof(proof);
  mqtt::Auth answer;
  answer.reason = mqtt::ReasonCode::continue_authentication;
  answer.properties.authentication_method = method;
  answer.properties.authentication_data = as_bytes(text);
  give(answer);
  stage_.run();
}

bool Phone::welcome() {
  std::string text;
  heard();
  for (std::size_t at = begun_at_; at < heard_.size(); ++at) {
    const Heard& each = heard_[at];
    const bool over = each.type == mqtt::PacketType::connack || each.type == mqtt::PacketType::auth;
    if (over && each.reason == mqtt::ReasonCode::success) text = each.text;
  }
  if (text.empty()) return false;
  const auto read = handshake_->welcome(text);
  REQUIRE(read.has_value());
  met = *read;
  met_before_ = true;
  stage_.confirmed[owner_.permalink()] = owner_.versions.size();
  if (met.received.n < sent.n) sent = met.received;
  return true;
}

void Phone::connect(const Dialling& how) {
  dial(how);
  prove();
  stage_.until([&] { return welcome(); });
  if (how.subscribe) subscribe();
  stage_.settle();
}

void Phone::subscribe() {
  const std::string filter = "sp/" + owner_.permalink().hex() + "/" + device_.text() + "/#";
  mqtt::Subscribe subscribe;
  subscribe.packet_id = ++packet_;
  mqtt::SubscriptionRequest request;
  request.filter = filter;
  request.options.qos = mqtt::Qos::at_least_once;
  subscribe.requests.push_back(request);
  give(subscribe);
  stage_.run();
}

void Phone::reauthenticate() {
  begun_at_ = heard().size();
  auth::ClientTerms again = terms();
  again.purpose = auth::Purpose::reauth;
  again.session = met.session;
  handshake_.emplace(again, owner_.sign);
  mqtt::Auth begin;
  begin.reason = mqtt::ReasonCode::reauthenticate;
  begin.properties.authentication_method = method;
  begin.properties.authentication_data = as_bytes(handshake_->hello());
  give(begin);
  stage_.run();
}

void Phone::hold_back() {
  asio::post(channel_->stranger, [] {});
}

void Phone::hold_unsent(std::size_t bytes) {
  channel_->hold_unsent(bytes);
  stage_.run();
}

void Phone::nudge() {
  give(mqtt::Pingreq{});
}

void Phone::hang_up() {
  channel_->hang_up();
  stage_.run();
}

// Messages ------------------------------------------------------------------------------------------------------------

Message Phone::write(std::string_view text, std::optional<Permalink> to) {
  const std::string payload = say(text);
  object::OutMessage message;
  message.author = owner_.permalink();
  message.recipient = to.value_or(stage_.server.permalink());
  message.device = device_;
  message.n = sent.n.next();
  message.previous = sent.link;
  message.time = last_time_ = std::max(stage_.clock.now(), last_time_ + 1);
  message.salt = stage_.random.bytes<16>();
  message.payload = payload;
  object::Signed made = message.prepare().sign(owner_.sign);
  sent = {message.n, made.link};
  return {message.n, made.link, std::move(made.stored)};
}

mqtt::PacketId Phone::transmit(const Message& message) {
  const std::string topic = "sp/" + owner_.permalink().hex() + "/" + device_.text() + "/outbox";
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = as_bytes(message.stored);
  publish.qos = mqtt::Qos::at_least_once;
  publish.packet_id = ++packet_;
  unanswered_[packet_] = {message.n, message.link};
  give(publish);
  stage_.run();
  return packet_;
}

Message Phone::publish(std::string_view text, std::optional<Permalink> to) {
  Message message = write(text, to);
  transmit(message);
  return message;
}

void Phone::ack(const Heard& delivered) {
  const auto object = object::Object::parse(delivered.text);
  REQUIRE(object.has_value());
  const auto message = object::Message::read(*object);
  REQUIRE(message.has_value());
  if (message->n() > stored.n) stored = {message->n(), message->link()};
  mqtt::Puback puback;
  puback.packet_id = delivered.packet;
  give(puback);
  stage_.run();
}

void Phone::refuse(const Heard& delivered) {
  mqtt::Puback puback;
  puback.packet_id = delivered.packet;
  puback.reason = mqtt::ReasonCode::unspecified_error;
  give(puback);
  stage_.run();
}

void Phone::ack_all() {
  std::size_t done = 0;
  for (auto delivered = inbox(); done < delivered.size(); delivered = inbox()) {
    ack(delivered[done++]);
    stage_.settle();
  }
}

}  // namespace sealpost::pipeline::test
