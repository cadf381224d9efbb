#pragma once
// The 27 properties of MQTT 5.0 (section 2.2.2), and the one list that says for each its identifier, its field and the
// packets that may carry it.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace sealpost::mqtt {

enum class Qos : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

using UserProperty = std::pair<std::string_view, std::string_view>;

// Views only, like the packets that hold it; empty, it owns no memory. The numbers are in seconds where they are times.
struct Properties {
  std::optional<bool> payload_is_text{};  // Payload Format Indicator
  std::optional<std::uint32_t> message_expiry{};
  std::optional<std::string_view> content_type{};
  std::optional<std::string_view> response_topic{};
  std::optional<BytesView> correlation_data{};
  std::vector<std::uint32_t> subscription_identifiers{};  // 1 to 268,435,455; several only in a PUBLISH to a client
  std::optional<std::uint32_t> session_expiry{};
  std::optional<std::string_view> assigned_client_id{};
  std::optional<std::uint16_t> server_keep_alive{};
  std::optional<std::string_view> authentication_method{};
  std::optional<BytesView> authentication_data{};
  std::optional<bool> request_problem_information{};
  std::optional<std::uint32_t> will_delay{};
  std::optional<bool> request_response_information{};
  std::optional<std::string_view> response_information{};
  std::optional<std::string_view> server_reference{};
  std::optional<std::string_view> reason_string{};
  std::optional<std::uint16_t> receive_maximum{};
  std::optional<std::uint16_t> topic_alias_maximum{};
  std::optional<std::uint16_t> topic_alias{};
  std::optional<Qos> maximum_qos{};  // 0 or 1; absent: 2
  std::optional<bool> retain_available{};
  std::vector<UserProperty> user_properties{};
  std::optional<std::uint32_t> maximum_packet_size{};
  std::optional<bool> wildcard_subscription_available{};
  std::optional<bool> subscription_identifiers_available{};
  std::optional<bool> shared_subscription_available{};

  // The value of the first user property of that name.
  std::optional<std::string_view> user(std::string_view name) const;
};

// Which packets may carry a property: bit n for packet type n, bit 0 for the properties of a Will.
using PacketSet = std::uint16_t;

// Calls f(identifier, packets, field) for each property in the order of the standard's table 2-4, until f returns true;
// true if one did.
template <class SomeProperties, class F>
bool any_property(SomeProperties& p, F&& f);

}  // namespace sealpost::mqtt

#include "mqtt/properties_list.hpp"
