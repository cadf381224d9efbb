#pragma once
// The broker's things as the log's database keeps them (log/mqtt_state.hpp), and back. Times on disk are of the wall
// clock, in memory of the steady one.

#include <atomic>

#include "broker/session.hpp"
#include "log/mqtt_state.hpp"
#include "mqtt/packet.hpp"

namespace sealpost::broker {

// A message on disk, and how many deliveries of it are not over.
struct Stored {
  Stored(std::int64_t number, std::size_t deliveries) : id(number), left(deliveries) {}
  const std::int64_t id;
  std::atomic<std::size_t> left;
};

// The same moment on both clocks.
struct Moment {
  Millis steady = 0;
  Millis wall = 0;
};

log::MqttMessage row_of(const mqtt::MessagePtr&, std::int64_t id, const Moment& now);
mqtt::MessagePtr message_of(const log::MqttMessage&, const Moment& now);

log::MqttSubscription row_of(const Session&, std::string_view filter, const mqtt::Subscription&);
mqtt::Subscription subscription_of(const log::MqttSubscription&);

log::MqttDelivery row_of(const Session&, const mqtt::Delivery&, std::int64_t message);

// What ends a delivery that stands on disk; call it once for each.
log::DropMqttDelivery end_of(const Session&, const mqtt::Delivery&);

}  // namespace sealpost::broker
