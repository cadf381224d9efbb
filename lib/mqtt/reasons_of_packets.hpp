#pragma once
// Which reason codes a packet may carry (5.0 table 2-6).

#include "mqtt/packet.hpp"

namespace sealpost::mqtt {

PacketSet packets_with(ReasonCode reason);

inline bool may_carry(PacketSet packet, ReasonCode reason) {
  return (packets_with(reason) & packet) != 0;
}

constexpr PacketSet set_of(PacketType type) {
  return static_cast<PacketSet>(1u << static_cast<unsigned>(type));
}

}  // namespace sealpost::mqtt
