#include "mqtt/framer.hpp"

#include <algorithm>

#include "mqtt/wire.hpp"

namespace sealpost::mqtt {

void Framer::feed(BytesView chunk) {
  if (!chunk_.empty()) settle();
  chunk_ = chunk;
}

Result<BytesView> Framer::next() {
  if (held_read_ == held_.size()) {
    held_ = Bytes{};
    held_read_ = 0;
    return next_of_chunk();
  }
  return next_of_held();
}

void Framer::settle() {
  held_.erase(held_.begin(), held_.begin() + held_read_);
  held_read_ = 0;
  held_.insert(held_.end(), chunk_.begin(), chunk_.end());
  chunk_ = {};
}

Result<BytesView> Framer::next_of_chunk() {
  const auto size = checked_size(chunk_);
  if (!size) return size.error();
  if (*size == 0 || *size > chunk_.size()) {
    settle();
    return BytesView{};
  }
  const auto packet = chunk_.first(*size);
  chunk_ = chunk_.subspan(*size);
  return packet;
}

Result<BytesView> Framer::next_of_held() {
  for (;;) {
    const auto begun = BytesView(held_).subspan(held_read_);
    const auto size = checked_size(begun);
    if (!size) return size.error();
    if (*size != 0 && *size <= begun.size()) {
      held_read_ += static_cast<std::uint32_t>(*size);
      return begun.first(*size);
    }
    if (chunk_.empty()) return BytesView{};
    take_of_chunk(*size == 0 ? 1 : *size - begun.size(), *size);
  }
}

Result<std::size_t> Framer::checked_size(BytesView begun) const {
  const auto size = packet_size(begun);
  if (size && *size > packet_size_max_) return Errc::packet_too_large;
  return size;
}

// Moves up to `missing` bytes to the buffer, which grows as they come (a length alone is but a promise) and never
// beyond twice what has come or the packet's size.
void Framer::take_of_chunk(std::size_t missing, std::size_t packet) {
  const auto taken = chunk_.first(std::min(missing, chunk_.size()));
  const auto needed = held_.size() + taken.size();
  if (needed > held_.capacity()) held_.reserve(std::max(needed, std::min(2 * needed, held_read_ + packet)));
  held_.insert(held_.end(), taken.begin(), taken.end());
  chunk_ = chunk_.subspan(taken.size());
}

}  // namespace sealpost::mqtt
