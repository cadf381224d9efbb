#pragma once
// What everybody in a simulation shares: time, chance, what is counted, what is written down, and the first thing that
// went wrong. Also where crashes are asked for: one point is armed at a time, and who reaches it says so.

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "coverage.hpp"
#include "schedule.hpp"
#include "weather.hpp"

namespace sealpost::sim {

// A hash over everything that was sent and everything that became durable, in order. Two runs of one seed that differ
// in any byte or moment differ here.
class Trace {
 public:
  void add(std::uint64_t word) { hash_ = (hash_ ^ word) * 0x9fb21c651e98df25 ^ (hash_ >> 29); }
  void add(BytesView bytes) {
    add(bytes.size());
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      add(word);
    }
    for (const std::uint8_t byte : bytes) add(std::uint64_t{byte});
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x243f6a8885a308d3;
};

class Scene {
 public:
  Scene(std::uint64_t seed, bool printing) : dice_(seed), weather(dice_.fork()), printing_(printing) {}

 private:
  Dice dice_;
  std::optional<Row> armed_;
  std::optional<std::string> violation_;
  bool crash_asked_ = false;

 public:
  Schedule schedule;
  const Weather weather;
  Coverage coverage;
  Trace trace;
  bool calm = false;  // no faults any more

  Dice fork() { return dice_.fork(); }

  // The simulation ends with the first violation.
  void fail(std::string what) {
    if (!violation_) violation_ = std::move(what);
  }
  const std::optional<std::string>& violation() const { return violation_; }

  template <class... Parts>
  void say(fmt::format_string<Parts...> format, Parts&&... parts) const {
    if (!printing_) return;
    fmt::print("{:>7} {:>6}.{:03} ", schedule.steps(), schedule.now() / 1000, schedule.now() % 1000);
    fmt::print(format, std::forward<Parts>(parts)...);
    std::fputc('\n', stdout);
  }

  // Crash points. A client that is told true crashes at once; the server is asked for by ask_server().
  void arm(Row point) { armed_ = point; }
  std::optional<Row> armed() const { return armed_; }
  void disarm() { armed_.reset(); }
  bool reached(Row point) {
    if (calm || armed_ != point) return false;
    armed_.reset();
    coverage.add(point);
    say("-- crash: {}", sentence(point));
    return true;
  }
  void reached_by_server(Row point) {
    if (reached(point)) crash_asked_ = true;
  }
  bool crash_asked() const { return crash_asked_; }
  void crash_done() { crash_asked_ = false; }

 private:
  const bool printing_;
};

}  // namespace sealpost::sim
