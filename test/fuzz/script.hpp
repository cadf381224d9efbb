#pragma once
// A fuzzer's input read as a script: a byte that says what to do, then what that takes. At its end all is zero.

#include <algorithm>

#include "base/bytes.hpp"

namespace sealpost::test {

class Script {
 public:
  explicit Script(BytesView rest) : rest_(rest) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    const auto taken = bytes(1);
    return taken.empty() ? std::uint8_t{0} : taken[0];
  }
  BytesView bytes(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  BytesView rest_;
};

}  // namespace sealpost::test
