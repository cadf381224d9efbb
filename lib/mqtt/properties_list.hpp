#pragma once
// The body of any_property(): MQTT 5.0 table 2-4, a line for each property.

#include "mqtt/properties.hpp"

namespace sealpost::mqtt {

namespace carried_by {
inline constexpr PacketSet will = 1 << 0, connect = 1 << 1, connack = 1 << 2, publish = 1 << 3, subscribe = 1 << 8,
                           suback = 1 << 9, unsuback = 1 << 11, disconnect = 1 << 14, auth = 1 << 15;
inline constexpr PacketSet acknowledgements = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7;
inline constexpr PacketSet answers = connack | acknowledgements | suback | unsuback | disconnect | auth;
inline constexpr PacketSet all = answers | will | connect | publish | subscribe | 1 << 10;
}  // namespace carried_by

template <class SomeProperties, class F>
bool any_property(SomeProperties& p, F&& f) {
  using namespace carried_by;
  return f(0x01, publish | will, p.payload_is_text) || f(0x02, publish | will, p.message_expiry) ||
         f(0x03, publish | will, p.content_type) || f(0x08, publish | will, p.response_topic) ||
         f(0x09, publish | will, p.correlation_data) || f(0x0B, publish | subscribe, p.subscription_identifiers) ||
         f(0x11, connect | connack | disconnect, p.session_expiry) || f(0x12, connack, p.assigned_client_id) ||
         f(0x13, connack, p.server_keep_alive) || f(0x15, connect | connack | auth, p.authentication_method) ||
         f(0x16, connect | connack | auth, p.authentication_data) || f(0x17, connect, p.request_problem_information) ||
         f(0x18, will, p.will_delay) || f(0x19, connect, p.request_response_information) ||
         f(0x1A, connack, p.response_information) || f(0x1C, connack | disconnect, p.server_reference) ||
         f(0x1F, answers, p.reason_string) || f(0x21, connect | connack, p.receive_maximum) ||
         f(0x22, connect | connack, p.topic_alias_maximum) || f(0x23, publish, p.topic_alias) ||
         f(0x24, connack, p.maximum_qos) || f(0x25, connack, p.retain_available) || f(0x26, all, p.user_properties) ||
         f(0x27, connect | connack, p.maximum_packet_size) || f(0x28, connack, p.wildcard_subscription_available) ||
         f(0x29, connack, p.subscription_identifiers_available) || f(0x2A, connack, p.shared_subscription_available);
}

}  // namespace sealpost::mqtt
