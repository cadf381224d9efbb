// What a client is sent.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "broker/guest.hpp"
#include "mqtt/errors.hpp"
#include "net/deadline.hpp"

namespace sealpost::broker {
namespace {

// Packets are gathered for one write up to here.
constexpr std::size_t output_max = 64 * 1024;

}  // namespace

bool Guest::pump(Session& session) {
  const std::lock_guard lock(mutex_);
  if (!engine_.accepted() || congested_) return false;
  if (resuming_) resume(session);
  while (!resuming_ && !congested_ && session.deliveries.has_waiting() && send_next(session)) {
    if (engine_.output_size() > output_max) push_output();
  }
  return engine_.has_output() && !std::exchange(dirty_, true);
}

// What was in flight when the last connection ended comes first, in its order and under its packet ids [MQTT-4.4.0-1].
void Guest::resume(Session& session) {
  for (const mqtt::InFlight& message : session.state.in_flight()) {
    if (message.sent) continue;
    const mqtt::Delivery* delivery = session.deliveries.in_flight(message.token);
    const bool sent = message.released ? engine_.pubrel(message.packet_id).has_value()
                                       : delivery != nullptr && publish(*delivery).has_value();
    if (!sent) return;  // the window is full: the rest follows
  }
  resuming_ = false;
}

// Sends the first that waits, or gives it up. False if it has to wait.
bool Guest::send_next(Session& session) {
  const mqtt::Delivery& next = session.deliveries.front();
  const bool forbidden = !session.access->may_receive(next.message->topic());
  if (forbidden || next.message->expired(broker_.now())) {  // [MQTT-3.3.2-5]
    broker_.forgo(session, session.deliveries.drop());
    return true;
  }
  if (!may_take_one_more(session, next)) return false;
  const auto published = publish(next);
  if (published) {
    broker_.ports().counters.mqtt_sent_total.add();
    session.deliveries.sent();
    return true;
  }
  if (published.error() != mqtt::Errc::packet_too_large) return false;
  broker_.forgo(session, session.deliveries.drop());  // as if it had been sent [MQTT-3.1.2-25]
  return true;
}

bool Guest::may_take_one_more(const Session& session, const mqtt::Delivery& delivery) const {
  if (delivery.qos == mqtt::Qos::at_most_once) return true;
  const auto& state = session.state;
  return engine_.window() > 0 && state.in_flight().size() < broker_.limits().in_flight_max &&
         !state.is_in_flight(mqtt::packet_id_of(delivery.number));
}

Result<mqtt::PacketId> Guest::publish(const mqtt::Delivery& delivery) {
  const mqtt::Message& message = *delivery.message;
  mqtt::OutPublish out;
  out.topic = message.topic();
  out.payload = message.payload();
  out.qos = delivery.qos;
  out.retain = delivery.retain;
  out.encoded_properties = message.properties();
  if (delivery.qos != mqtt::Qos::at_most_once) {
    out.dup = delivery.again;
    out.token = delivery.number;
    out.packet_id = mqtt::packet_id_of(delivery.number);
  }
  mqtt::Properties properties;
  properties.message_expiry = message.expiry_left(broker_.now());
  properties.subscription_identifiers = delivery.identifiers;
  if (properties.message_expiry || !delivery.identifiers.empty()) out.properties = &properties;
  return engine_.publish(out);
}

void Guest::flush() {
  const std::lock_guard lock(mutex_);
  dirty_ = false;
  push_output();
  if (engine_.closing()) channel_->close();
}

// Under the mutex, so that what is written keeps its order.
void Guest::push_output() {
  if (!engine_.has_output()) return;
  Bytes output;
  engine_.take_output(output);
  channel_->send(std::move(output));
  if (congested_ || channel_->unsent() <= broker_.limits().unsent_before_pausing) return;
  congested_ = true;
  asio::co_spawn(broker_.ports().executor, drain(shared_from_this()), asio::detached);
}

// Until the client has taken what it was sent; one that takes nothing for too long is cut.
asio::awaitable<void> Guest::drain(std::shared_ptr<Guest> self) {
  const std::shared_ptr<net::Channel> channel = self->channel_;
  const Limits& limits = self->broker_.limits();
  const auto stuck = [weak = std::weak_ptr(channel)] {
    if (const auto late = weak.lock()) late->abort();
  };
  while (channel->unsent() > limits.unsent_before_pausing / 2) {
    const net::Deadline deadline(self->broker_.ports().timers, std::chrono::milliseconds(limits.pause_max), stuck);
    const std::size_t unsent = channel->unsent();
    const auto shorter = co_await channel->drained(unsent);
    if (!shorter) break;  // it is over, and the input finds out
  }
  SessionPtr session;
  {
    const std::lock_guard lock(self->mutex_);
    self->congested_ = false;
    session = self->session_;
  }
  if (session) {
    const std::lock_guard lock(session->mutex);
    if (session->outlet == self) self->pump(*session);
  }
  self->flush();
  self->go_on();
}

}  // namespace sealpost::broker
