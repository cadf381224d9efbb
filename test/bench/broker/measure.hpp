#pragma once
// What the load generator reads off: clocks, latencies, and what another process takes of CPU and memory.

#include <fmt/format.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace sealpost::bench {

// A figure that is not to be trusted is worse than none: says what is wrong, and ends the program.
template <typename... Arguments>
[[noreturn]] void give_up(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::print(stderr, "broker_load: {}\n", fmt::format(format, std::forward<Arguments>(arguments)...));
  std::exit(1);
}

std::int64_t now_ns();

constexpr std::int64_t ns_of(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

// Counts of durations in buckets that grow with them: a quantile is off by 1.6% at most.
class Histogram {
 public:
  void add(std::int64_t ns);
  std::uint64_t count() const { return count_; }
  double quantile_us(double share) const;

 private:
  static constexpr unsigned fine_bits = 6;
  static constexpr std::size_t fine = 1u << fine_bits;
  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t lower_end(std::size_t bucket);

  std::array<std::uint64_t, 64 * fine> buckets_{};
  std::uint64_t count_ = 0;
};

// User and system time of all threads of a process since it started, in steps of the kernel's tick (10 ms).
double cpu_us_of(pid_t pid);
double own_cpu_us();

struct Memory {
  double resident_bytes = 0;      // VmRSS
  double proportional_bytes = 0;  // Pss: shared pages counted by share
};
Memory memory_of(pid_t pid);

}  // namespace sealpost::bench
