#include "app/ports.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sodium.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace sealpost::app {
namespace {

constexpr std::string_view level_names[] = {"debug", "info", "warn", "error"};
constexpr int journal_priorities[] = {7, 6, 4, 3};  // sd-daemon(3): debug, info, warning, error

std::string_view name_of(Level level) {
  return level_names[static_cast<std::size_t>(level)];
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string printable(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (const char c : line) {
    if (is_control(c))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (is_control(c))
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

// "2024-05-01T12:00:00.123Z" (RFC 3339)
std::string utc(Millis time) {
  const Millis in_second = ((time % 1000) + 1000) % 1000;
  const auto seconds = static_cast<std::time_t>((time - in_second) / 1000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), in_second);
}

bool under_journal() {
  return std::getenv("JOURNAL_STREAM") != nullptr;  // systemd.exec(5)
}

}  // namespace

Millis SystemClock::now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

std::int64_t SystemClock::steady_us() const {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_start).count();
}

SystemRandom::SystemRandom() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium finds no source of randomness on this system");
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
  randombytes_buf(out.data(), out.size());
}

std::string text_line(Millis time, Level level, std::string_view room, std::string_view line) {
  return fmt::format("{} {:<5} {}: {}", utc(time), name_of(level), room, printable(line));
}

std::string journal_line(Level level, std::string_view room, std::string_view line) {
  return fmt::format("<{}>{}: {}", journal_priorities[static_cast<std::size_t>(level)], room, printable(line));
}

std::string json_line(Millis time, Level level, std::string_view room, std::string_view line) {
  return fmt::format(R"({{"time":"{}","level":"{}","room":{},"text":{}}})", utc(time), name_of(level), json_text(room),
                     json_text(line));
}

// spdlog gives whole lines from many threads; how they look and which are wanted is decided here.
struct StderrLog::Parts {
  explicit Parts(const LoggingSection& section)
      : format(section.format),
        in_journal(under_journal()),
        level(section.level),
        out("sealpost", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    out.set_pattern("%v");
  }

  std::string look(Level line_level, std::string_view room, std::string_view line) const {
    if (format == LogFormat::json) return json_line(SystemClock().now(), line_level, room, line);
    if (in_journal) return journal_line(line_level, room, line);
    return text_line(SystemClock().now(), line_level, room, line);
  }

  const LogFormat format;
  const bool in_journal;
  std::atomic<Level> level;
  spdlog::logger out;
};

StderrLog::StderrLog(const LoggingSection& section) : parts_(std::make_unique<Parts>(section)) {}
StderrLog::~StderrLog() = default;

bool StderrLog::wants(Level level) const {
  return level >= parts_->level.load(std::memory_order_relaxed);
}

void StderrLog::write(Level level, std::string_view room, std::string_view line) {
  if (wants(level)) parts_->out.log(spdlog::level::critical, parts_->look(level, room, line));
}

void StderrLog::set_level(Level level) {
  parts_->level.store(level, std::memory_order_relaxed);
}

}  // namespace sealpost::app
