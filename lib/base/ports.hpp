#pragma once
// What the rest asks of the world outside: time, randomness, timers, a place for log lines. The real ones are made in
// server/app; tests bring their own. Every port may be called from any thread unless it says otherwise.

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace sealpost {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch. May jump, either way.
  virtual Millis now() const = 0;
  // Microseconds on a clock that never goes back, from an unspecified start.
  virtual std::int64_t steady_us() const = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out` with bytes nobody can predict.
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <std::size_t N>
  std::array<std::uint8_t, N> bytes() {
    std::array<std::uint8_t, N> out;
    fill(out);
    return out;
  }
};

class Timers {
 public:
  using Handle = std::uint64_t;  // 0: none
  virtual ~Timers() = default;
  // Calls `expired` once, after at least `delay` and at most `delay` plus 100 ms later, on a thread of the port's
  // choosing: the callee posts to where it belongs.
  virtual Handle after(std::chrono::milliseconds delay, std::function<void()> expired) = 0;
  // Afterwards `expired` is not called, unless it is being called already.
  virtual void cancel(Handle) = 0;
};

enum class Level { debug, info, warn, error };

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual bool wants(Level) const = 0;
  // One line for people: what happened, where, and what to do. `room` is the folder that speaks.
  virtual void write(Level, std::string_view room, std::string_view line) = 0;
};

}  // namespace sealpost
