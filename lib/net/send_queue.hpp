#pragma once
// What waits to be sent, in order. Costs nothing while it is empty.

#include <array>
#include <vector>

#include "net/channel.hpp"

namespace sealpost::net {

class SendQueue {
 public:
  static constexpr std::size_t views_max = 16;
  using Views = std::array<BytesView, views_max>;

  void push(Chunk chunk);
  // Views of the next pieces, at most `views_max`; how many.
  std::size_t peek(Views& views) const;
  // Forgets the first `bytes` bytes.
  void consume(std::size_t bytes);
  // Takes out whole chunks, at least one if there is one, of about `bytes` together.
  std::vector<Chunk> take(std::size_t bytes);
  void clear();
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

 private:
  void tidy();

  std::vector<Chunk> chunks_;
  std::size_t first_ = 0;   // index of the first chunk that is not sent entirely
  std::size_t offset_ = 0;  // bytes of it that are
  std::size_t bytes_ = 0;
};

}  // namespace sealpost::net
