#pragma once
// What can go wrong in an MQTT conversation, finely enough for a log line; reason_of() says what the peer is told.

#include <cstdint>

#include "base/result.hpp"
#include "mqtt/reason.hpp"

namespace sealpost::mqtt {

enum class Errc {
  // The packet cannot be read. Malformed Packet (5.0 section 4.13; 3.1.1 section 4.8).
  truncated = 1,         // a field runs past the end of the packet
  trailing_bytes,        // bytes are left over behind the last field
  bad_remaining_length,  // more than four bytes, or not the shortest form [MQTT-1.5.5-1]
  bad_packet_type,       // type 0, or AUTH in 3.1.1
  bad_flags,             // reserved bits of the fixed header, of CONNECT or of the options [MQTT-2.1.3-1]
  bad_utf8,              // ill-formed, a surrogate or U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]
  bad_topic_name,        // empty or with a wildcard [MQTT-3.3.2-2] [MQTT-4.7.3-1]
  bad_topic_filter,      // a misplaced wildcard, empty, or a broken $share [MQTT-4.7.1-1] [MQTT-4.8.2-1]
  bad_reason_code,       // a code that this packet does not know
  bad_qos,               // 3, or DUP with QoS 0 [MQTT-3.3.1-4] [MQTT-3.3.1-2]
  unknown_property,      // an identifier that the standard does not have
  property_not_allowed,  // an identifier that this packet may not carry (5.0 section 2.2.2.2)
  // The packet can be read and says what it may not. Protocol Error.
  duplicate_property,  // twice what may be there once
  bad_property_value,  // a value that the standard excludes, such as Receive Maximum 0
  no_topic,            // an empty topic name that no alias stands for (5.0 section 3.3.2.1)
  zero_packet_id,      // [MQTT-2.2.1-3]; 3.1.1 [MQTT-2.3.1-1]
  no_filters,          // SUBSCRIBE or UNSUBSCRIBE about nothing [MQTT-3.8.3-2] [MQTT-3.10.3-2]
  bad_subscription,    // option values that the standard excludes [MQTT-3.8.3-4]
  bad_authentication,  // method missing or changed, AUTH out of turn [MQTT-4.12.0-1] to [MQTT-4.12.1-2]
  unexpected_packet,   // out of order, or not for a server: CONNECT twice, PUBLISH before CONNECT
  // Refused with a reason code of its own.
  not_mqtt,                  // the protocol name is another one [MQTT-3.1.2-1]
  unsupported_version,       // [MQTT-3.1.2-2]
  bad_client_id,             // 3.1.1: empty without CleanSession [MQTT-3.1.3-8]
  packet_too_large,          // over a Maximum Packet Size, ours or the client's
  too_many,                  // more user properties, filters or waiting bytes than the limits allow
  topic_over_limit,          // a topic name longer or deeper than the limits allow
  filter_over_limit,         // the same of a topic filter
  receive_maximum_exceeded,  // [MQTT-3.3.4-9]
  topic_alias_invalid,       // [MQTT-3.2.2-17] [MQTT-3.3.2-8]
  qos_not_supported,         // [MQTT-3.2.2-11]
  retain_not_supported,      // [MQTT-3.2.2-14]
  wildcards_not_supported,
  shared_not_supported,
  subscription_ids_not_supported,
  keep_alive_timeout,  // [MQTT-3.1.2-22]; 3.1.1 [MQTT-3.1.2-24]
  // The owner asked for what cannot be done now; the peer is not told.
  closed,             // the connection is closing: nothing more goes out
  out_of_state,       // such as publish() before accept()
  window_full,        // the client's Receive Maximum is used up
  unknown_packet_id,  // no such packet is unanswered
  not_encodable,      // a text over 65,535 bytes, a packet over 268,435,460 bytes, a code that has no 3.1.1 form
};

// What a DISCONNECT or CONNACK tells the peer.
ReasonCode reason_of(Errc errc);

boost::system::error_code make_error_code(Errc errc);

}  // namespace sealpost::mqtt

SEALPOST_ERROR_CODES(sealpost::mqtt::Errc);
