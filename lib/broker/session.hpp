#pragma once
// One MQTT session as the broker has it, with or without a connection: what it subscribes to, what waits for it, and
// its will.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "broker/access.hpp"
#include "mqtt/deliveries.hpp"
#include "mqtt/reason.hpp"
#include "mqtt/session.hpp"

namespace sealpost::broker {

struct Session;

// Where a session's messages go out: its connection. The session's mutex is held where it says so, and is then taken
// before any of the outlet's own.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // There is something in session.deliveries. True if flush() is wanted, soon, by the caller. Under the mutex.
  virtual bool pump(Session& session) = 0;
  // What was made ready goes out. Any thread, without the mutex.
  virtual void flush() = 0;
  // What the server says to a QoS 2 message of the client, which may have come on an earlier connection; none: it could
  // not be stored, and has to come again. Under the mutex.
  virtual void decide_received(mqtt::PacketId packet_id, std::optional<mqtt::ReasonCode> reason) = 0;
  // The connection is over, for `reason`: another one has the session, or nobody. Under the mutex.
  virtual void dismiss(mqtt::ReasonCode reason, std::string_view why) = 0;
};

// The outlets to flush once the caller holds no mutex.
class Wakes {
 public:
  void add(std::shared_ptr<Outlet> outlet) { outlets_.push_back(std::move(outlet)); }
  void flush() {
    for (const auto& outlet : outlets_) outlet->flush();
    outlets_.clear();
  }

 private:
  std::vector<std::shared_ptr<Outlet>> outlets_;
};

// A will that waits for the end of the connection, or for its delay after that (5.0 section 3.1.2.5).
struct Will {
  mqtt::MessagePtr message;  // `expires_at` counts from 0, and so is the interval
  std::uint32_t delay = 0;   // seconds
};

std::optional<Will> will_of(const mqtt::Connect&);

struct Session {
  Session(mqtt::PublisherId number, std::string name, const mqtt::DeliveryLimits& limits)
      : id(number), key(std::move(name)), deliveries(limits) {}

  const mqtt::PublisherId id;
  const std::string key;             // whose it is: names the kind of client and its client id
  std::atomic<bool> online{false};   // there is an outlet: for the choice among the members of a shared subscription
  std::atomic<bool> durable{false};  // it outlives its connection, so that what it is promised stands on disk

  std::mutex mutex;  // guards what follows. Taken after the broker's tree, before the outlet's own
  mqtt::Session state;
  mqtt::Session::Attachment attachment = 0;
  mqtt::Deliveries deliveries;
  std::shared_ptr<Outlet> outlet;
  std::shared_ptr<const Access> access;
  std::optional<Will> will;
  std::size_t subscription_bytes = 0;  // what its subscriptions cost
  bool stored = false;                 // it has rows in the database
  bool ended = false;                  // no longer the broker's: another session stands under the key, or none
  Timers::Handle expiry_timer = 0;
  Timers::Handle will_timer = 0;
};

using SessionPtr = std::shared_ptr<Session>;

}  // namespace sealpost::broker
