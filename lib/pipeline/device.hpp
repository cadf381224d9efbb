#pragma once
// What the actor of a client keeps for each of its devices. Lives on the client's strand.

#include <list>
#include <memory>
#include <vector>

#include "broker/session.hpp"
#include "lane/inbound.hpp"
#include "lane/outbound.hpp"
#include "mqtt/session.hpp"
#include "pipeline/connection.hpp"

namespace sealpost::pipeline {

// A message of the out-lane, signed and on disk.
struct Outbound {
  log::Committed committed;
  log::Body text;
};

// A PUBLISH that waits for the commit of the message it is a copy of.
struct Waiter {
  Seq n;
  std::shared_ptr<Connection> connection;
  mqtt::PacketId packet = 0;
};

struct DeviceLane {
  explicit DeviceLane(Device label) : device(std::move(label)) {}

  const Device device;
  lane::InLane in;
  lane::Window window;  // of the connection; after a redelivery its position is behind `acked`
  Seq acked;            // the device has stored everything up to here; never moves back
  Seq drain_to;         // while the light is `drain`: acknowledged up to here, it turns green
  Millis last_seen = 0;
  bool shut = false;
  std::uint64_t proven_challenge = 0;  // the newest challenge that was proven: an older one is stale

  // The broker's, where clients have ordinary MQTT, else its own.
  mqtt::Session& session() { return app ? app->state : own_session; }
  broker::SessionPtr app;
  mqtt::Session own_session;
  Timers::Handle session_timer = 0;        // set while the session waits for its client or its end
  std::shared_ptr<Connection> connection;  // the newest proven one, or none
  std::vector<Waiter> waiting;

  std::list<Outbound> page;  // read from the log ahead of what memory holds
  bool reading = false;      // a page is being read
};

}  // namespace sealpost::pipeline
