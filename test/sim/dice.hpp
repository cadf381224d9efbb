#pragma once
// All chance of a simulation comes from its seed: xoshiro256** (Blackman and Vigna, 2018), its state filled by
// splitmix64 as its authors advise. Part of the promise that a seed replays: do not change it without need.

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/ports.hpp"

namespace sealpost::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  // 0 to n - 1. The bias is below 2^-40 for what is asked for here.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least + 1)));
  }
  double share() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return share() < probability; }
  template <class Item>
  Item& pick(std::vector<Item>& items) {
    return items[below(items.size())];
  }
  Dice fork() { return Dice(next()); }

 private:
  static std::uint64_t rotate(std::uint64_t word, int by) { return (word << by) | (word >> (64 - by)); }
  std::uint64_t state_[4];
};

// The port to randomness, from the seed.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(Dice dice) : dice_(dice) {}

  void fill(std::span<std::uint8_t> out) override {
    while (!out.empty()) {
      const std::uint64_t word = dice_.next();
      const std::size_t size = std::min(out.size(), sizeof word);
      std::memcpy(out.data(), &word, size);
      out = out.subspan(size);
    }
  }

 private:
  Dice dice_;
};

}  // namespace sealpost::sim
