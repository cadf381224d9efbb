#include "mqtt/reasons_of_packets.hpp"

namespace sealpost::mqtt {

PacketSet packets_with(ReasonCode reason) {
  constexpr PacketSet connack = set_of(PacketType::connack), disconnect = set_of(PacketType::disconnect),
                      suback = set_of(PacketType::suback), unsuback = set_of(PacketType::unsuback),
                      auth = set_of(PacketType::auth);
  constexpr PacketSet received = set_of(PacketType::puback) | set_of(PacketType::pubrec);
  constexpr PacketSet second_half = set_of(PacketType::pubrel) | set_of(PacketType::pubcomp);
  switch (static_cast<std::uint8_t>(reason)) {
    case 0x00:
      return connack | received | second_half | suback | unsuback | disconnect | auth;
    case 0x01:
    case 0x02:
      return suback;
    case 0x04:
      return disconnect;
    case 0x10:
      return received;
    case 0x11:
      return unsuback;
    case 0x18:
    case 0x19:
      return auth;
    case 0x80:
    case 0x83:
    case 0x87:
      return connack | received | suback | unsuback | disconnect;
    case 0x81:
    case 0x82:
    case 0x89:
    case 0x8C:
    case 0x95:
    case 0x9A:
    case 0x9B:
    case 0x9C:
    case 0x9D:
    case 0x9F:
      return connack | disconnect;
    case 0x84:
    case 0x85:
    case 0x86:
    case 0x88:
    case 0x8A:
      return connack;
    case 0x8B:
    case 0x8D:
    case 0x8E:
    case 0x93:
    case 0x94:
    case 0x96:
    case 0x98:
    case 0xA0:
      return disconnect;
    case 0x8F:
      return suback | unsuback | disconnect;
    case 0x90:
      return connack | received | disconnect;
    case 0x91:
      return received | suback | unsuback;
    case 0x92:
      return second_half;
    case 0x97:
      return connack | received | suback | disconnect;
    case 0x99:
      return connack | received | disconnect;
    case 0x9E:
    case 0xA1:
    case 0xA2:
      return suback | disconnect;
    default:
      return 0;
  }
}

}  // namespace sealpost::mqtt
