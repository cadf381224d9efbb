#pragma once
// Packets to bytes and back, strictly and in both directions: a server's engine and a client's use the same functions.

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mqtt/errors.hpp"
#include "mqtt/packet.hpp"

namespace sealpost::mqtt {

// Bounds on what one packet may make its reader allocate; Errc::too_many beyond them.
struct DecodeBounds {
  std::size_t user_properties_max = 64;
  std::size_t filters_max = 1024;  // also of subscription identifiers, and of the reasons in SUBACK and UNSUBACK
};

// Reads one whole packet, from its first byte to its last. The result views `packet`. A CONNECT says its version
// itself: `version` counts for the others only.
Result<Packet> decode(Version version, BytesView packet, const DecodeBounds& bounds = {});

// The same for a PUBLISH alone: without properties it allocates nothing.
Result<void> decode_publish(Version version, BytesView packet, Publish& publish, const DecodeBounds& bounds = {});

// The version that a CONNECT asks for, even if the rest of it is malformed, so that the answer has the right form.
// Errc::not_mqtt for another protocol name, Errc::unsupported_version for another level (see unsupported_answer).
Result<Version> version_of_connect(BytesView packet);

// The form in which to refuse a CONNECT of an unsupported level: 3.1.1 for older ones, 5.0 for newer ones.
Version form_for_unsupported(BytesView packet);

// Appends the packet to `out`. In 3.1.1 what has no place there (properties, reason codes) is left out. On an error
// (Errc::not_encodable) `out` is as before.
Result<void> encode(Version version, const Packet& packet, Bytes& out);
Result<void> encode_publish(Version version, const Publish& publish, Bytes& out);

// The size that encode() would append, for the peer's Maximum Packet Size.
Result<std::size_t> encoded_size(Version version, const Packet& packet);

inline constexpr std::size_t packet_size_limit = 268'435'460;  // 256 MiB and the fixed header: MQTT's own bound

}  // namespace sealpost::mqtt
