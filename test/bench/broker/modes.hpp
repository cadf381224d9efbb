#pragma once
// What the load generator can be asked for, and its modes; each prints one line of JSON and says whether all was right.

#include <fmt/format.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "bench/broker/wire.hpp"

namespace sealpost::bench {

enum class Shape { pairs, fan_out, fan_in };

struct Options {
  std::string mode;
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  bool tls = false;
  Protocol protocol = Protocol::v311;
  pid_t pid = 0;  // of the server; 0: its CPU and memory are not measured
  // messages
  Shape shape = Shape::pairs;
  std::uint8_t qos = 0;
  std::size_t payload_bytes = 512;
  std::size_t peers = 0;   // pairs, subscribers of a fan-out, publishers of a fan-in; 0: 100, 1,000, 100
  std::size_t window = 0;  // messages of a publisher under way at once; 0: 16, of a fan-out 4
  double warm_up_seconds = 1;
  double seconds = 4;
  std::uint64_t messages = 0;  // measure until so many are delivered, if the time is not up; 0: until it is
  // connects, idle, subscriptions
  std::size_t connections = 0;  // idle: 10,000, subscriptions: 100
  std::size_t at_once = 8;      // connects: under way at once
  std::size_t filters = 1000;   // subscriptions: of each connection
};

// Ends the program with a sentence when they make no sense.
Options options_of(int count, char** values);

bool run_messages(const Options& options);
bool run_connects(const Options& options);
bool run_idle(const Options& options);
bool run_subscriptions(const Options& options);

// A line of JSON, put together key by key.
class JsonLine {
 public:
  JsonLine& text(std::string_view key, std::string_view value) { return raw(key, fmt::format("\"{}\"", value)); }
  JsonLine& number(std::string_view key, double value) { return raw(key, fmt::format("{:.3f}", value)); }
  JsonLine& count(std::string_view key, std::uint64_t value) { return raw(key, fmt::format("{}", value)); }
  JsonLine& truth(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  void print() const { fmt::print("{{{}}}\n", line_); }

 private:
  JsonLine& raw(std::string_view key, std::string_view value) {
    line_ += fmt::format("{}\"{}\": {}", line_.empty() ? "" : ", ", key, value);
    return *this;
  }
  std::string line_;
};

}  // namespace sealpost::bench
