#pragma once
// What waits for a session goes to the connection that has it, as far as the client takes it: in order, within its
// window, and what was in flight when the connection before ended first.

#include "broker/broker.hpp"
#include "mqtt/connection.hpp"

namespace sealpost::broker {

class Sending {
 public:
  // A connection has taken the session: `present` if it was there before.
  explicit Sending(bool present = false) : resuming_(present) {}

  // Sends, or gives up, one message; false if nothing can be sent now. Under the session's mutex, by whoever has the
  // engine to himself.
  bool send_one(Broker&, Session&, mqtt::Connection&);

 private:
  bool resume(Broker&, Session&, mqtt::Connection&);

  bool resuming_ = false;  // what was in flight before is not all sent again
};

}  // namespace sealpost::broker
