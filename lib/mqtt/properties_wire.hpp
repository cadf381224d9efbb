#pragma once
// Properties to bytes and back (5.0 section 2.2.2). Internal to the codec.

#include "mqtt/codec.hpp"
#include "mqtt/wire.hpp"

namespace sealpost::mqtt {

// Reads the length and the properties of a packet (one bit of PacketSet). Faults go to `reader`.
void read_properties(Reader& reader, PacketSet packet, const DecodeBounds& bounds, Properties& properties);

// The bytes of the properties without their length; none if one of them may not be in this packet, or is no value.
std::optional<std::size_t> properties_size(PacketSet packet, const Properties& properties);
void write_properties(Writer& writer, const Properties& properties);

}  // namespace sealpost::mqtt
