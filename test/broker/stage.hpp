#pragma once
// A broker without sockets, threads and time: everything happens in run(), a commit when the test says so, a timer
// expires when the test moves the clock. What a crash leaves is what was committed.

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/stage.hpp"
#include "broker/guest.hpp"
#include "broker/pipe.hpp"
#include "broker/presence.hpp"
#include "broker/rules.hpp"
#include "log/memory_log.hpp"
#include "pipeline/ports.hpp"

namespace sealpost::broker::test {

using pipeline::test::HeldClock;
using pipeline::test::HeldTimers;
using pipeline::test::KeptLines;

// What a client may do that is asked by the id of its session.
using AccessOfId = std::function<std::shared_ptr<const Access>(std::string_view client_id)>;

class Stage {
 public:
  Stage();
  explicit Stage(const Limits& chosen);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Everything that can happen without a commit.
  void run();
  // Commits the next `count` transactions that wait, and what they bring about that needs no other. Gives how many.
  std::size_t commit(std::size_t count = 1);
  // Until nothing moves any more.
  void settle();
  void advance(Millis by);  // the clock; then run()
  // The process ends, and another one starts with what the log has.
  void crash();

  // A new connection to the listener.
  std::shared_ptr<Pipe> dial();
  // What the log has, with nothing waiting for it.
  log::MqttState stored();
  // The server itself says something.
  void publish(std::string_view topic, std::string_view payload, bool retain = false);
  std::size_t sessions() const { return static_cast<std::size_t>(counters().mqtt_sessions.value()); }
  std::size_t dropped() const { return static_cast<std::size_t>(counters().mqtt_dropped_total.value()); }
  const Counters& counters() const;
  Broker& broker();

  HeldClock clock;
  HeldTimers timers{clock};
  auth::Counting random;
  KeptLines sink;
  net::BufferPool buffers;
  log::MemoryLog log{clock, *Device::parse("log-1"), log::MemoryLog::Completion::on_flush};
  Limits limits;  // in force from the next crash() on
  mqtt::Limits mqtt_limits;
  AccessOfId access_of = [](std::string_view) { return std::make_shared<OpenAccess>(); };

 private:
  struct Process;
  void end();
  void start();

  std::unique_ptr<Process> process_;
};

}  // namespace sealpost::broker::test
