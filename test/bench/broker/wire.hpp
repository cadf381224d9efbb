#pragma once
// As much of MQTT 3.1.1 and 5.0 as a client needs that only makes load. Written apart from lib/mqtt on purpose: packets
// are encoded once and patched, and a fault of that room cannot hide itself here.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sealpost::bench {

enum class Protocol : std::uint8_t { v311 = 4, v5 = 5 };

enum class Kind : std::uint8_t {
  none = 0,  // no packet of MQTT
  connect = 1,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,
};

struct Packet {
  Kind kind = Kind::none;
  std::uint8_t flags = 0;
  std::string_view body;  // all behind the fixed header
};

// Reads the packet that `bytes` begin with; gives its size, or 0 when it is not all there.
std::size_t take_packet(std::string_view bytes, Packet& packet);

std::uint16_t number_at(std::string_view bytes, std::size_t at);

// Of PUBACK to PUBCOMP, CONNACK from its second byte, and so on: the reason code, 0 where 3.1.1 has none.
std::uint8_t reason_of(const Packet& acknowledgement);

// Of SUBACK: whether each of `count` filters was granted at `qos`.
bool granted(const Packet& suback, Protocol protocol, std::size_t count, std::uint8_t qos);

struct Delivery {
  std::uint8_t qos = 0;
  std::uint16_t id = 0;  // 0 at QoS 0
  std::string_view payload;
};
// Ends the program when the packet is malformed.
Delivery delivery_of(const Packet& publish, Protocol protocol);

std::string connect_packet(Protocol protocol, std::string_view client_id);
std::string subscribe_packet(Protocol protocol, std::uint16_t id, const std::vector<std::string>& filters,
                             std::uint8_t qos);

// A PUBLISH whose identifier and payload are patched before each send.
struct PublishForm {
  std::string packet;
  std::size_t id_at = 0;  // 0 at QoS 0
  std::size_t payload_at = 0;
};
PublishForm publish_form(Protocol protocol, std::string_view topic, std::uint8_t qos, std::size_t payload_bytes);

// PUBACK, PUBREC, PUBREL or PUBCOMP.
void append_acknowledgement(std::string& to, Kind kind, std::uint16_t id);
void put_number(std::string& bytes, std::size_t at, std::uint16_t number);

inline constexpr std::string_view pingreq_packet{"\xc0\x00", 2};
inline constexpr std::string_view disconnect_packet{"\xe0\x00", 2};

}  // namespace sealpost::bench
