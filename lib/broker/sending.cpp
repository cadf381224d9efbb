#include "broker/sending.hpp"

#include "mqtt/errors.hpp"

namespace sealpost::broker {
namespace {

bool may_take_one_more(const Broker& broker, const Session& session, const mqtt::Connection& engine,
                       const mqtt::Delivery& delivery) {
  if (delivery.qos == mqtt::Qos::at_most_once) return true;
  const auto& state = session.state;
  return engine.window() > 0 && state.in_flight().size() < broker.limits().in_flight_max &&
         !state.is_in_flight(mqtt::packet_id_of(delivery.number));
}

Result<mqtt::PacketId> publish(const Broker& broker, mqtt::Connection& engine, const mqtt::Delivery& delivery) {
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
  if (message.expires_at() != mqtt::Message::never) properties.message_expiry = message.expiry_left(broker.now());
  properties.subscription_identifiers = delivery.identifiers;
  if (properties.message_expiry || !delivery.identifiers.empty()) out.properties = &properties;
  return engine.publish(out);
}

Result<void> publish_again(const Broker& broker, mqtt::Connection& engine, const mqtt::Delivery& delivery) {
  const auto published = publish(broker, engine, delivery);
  return published ? Result<void>() : Result<void>(published.error());
}

// The first that waits is not for this client, or not any more [MQTT-3.3.2-5]. One of QoS 2 that may have been sent
// does not expire [MQTT-4.3.3-7]: the client may hold its packet id, and take the next message under it for the same.
bool is_over(const Broker& broker, const Session& session, const mqtt::Delivery& delivery) {
  const mqtt::Message& message = *delivery.message;
  const bool expires =
      message.expires_at() != mqtt::Message::never && !(delivery.again && delivery.qos == mqtt::Qos::exactly_once);
  const bool expired = expires && message.expired(broker.now());
  return expired || !session.access->may_receive(message.topic());
}

// A client that has come back with less room is dealt with as if it had been sent the message [MQTT-3.1.2-25]: of QoS 2
// it may hold the packet id from before, and that is released.
Result<void> release(Broker& broker, const Session& session, mqtt::Connection& engine, mqtt::Delivery& delivery) {
  broker.released(session, delivery);
  return engine.pubrel(mqtt::packet_id_of(delivery.number));
}

}  // namespace

bool Sending::send_one(Broker& broker, Session& session, mqtt::Connection& engine) {
  if (resuming_ && !resume(broker, session, engine)) return false;
  if (!session.deliveries.has_waiting()) return false;
  const mqtt::Delivery& next = session.deliveries.front();
  if (is_over(broker, session, next)) {
    broker.forgo(session, session.deliveries.drop());
    return true;
  }
  if (!may_take_one_more(broker, session, engine, next)) return false;
  const auto published = publish(broker, engine, next);
  if (published) {
    broker.ports().counters.mqtt_sent_total.add();
    session.deliveries.sent();
    return true;
  }
  if (published.error() != mqtt::Errc::packet_too_large) return false;
  if (next.again && next.qos == mqtt::Qos::exactly_once) {  // from before the server was started
    const auto number = next.number;
    session.deliveries.sent();
    session.state.add_in_flight({mqtt::packet_id_of(number), false, number, true, true});
    return release(broker, session, engine, *session.deliveries.in_flight(number)).has_value();
  }
  broker.forgo(session, session.deliveries.drop());  // as if it had been sent [MQTT-3.1.2-25]
  return true;
}

// In their order, under their packet ids [MQTT-4.4.0-1] [MQTT-4.6.0-1]. False while the client's window is full.
bool Sending::resume(Broker& broker, Session& session, mqtt::Connection& engine) {
  std::vector<mqtt::InFlight> in_flight = session.state.in_flight();
  for (const mqtt::InFlight& message : in_flight) {
    if (message.sent || message.packet_id <= mqtt::sessions_packet_id_max) continue;
    mqtt::Delivery* delivery = session.deliveries.in_flight(message.token);
    Result<void> sent = delivery == nullptr ? Result<void>(mqtt::Errc::unknown_packet_id)
                        : message.released  ? engine.pubrel(message.packet_id)
                                            : publish_again(broker, engine, *delivery);
    if (!sent && sent.error() == mqtt::Errc::packet_too_large && message.exactly_once)
      sent = release(broker, session, engine, *delivery);
    if (sent) continue;
    if (sent.error() != mqtt::Errc::unknown_packet_id && sent.error() != mqtt::Errc::packet_too_large) return false;
    session.state.forget(message.packet_id);
    if (const auto given_up = session.deliveries.settle(message.token)) broker.forgo(session, *given_up);
  }
  resuming_ = false;
  return true;
}

}  // namespace sealpost::broker
