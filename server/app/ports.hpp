#pragma once
// The real world behind base/ports.hpp: the system's clocks, libsodium's randomness, log lines on standard error.
// (`Timers` belongs to whoever runs the io_context.)

#include <memory>

#include "app/configuration.hpp"
#include "base/ports.hpp"

namespace sealpost::app {

class SystemClock final : public Clock {
 public:
  Millis now() const override;
  std::int64_t steady_us() const override;
};

// libsodium's generator. Its constructor initialises libsodium, and throws std::runtime_error where the system has no
// source of randomness.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  void fill(std::span<std::uint8_t> out) override;
};

// Lines on standard error, from any thread, each whole. As text, under systemd each line begins with its <priority>
// (sd-daemon(3)) and has no time of its own, as the journal has both; elsewhere with the time in UTC and the level.
// As JSON, one object a line: time, level, room, text.
class StderrLog final : public LogSink {
 public:
  explicit StderrLog(const LoggingSection&);
  ~StderrLog() override;
  bool wants(Level) const override;
  void write(Level, std::string_view room, std::string_view line) override;
  void set_level(Level);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// How one line looks in each format, without its line feed; `line` is made safe for a terminal and for the journal
// (control characters become \xNN).
std::string text_line(Millis time, Level, std::string_view room, std::string_view line);
std::string journal_line(Level, std::string_view room, std::string_view line);
std::string json_line(Millis time, Level, std::string_view room, std::string_view line);

}  // namespace sealpost::app
