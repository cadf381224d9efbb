#pragma once
// Bytes and views of them: the currency between all rooms.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sealpost {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

inline BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

// Equal, in a time that depends on the lengths only: for secrets.
bool equal_in_constant_time(BytesView a, BytesView b);

}  // namespace sealpost
