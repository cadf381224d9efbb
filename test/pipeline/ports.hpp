#pragma once
// The ports that a test holds in its hand: time stands still until the test moves it, and what is said is kept.

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ports.hpp"

namespace sealpost::pipeline::test {

class HeldClock final : public Clock {
 public:
  Millis now() const override { return millis; }
  std::int64_t steady_us() const override { return millis * 1000; }
  Millis millis = 1'790'000'000'000;
};

// Timers that expire in advance(), in the order in which they are due.
class HeldTimers final : public Timers {
 public:
  explicit HeldTimers(HeldClock& clock) : clock_(clock) {}

  Handle after(std::chrono::milliseconds delay, std::function<void()> expired) override {
    entries_.emplace(++last_, Entry{clock_.millis + delay.count(), std::move(expired)});
    return last_;
  }
  void cancel(Handle handle) override { const auto gone = entries_.extract(handle); }

  void advance(Millis by) {
    clock_.millis += by;
    for (;;) {
      const auto next = std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.due; });
      if (next == entries_.end() || next->second.due > clock_.millis) return;
      const auto taken = entries_.extract(next);
      taken.mapped().expired();
    }
  }
  // As when the process ends: what was to be called never is.
  void drop() { const auto gone = std::exchange(entries_, {}); }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Millis due;
    std::function<void()> expired;
  };
  HeldClock& clock_;
  Handle last_ = 0;
  std::map<Handle, Entry> entries_;
};

class KeptLines final : public LogSink {
 public:
  bool wants(Level) const override { return true; }
  void write(Level, std::string_view, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

}  // namespace sealpost::pipeline::test
