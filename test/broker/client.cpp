#include "broker/client.hpp"

namespace sealpost::broker::test {

void Client::dial(const Terms& terms) {
  mqtt::Connect connect;
  connect.version = version_;
  connect.client_id = id_;
  connect.keep_alive = terms.keep_alive;
  connect.will = terms.will;
  connect.clean_start = version_ == Version::v5 ? terms.clean_start : terms.expiry == 0;
  if (version_ == Version::v5) {
    if (terms.expiry != 0) connect.properties.session_expiry = terms.expiry;
    connect.properties.receive_maximum = terms.receive_maximum;
    connect.properties.maximum_packet_size = terms.maximum_packet_size;
  }
  pipe_ = stage_.dial();
  framer_.drop();
  before_.clear();
  send(connect);
}

mqtt::Connack Client::connect(const Terms& terms) {
  dial(terms);
  return gets<mqtt::Connack>();
}

void Client::send(const mqtt::Packet& packet) {
  Bytes bytes;
  REQUIRE(mqtt::encode(version_, packet, bytes).has_value());
  send(bytes);
}

void Client::send(BytesView bytes) {
  pipe_->give(bytes);
  stage_.run();
}

void Client::lose() {
  pipe_->hang_up();
  stage_.run();
}

void Client::disconnect(ReasonCode reason, std::optional<std::uint32_t> expiry) {
  mqtt::Disconnect disconnect{reason, {}};
  disconnect.properties.session_expiry = expiry;
  send(disconnect);
}

ReasonCode Client::subscribe(std::string_view filter, Qos qos, mqtt::SubscriptionOptions more,
                             std::uint32_t identifier) {
  more.qos = qos;
  mqtt::Subscribe subscribe{++last_id_, {{filter, more}}, {}};
  if (identifier != 0) subscribe.properties.subscription_identifiers.push_back(identifier);
  send(subscribe);
  stage_.settle();
  const auto suback = std::get<mqtt::Suback>(next_but_publish());  // retained messages may come before it
  REQUIRE(suback.packet_id == last_id_);
  REQUIRE(suback.reasons.size() == 1);
  return suback.reasons.front();
}

ReasonCode Client::unsubscribe(std::string_view filter) {
  send(mqtt::Unsubscribe{++last_id_, {filter}, {}});
  stage_.settle();
  const auto unsuback = gets<mqtt::Unsuback>();
  REQUIRE(unsuback.packet_id == last_id_);
  return unsuback.reasons.empty() ? ReasonCode::success : unsuback.reasons.front();
}

PacketId Client::publish(std::string_view topic, std::string_view payload, Qos qos, bool retain, PacketId packet_id) {
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = as_bytes(payload);
  publish.qos = qos;
  publish.retain = retain;
  if (qos != Qos::at_most_once) publish.packet_id = packet_id != 0 ? packet_id : ++last_id_;
  send(publish);
  return publish.packet_id;
}

mqtt::Packet Client::next_but_publish() {
  for (;;) {
    const auto packet = read();
    REQUIRE(packet.has_value());
    if (!std::holds_alternative<mqtt::Publish>(*packet)) return *packet;
    before_.push_back(*packet);
  }
}

std::optional<mqtt::Packet> Client::next() {
  if (before_.empty()) return read();
  const mqtt::Packet first = before_.front();
  before_.pop_front();
  return first;
}

std::optional<mqtt::Packet> Client::read() {
  auto packet = framer_.next();
  REQUIRE(packet.has_value());
  if (packet->empty()) {
    framer_.settle();
    if (Bytes bytes = pipe_->take(); !bytes.empty()) {
      framer_.feed(received_.emplace_back(std::move(bytes)));
      packet = framer_.next();
      REQUIRE(packet.has_value());
    }
  }
  if (packet->empty()) return std::nullopt;
  auto decoded = mqtt::decode(version_, received_.emplace_back(packet->begin(), packet->end()));
  REQUIRE(decoded.has_value());
  return *decoded;
}

mqtt::Publish Client::gets(std::string_view payload) {
  const auto publish = gets<mqtt::Publish>();
  REQUIRE(text_of(publish) == payload);
  return publish;
}

mqtt::Publish Client::takes(std::string_view payload) {
  const auto publish = gets(payload);
  acknowledge(publish);
  return publish;
}

void Client::acknowledge(const mqtt::Publish& publish) {
  if (publish.qos == Qos::at_most_once) return;
  if (publish.qos == Qos::at_least_once) {
    puback(publish.packet_id);
    return stage_.settle();
  }
  pubrec(publish.packet_id);
  stage_.settle();
}

void Client::gets_nothing() {
  const auto packet = next();
  CAPTURE(packet.has_value() ? packet->index() : 99);
  REQUIRE_FALSE(packet.has_value());
}

void Client::is_dismissed(ReasonCode reason) {
  if (version_ == Version::v5) REQUIRE(gets<mqtt::Disconnect>().reason == reason);
  gets_nothing();
  REQUIRE(is_closed());
}

std::vector<std::string> Client::takes_all() {
  std::vector<std::string> texts;
  for (auto packet = next(); packet; packet = next()) {
    if (const auto* const publish = std::get_if<mqtt::Publish>(&*packet)) {
      texts.push_back(text_of(*publish));
      acknowledge(*publish);
    } else if (const auto* const pubrel = std::get_if<mqtt::Pubrel>(&*packet)) {
      pubcomp(pubrel->packet_id);
      stage_.settle();
    }
  }
  return texts;
}

std::string text_of(const mqtt::Publish& publish) {
  return std::string(as_text(publish.payload));
}

mqtt::Will will_at(std::string_view topic, std::string_view payload, std::uint32_t delay) {
  mqtt::Will will;
  will.topic = topic;
  will.payload = as_bytes(payload);
  will.qos = Qos::at_least_once;
  if (delay != 0) will.properties.will_delay = delay;
  return will;
}

}  // namespace sealpost::broker::test
