#pragma once
// Lines about strangers who do wrong: a few a second, so that nobody fills the log, and how many were left out.

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

namespace sealpost::net {

// Safe for use from any thread.
class Grumble {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int lines_max = 5;  // in a second

  // The line to write, if it is its turn.
  std::optional<std::string> about(std::string line, Time now);

 private:
  std::mutex mutex_;  // a leaf
  std::optional<Time> since_;
  int lines_ = 0;  // since then
  long left_out_ = 0;
};

}  // namespace sealpost::net
