#pragma once
// The fifteen control packets of MQTT 3.1.1 and 5.0. A packet owns none of its text and bytes: decoded, it views the
// buffer it was read from; to be encoded, it views what the caller holds until encode() returns.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "mqtt/properties.hpp"
#include "mqtt/reason.hpp"

namespace sealpost::mqtt {

// The protocol level in CONNECT. 3.1.1 carries no properties and few reason codes: those fields stay empty.
enum class Version : std::uint8_t { v311 = 4, v5 = 5 };

enum class PacketType : std::uint8_t {
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

using PacketId = std::uint16_t;  // 1 to 65,535; 0: none, as in a QoS 0 PUBLISH

struct Will {
  std::string_view topic{};
  BytesView payload{};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  Properties properties{};
};

struct Connect {
  Version version = Version::v5;
  std::string_view client_id{};
  bool clean_start = true;       // 3.1.1: CleanSession
  std::uint16_t keep_alive = 0;  // seconds; 0: off
  std::optional<Will> will{};
  std::optional<std::string_view> user_name{};
  std::optional<BytesView> password{};
  Properties properties{};

  // How long the session outlives the connection, in seconds, in terms of 5.0 (its section 3.1.2.11.2) for both
  // versions: a 3.1.1 session with CleanSession ends with the connection, without it never.
  std::uint32_t session_expiry() const;
};

inline constexpr std::uint32_t session_never_expires = 0xFFFFFFFF;

struct Connack {
  bool session_present = false;
  ReasonCode reason = ReasonCode::success;  // 3.1.1: what its return code means, see return_code_of()
  Properties properties{};
};

struct Publish {
  std::string_view topic{};  // 5.0: empty where a topic alias stands for it
  BytesView payload{};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  PacketId packet_id = 0;
  Properties properties{};
  BytesView encoded_properties{};  // to be encoded: more of them, in their wire form; decoded, it is empty
};

// PUBACK, PUBREC, PUBREL and PUBCOMP differ in their type only.
template <PacketType type>
struct Acknowledgement {
  PacketId packet_id = 0;
  ReasonCode reason = ReasonCode::success;
  Properties properties{};
};
using Puback = Acknowledgement<PacketType::puback>;
using Pubrec = Acknowledgement<PacketType::pubrec>;
using Pubrel = Acknowledgement<PacketType::pubrel>;
using Pubcomp = Acknowledgement<PacketType::pubcomp>;

// When a new subscription is sent the retained messages (5.0 section 3.8.3.1).
enum class RetainHandling : std::uint8_t { send = 0, send_if_new = 1, do_not_send = 2 };

struct SubscriptionOptions {
  Qos qos = Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::send;
  friend bool operator==(const SubscriptionOptions&, const SubscriptionOptions&) = default;
};

struct SubscriptionRequest {
  std::string_view filter{};
  SubscriptionOptions options{};
  friend bool operator==(const SubscriptionRequest&, const SubscriptionRequest&) = default;
};

struct Subscribe {
  PacketId packet_id = 0;
  std::vector<SubscriptionRequest> requests{};
  Properties properties{};
};

struct Suback {
  PacketId packet_id = 0;
  std::vector<ReasonCode> reasons{};  // one for each request, in order
  Properties properties{};
};

struct Unsubscribe {
  PacketId packet_id = 0;
  std::vector<std::string_view> filters{};
  Properties properties{};
};

struct Unsuback {
  PacketId packet_id = 0;
  std::vector<ReasonCode> reasons{};  // one for each filter, in order; none in 3.1.1
  Properties properties{};
};

struct Pingreq {};
struct Pingresp {};

struct Disconnect {
  ReasonCode reason = ReasonCode::normal_disconnection;
  Properties properties{};
};

struct Auth {
  ReasonCode reason = ReasonCode::success;
  Properties properties{};
};

using Packet = std::variant<Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe,
                            Unsuback, Pingreq, Pingresp, Disconnect, Auth>;

}  // namespace sealpost::mqtt
