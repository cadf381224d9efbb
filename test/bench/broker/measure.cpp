#include "bench/broker/measure.hpp"

#include <time.h>
#include <unistd.h>

#include <bit>
#include <fstream>
#include <sstream>
#include <string>

namespace sealpost::bench {

namespace {

std::int64_t clock_ns(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

std::string file_of(pid_t pid, std::string_view name) {
  const std::string path = fmt::format("/proc/{}/{}", pid, name);
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (text.str().empty()) give_up("cannot read {}", path);
  return text.str();
}

// The number after `label`, which is in KiB there.
double kib_line(const std::string& text, std::string_view label) {
  const std::size_t at = text.find(label);
  if (at == std::string::npos) give_up("no {} in /proc", label);
  return std::strtod(text.c_str() + at + label.size(), nullptr) * 1024;
}

}  // namespace

std::int64_t now_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

std::size_t Histogram::bucket_of(std::uint64_t ns) {
  if (ns < fine) return ns;
  const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - fine_bits - 1;
  return (shift + 1) * fine + ((ns >> shift) - fine);
}

std::uint64_t Histogram::lower_end(std::size_t bucket) {
  if (bucket < fine) return bucket;
  const std::size_t shift = bucket / fine - 1;
  return (bucket % fine + fine) << shift;
}

void Histogram::add(std::int64_t ns) {
  ++buckets_[bucket_of(ns < 0 ? 0 : static_cast<std::uint64_t>(ns))];
  ++count_;
}

double Histogram::quantile_us(double share) const {
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
  std::uint64_t passed = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    passed += buckets_[bucket];
    if (passed > wanted) return static_cast<double>(lower_end(bucket) + lower_end(bucket + 1)) / 2000;
  }
  return 0;
}

double cpu_us_of(pid_t pid) {
  const std::string stat = file_of(pid, "stat");
  // The name of the program, in parentheses, may hold blanks; utime and stime are the 12th and 13th words behind it.
  std::istringstream words(stat.substr(stat.rfind(')') + 1));
  std::string word;
  for (int i = 0; i < 11; ++i) words >> word;
  double user = 0, system = 0;
  words >> user >> system;
  return (user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu_us() {
  return static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID)) / 1000;
}

Memory memory_of(pid_t pid) {
  return {kib_line(file_of(pid, "status"), "VmRSS:"), kib_line(file_of(pid, "smaps_rollup"), "\nPss:")};
}

}  // namespace sealpost::bench
