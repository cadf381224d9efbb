#include "tap.hpp"

#include "auth/objects.hpp"
#include "mqtt/codec.hpp"
#include "object/json.hpp"
#include "object/object.hpp"

namespace sealpost::sim {
namespace {

std::string_view data_of(const mqtt::Properties& properties) {
  return as_text(properties.authentication_data.value_or(BytesView{}));
}

// `_n` of a message in canonical text, where it stands before every member that could hold another.
Seq number_of(std::string_view text) {
  const auto at = text.find("\"_n\":");
  std::uint64_t n = 0;
  for (std::size_t i = at + 5; at != std::string_view::npos && i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
    n = n * 10 + static_cast<std::uint64_t>(text[i] - '0');
  return {n};
}

}  // namespace

void Tap::on_sent(BytesView bytes) {
  framer_.feed(bytes);
  for (;;) {
    const auto next = framer_.next();
    if (!next) return fail("the server sends what is no MQTT");
    if (next->empty()) break;
    const auto packet = mqtt::decode(mqtt::Version::v5, *next);
    if (!packet) return fail("the server sends a malformed packet: {}", packet.error().message());
    std::visit(*this, *packet);
  }
  framer_.settle();
}

void Tap::operator()(const mqtt::Connack& connack) {
  if (connack.reason != mqtt::ReasonCode::success) return;
  if (is_stranger()) return fail("a stranger got in");
  scene_.reached_by_server(Row::welcome_sent);
  welcome(data_of(connack.properties), true);
}

void Tap::operator()(const mqtt::Auth& auth) {
  if (auth.reason == mqtt::ReasonCode::continue_authentication) {
    acked_ = judge_.acked(device_);
    return scene_.reached_by_server(Row::challenge_sent);
  }
  if (is_stranger()) return fail("a stranger got in");
  welcome(data_of(auth.properties), false);
}

// What a Welcome says is on disk.
void Tap::welcome(std::string_view text, bool first) {
  const auto object = object::Object::parse(text);
  const auto read = object ? auth::Welcome::read(*object) : object.error();
  if (!read) return fail("the server sends a malformed Welcome");
  welcomed_ = true;
  if (read->epoch.value == 0 || read->epoch > judge_.epoch(device_)) fail("a Welcome for an epoch that is not on disk");
  const bool received = read->received.n == Seq{} || judge_.holds(device_, read->received.n, read->received.link);
  const bool sent = read->sent.n == Seq{} || judge_.holds({device_.client}, read->sent.n, read->sent.link);
  if (!received || !sent || read->acked > read->sent.n) fail("a Welcome with positions that the log does not have");
  if (read->acked < acked_) fail("a Welcome takes back what the device has acknowledged");
  if (first && read->light == lane::Light::green && read->acked != read->sent.n)
    fail("a Welcome is green before the outbox is drained");
  if (read->log != judge_.log_id()) fail("a Welcome names another log");
  if (first) drain_to_ = read->light == lane::Light::drain ? read->sent.n : Seq{};
}

void Tap::operator()(const mqtt::Publish& publish) {
  if (!welcomed_) return fail("a message for somebody who has not got in");
  const std::string_view leaf = publish.topic.substr(publish.topic.rfind('/') + 1);
  if (leaf == "inbox") return inbox(publish);
  if (leaf == "ack") return ack(as_text(publish.payload));
  if (leaf == "light") return green();
}

void Tap::inbox(const mqtt::Publish& publish) {
  const Seq n = number_of(as_text(publish.payload));
  const auto& out = judge_.lane({device_.client});
  if (n.value == 0 || n.value > out.size()) return fail("message {} is delivered before it is on disk", n.value);
  const log::Body& body = out[n.value - 1].body;
  if (!body || *body != as_text(publish.payload)) return fail("message {} is delivered as it is not on disk", n.value);
  if (delivered_ != Seq{} && n != delivered_.next())
    return fail("message {} is delivered behind {}", n.value, delivered_.value);
  delivered_ = n;
  in_flight_[publish.packet_id] = n;
  if (in_flight_.size() > window_) fail("{} deliveries are under way, where {} may be", in_flight_.size(), window_);
  scene_.reached_by_server(Row::delivery_sent);
}

void Tap::stored(mqtt::PacketId packet) {
  in_flight_.erase(packet);
}

void Tap::green() const {
  bool drained = delivered_ >= drain_to_;
  for (const auto& [packet, n] : in_flight_) drained = drained && n > drain_to_;
  if (!drained) fail("the light turned green before the outbox was drained");
}

void Tap::operator()(const mqtt::Puback& puback) {
  const auto found = awaited_.find(puback.packet_id);
  if (found == awaited_.end()) return fail("a PUBACK for a message that was not sent");
  const Awaited awaited = found->second;
  awaited_.erase(found);
  if (puback.reason != mqtt::ReasonCode::success) return;
  if (awaited.forged) return fail("a message that must not be taken was acknowledged: number {}", awaited.n.value);
  judge_.on_acknowledged({device_, awaited.n, awaited.link});
  scene_.reached_by_server(Row::ack_sent);
}

void Tap::operator()(const mqtt::Disconnect& disconnect) {
  if (disconnect.reason == mqtt::ReasonCode::session_taken_over) scene_.coverage.add(Row::taken_over);
}

void Tap::ack(std::string_view text) {
  const auto value = object::parse_json(text);
  if (!value || !value->is_object()) return fail("a malformed ack");
  const auto& fields = value->as_object();
  const auto n = object::integer_of(object::find(fields, "n"));
  const auto event = object::integer_of(object::find(fields, "event"));
  const auto link = object::hex_of<Link>(object::find(fields, "link"));
  const auto hash = object::hex_of<Link>(object::find(fields, "hash"));
  if (!n || !event || !link || !hash) return fail("a malformed ack");
  judge_.on_ack_told({device_, {static_cast<std::uint64_t>(*n)}, *link}, {*event}, hash->bytes);
}

}  // namespace sealpost::sim
