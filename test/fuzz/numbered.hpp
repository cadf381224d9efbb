#pragma once
// What the clients of the fuzzer publish: each message has a number, and what it stands for follows from that.

#include <array>
#include <string_view>

#include "base/assert.hpp"
#include "mqtt/properties.hpp"

namespace sealpost::mqtt::test {

inline constexpr std::array<std::string_view, 6> topics = {"a", "a/b", "b", "/", "a/", "$s/a"};
inline constexpr std::uint32_t wild_number_min = 0x10000;  // those below are honest clients'

struct Numbered {
  std::uint32_t number = 0;
  std::uint8_t topic = 0;
  std::uint8_t size = 4;  // of the payload, at least 4
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool brief = false;  // expires after a second; 5.0

  std::string_view name() const { return topics[topic]; }
  Bytes payload() const {
    Bytes bytes(size, 'p');
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(number >> 8 * i);
    return bytes;
  }
};

inline std::uint32_t number_in(BytesView payload) {
  SEALPOST_ASSERT(payload.size() >= 4);
  return payload[0] | payload[1] << 8 | payload[2] << 16 | static_cast<std::uint32_t>(payload[3]) << 24;
}

}  // namespace sealpost::mqtt::test
