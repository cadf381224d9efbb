#pragma once
// What every coroutine of the pipeline is given: the ports, the server's own identity, and the limits. Made once by
// whoever wires the server; everything it refers to outlives the clients.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "auth/registration.hpp"
#include "base/counters.hpp"
#include "base/ports.hpp"
#include "log/event_log.hpp"
#include "object/identity.hpp"
#include "object/keys.hpp"

namespace sealpost::pipeline {

namespace asio = boost::asio;

class Bot;
class Door;
struct AppService;

// What a server message may be larger than the message it answers or relays (PROTOCOL section 1).
inline constexpr std::size_t server_message_extra = 16 * 1024;

struct Limits {
  std::size_t message_max = 256 * 1024;     // bytes of a client's message
  std::uint16_t window = 16;                // messages of a client on their way to the log
  Millis session = 86'400'000;              // from a proof to its `expires`
  Millis mqtt_session_max = 604'800'000;    // how long subscriptions outlive a connection
  Millis unproven = 10'000;                 // for a connection to prove who it is
  std::size_t unproven_bytes = 64 * 1024;   // that it may send before
  std::size_t inbox_messages = 1'000;       // of one client, that wait for the bot
  std::uint64_t outbox_messages = 100'000;  // of one client, that no device has acknowledged
  Millis retry_min = 100;                   // before a bot that failed is asked again; doubles up to
  Millis retry_max = 30'000;
  std::size_t devices_max = 16;                     // live ones of an identity
  Millis device_retired = Millis{90} * 86'400'000;  // unseen for so long, a device label is over

  std::size_t server_message_max() const { return message_max + server_message_extra; }
};

struct ServerIdentity {
  Permalink permalink;
  std::vector<object::Identity> versions;  // version 0 first; the last is in force
  const object::Signer* signer = nullptr;  // a `sign` key of the last
};

// At most so many a second, in bursts of as many. Any thread.
class Rate {
 public:
  explicit Rate(std::int64_t per_second) : per_second_(per_second), left_(per_second) {}
  bool take(Millis now) {
    const std::lock_guard lock(mutex_);
    left_ = std::min(per_second_ * 1000, left_ + std::max<Millis>(now - since_, 0) * per_second_);
    since_ = now;
    if (left_ < 1000) return false;
    left_ -= 1000;
    return true;
  }

 private:
  std::mutex mutex_;  // a leaf
  const std::int64_t per_second_;
  std::int64_t left_;  // thousandths
  Millis since_ = 0;
};

// Who may register: the operator may change it while the server runs. Any thread.
class RegistrationPolicy {
 public:
  explicit RegistrationPolicy(auth::Registration initial) { set(std::move(initial)); }
  std::shared_ptr<const auth::Registration> get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  void set(auth::Registration registration) {
    auto made = std::make_shared<const auth::Registration>(std::move(registration));
    const std::lock_guard lock(mutex_);
    current_ = std::move(made);
  }

 private:
  mutable std::mutex mutex_;  // a leaf
  std::shared_ptr<const auth::Registration> current_;
};

// Named, not asio::any_io_executor: a strand of the latter allocates at every post.
using Executor = asio::io_context::executor_type;

struct Services {
  Executor executor;  // each client makes its strand of it
  log::EventLog& log;
  Clock& clock;
  Random& random;
  Timers& timers;
  LogSink& sink;
  Counters& counters;
  const ServerIdentity& identity;
  const RegistrationPolicy& registration;
  Door& door;
  std::vector<std::string> endpoints;  // that a Hello may name
  Limits limits;
  Bot* bot = nullptr;         // none: messages to the server wait in the inbox
  AppService* app = nullptr;  // none: clients have no ordinary MQTT
  std::atomic<std::uint64_t> challenges_issued{0};
  Rate security_events{10};  // of handshakes that failed
};

// Milliseconds on the steady clock.
inline Millis steady_ms(const Clock& clock) {
  return clock.steady_us() / 1000;
}

}  // namespace sealpost::pipeline
