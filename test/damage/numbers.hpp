#pragma once
// Numbers from a seed: the same on every machine.

#include <cstdint>
#include <random>

namespace sealpost::damage {

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : next_(seed) {}

  // 0 to bound - 1; 0 where there is nothing to choose from.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(next_() % bound); }
  bool one_in(std::size_t chances) { return below(chances) == 0; }

 private:
  std::mt19937_64 next_;
};

}  // namespace sealpost::damage
