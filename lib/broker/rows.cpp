#include "broker/rows.hpp"

namespace sealpost::broker {
namespace {

std::int64_t number_of(const Session& session) {
  return static_cast<std::int64_t>(session.id);
}

}  // namespace

log::MqttMessage row_of(const mqtt::MessagePtr& message, std::int64_t id, const Moment& now) {
  log::MqttMessage row;
  row.id = id;
  row.keeps = message;
  row.topic = message->topic();
  row.properties = message->properties();
  row.payload = message->payload();
  row.qos = static_cast<std::uint8_t>(message->qos());
  row.retain = message->retain();
  const Millis expires = message->expires_at();
  row.expires_at = expires == mqtt::Message::never ? 0 : std::max<Millis>(1, expires - now.steady + now.wall);
  return row;
}

mqtt::MessagePtr message_of(const log::MqttMessage& row, const Moment& now) {
  const Millis expires = row.expires_at == 0 ? mqtt::Message::never : row.expires_at - now.wall + now.steady;
  return std::make_shared<const mqtt::Message>(row.topic, row.properties, row.payload, static_cast<mqtt::Qos>(row.qos),
                                               row.retain, expires);
}

log::MqttSubscription row_of(const Session& session, std::string_view filter, const mqtt::Subscription& subscription) {
  const auto& options = subscription.options;
  const unsigned byte = static_cast<unsigned>(options.qos) | (options.no_local ? 4U : 0U) |
                        (options.retain_as_published ? 8U : 0U) | static_cast<unsigned>(options.retain_handling) << 4;
  return {number_of(session), std::string(filter), static_cast<std::uint8_t>(byte), subscription.identifier};
}

mqtt::Subscription subscription_of(const log::MqttSubscription& row) {
  mqtt::Subscription subscription;
  subscription.options.qos = static_cast<mqtt::Qos>(row.options & 3);
  subscription.options.no_local = row.options & 4;
  subscription.options.retain_as_published = row.options & 8;
  subscription.options.retain_handling = static_cast<mqtt::RetainHandling>(row.options >> 4 & 3);
  subscription.identifier = row.identifier;
  return subscription;
}

log::MqttDelivery row_of(const Session& session, const mqtt::Delivery& delivery, std::int64_t message) {
  log::MqttDelivery row;
  row.session = number_of(session);
  row.number = static_cast<std::int64_t>(delivery.number);
  row.message = message;
  row.qos = static_cast<std::uint8_t>(delivery.qos);
  row.retain = delivery.retain;
  row.released = delivery.released;
  row.identifiers = delivery.identifiers;
  return row;
}

log::DropMqttDelivery end_of(const Session& session, const mqtt::Delivery& delivery) {
  auto& stored = *static_cast<Stored*>(delivery.stored.get());
  const bool last = stored.left.fetch_sub(1) == 1;
  return {number_of(session), static_cast<std::int64_t>(delivery.number), last ? stored.id : 0};
}

}  // namespace sealpost::broker
