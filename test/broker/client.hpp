#pragma once
// A client in the test's hand: it sends what it is told, and shows what came, packet by packet.

#include <deque>

#include "broker/stage.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/framer.hpp"

namespace sealpost::broker::test {

using mqtt::PacketId;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;

// What a CONNECT of a test asks for.
struct Terms {
  bool clean_start = true;
  std::uint32_t expiry = 0;  // seconds; 3.1.1 has none: any but 0 is CleanSession 0
  std::optional<mqtt::Will> will{};
  std::uint16_t keep_alive = 0;
  std::optional<std::uint16_t> receive_maximum{};
  std::optional<std::uint32_t> maximum_packet_size{};
};
// Of a session that lasts.
inline Terms lasting(std::uint32_t expiry = 3600) {
  return {.clean_start = false, .expiry = expiry};
}

class Client {
 public:
  Client(Stage& stage, std::string id, Version version = Version::v5)
      : stage_(stage), id_(std::move(id)), version_(version) {}

  // Dials, and sends CONNECT; the server's answer.
  mqtt::Connack connect(const Terms& terms = {});
  // The same without a look at the answer.
  void dial(const Terms& terms = {});
  void send(const mqtt::Packet& packet);
  void send(BytesView bytes);
  // The connection is lost.
  void lose();
  // It says goodbye.
  void disconnect(ReasonCode reason = ReasonCode::success, std::optional<std::uint32_t> expiry = std::nullopt);

  // Subscribes, and has the log commit that.
  ReasonCode subscribe(std::string_view filter, Qos qos = Qos::exactly_once, mqtt::SubscriptionOptions more = {},
                       std::uint32_t identifier = 0);
  ReasonCode unsubscribe(std::string_view filter);
  // No answer is waited for. At QoS 1 and 2 under that packet id, or the next one.
  PacketId publish(std::string_view topic, std::string_view payload, Qos qos = Qos::at_most_once, bool retain = false,
                   PacketId packet_id = 0);
  void send_publish(mqtt::Publish publish) { send(std::move(publish)); }
  void puback(PacketId id) { send(mqtt::Puback{id, ReasonCode::success, {}}); }
  void pubrec(PacketId id) { send(mqtt::Pubrec{id, ReasonCode::success, {}}); }
  void pubrel(PacketId id) { send(mqtt::Pubrel{id, ReasonCode::success, {}}); }
  void pubcomp(PacketId id) { send(mqtt::Pubcomp{id, ReasonCode::success, {}}); }

  // The next packet from the server, which is one of that kind.
  template <class T>
  T gets() {
    const auto packet = next();
    REQUIRE(packet.has_value());
    CAPTURE(packet->index());
    REQUIRE(std::holds_alternative<T>(*packet));
    return std::get<T>(*packet);
  }
  // A PUBLISH with that payload.
  mqtt::Publish gets(std::string_view payload);
  // The same, acknowledged to the end.
  mqtt::Publish takes(std::string_view payload);
  void gets_nothing();
  // Says goodbye with that reason, and closes.
  void is_dismissed(ReasonCode reason);
  bool is_closed() const { return pipe_->is_closed(); }
  // The next packet, if any.
  std::optional<mqtt::Packet> next();
  // All payloads that came, each acknowledged as its QoS wants.
  std::vector<std::string> takes_all();
  Pipe& pipe() { return *pipe_; }
  const std::string& id() const { return id_; }

 private:
  void acknowledge(const mqtt::Publish&);
  mqtt::Packet next_but_publish();
  std::optional<mqtt::Packet> read();

  Stage& stage_;
  const std::string id_;
  const Version version_;
  std::shared_ptr<Pipe> pipe_;
  mqtt::Framer framer_{1 << 24};
  std::deque<Bytes> received_;       // packets view them
  std::deque<mqtt::Packet> before_;  // PUBLISH that came before an answer, to be looked at after it
  PacketId last_id_ = 0;
};

std::string text_of(const mqtt::Publish& publish);
mqtt::Will will_at(std::string_view topic, std::string_view payload, std::uint32_t delay = 0);

}  // namespace sealpost::broker::test
