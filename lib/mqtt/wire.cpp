#include "mqtt/wire.hpp"

#include <algorithm>

namespace sealpost::mqtt {

Result<std::size_t> packet_size(BytesView begun) {
  if (begun.size() < 2) return std::size_t{0};
  const auto header = begun.subspan(1, std::min<std::size_t>(begun.size() - 1, 4));
  const auto last = std::find_if(header.begin(), header.end(), [](std::uint8_t byte) { return byte < 0x80; });
  if (last == header.end() && header.size() < 4) return std::size_t{0};
  Reader reader(header);
  const std::size_t length = reader.varint();
  if (!reader.ok()) return *reader.fault();
  return 1 + varint_size(length) + length;
}

}  // namespace sealpost::mqtt
