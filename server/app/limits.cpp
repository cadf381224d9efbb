#include "app/limits.hpp"

#include <algorithm>

namespace sealpost::app {

auth::Registration registration_of(const RegistrationSection& section) {
  auth::Registration registration;
  switch (section.policy) {
    case RegistrationPolicy::open:
      registration.policy = auth::Registration::Policy::open;
      break;
    case RegistrationPolicy::invite:
      registration.policy = auth::Registration::Policy::invite;
      break;
    case RegistrationPolicy::listed:
      registration.policy = auth::Registration::Policy::listed;
      break;
  }
  registration.invites.insert(section.invites.begin(), section.invites.end());
  for (const std::string& text : section.listed)
    if (const auto permalink = Permalink::from_hex(text)) registration.listed.insert(*permalink);
  return registration;
}

pipeline::Limits limits_of(const Configuration& configuration) {
  const LimitsSection& section = configuration.limits;
  pipeline::Limits limits;
  limits.message_max = static_cast<std::size_t>(section.max_message_bytes);
  limits.window = static_cast<std::uint16_t>(section.window);
  limits.session = section.session_seconds * 1000;
  limits.mqtt_session_max = section.mqtt_session_seconds_max * 1000;
  limits.unproven = section.unproven_seconds * 1000;
  limits.unproven_bytes = static_cast<std::size_t>(section.unproven_bytes);
  limits.inbox_messages = static_cast<std::size_t>(section.inbox_messages);
  limits.outbox_messages = static_cast<std::uint64_t>(section.outbox_messages);
  limits.retry_min = configuration.bot.retry_delay_ms_min;
  limits.retry_max = configuration.bot.retry_delay_ms_max;
  return limits;
}

auth::AddressLimits address_limits_of(const LimitsSection& section) {
  auth::AddressLimits limits;
  limits.checks_per_second = section.signature_checks_per_second;
  // At least a whole handshake: a Hello, and a Proof with 16 versions of 16 keys (auth::signature_checks).
  limits.checks_burst = std::max<std::int64_t>(section.signature_checks_per_second * 2, 1 + 16 * 17 + 1);
  limits.registrations_per_hour = section.registrations_per_hour;
  return limits;
}

net::AdmissionLimits admission_limits_of(const LimitsSection& section) {
  net::AdmissionLimits limits;
  limits.connections_max = static_cast<std::size_t>(section.max_connections);
  limits.strangers_max = static_cast<std::size_t>(section.max_unproven_connections);
  limits.per_address_max = static_cast<std::size_t>(section.max_unproven_per_address);
  return limits;
}

net::TlsOptions tls_options_of(const Configuration& configuration, const Listener& listener) {
  net::TlsOptions options;
  options.certificate = configuration.in_data_dir(listener.certificate);
  options.key = configuration.in_data_dir(listener.private_key);
  options.allow_tls12 = listener.allow_tls_1_2;
  if (listener.client_certificates == CertificateDemand::none) return options;
  const bool required = listener.client_certificates == CertificateDemand::required;
  options.clients = required ? net::ClientCertificates::required : net::ClientCertificates::optional;
  options.client_ca = configuration.in_data_dir(listener.client_ca);
  return options;
}

mqtt::Limits mqtt_limits_of(const pipeline::Limits& limits) {
  constexpr std::uint32_t envelope = 1024;  // topic, packet id and properties around a message
  mqtt::Limits mqtt;
  mqtt.packet_size = static_cast<std::uint32_t>(limits.message_max) + envelope;
  mqtt.packet_size_before_accept = static_cast<std::uint32_t>(limits.unproven_bytes);
  mqtt.receive_maximum = limits.window;
  mqtt.wildcard_subscriptions = true;
  return mqtt;
}

broker::Limits broker_limits_of(const Configuration& configuration) {
  const MqttSection& section = configuration.mqtt;
  broker::Limits limits;
  limits.sessions_max = static_cast<std::size_t>(section.sessions_max);
  limits.subscriptions_max = static_cast<std::size_t>(section.subscriptions_max);
  limits.deliveries.messages_max = static_cast<std::size_t>(section.queued_messages_max);
  limits.deliveries.bytes_max = static_cast<std::size_t>(section.queued_bytes_max);
  limits.retained.messages_max = static_cast<std::size_t>(section.retained_messages_max);
  limits.retained.bytes_max = static_cast<std::size_t>(section.retained_bytes_max);
  limits.in_flight_max = static_cast<std::uint16_t>(section.in_flight_max);
  limits.session_max = configuration.limits.mqtt_session_seconds_max * 1000;
  limits.unproven = configuration.limits.unproven_seconds * 1000;
  return limits;
}

// With ordinary MQTT: all of it.
mqtt::Limits app_limits_of(const Configuration& configuration, mqtt::Limits mqtt) {
  const MqttSection& section = configuration.mqtt;
  mqtt.topic_alias_maximum = static_cast<std::uint16_t>(section.topic_alias_maximum);
  mqtt.keep_alive_max = static_cast<std::uint16_t>(section.keep_alive_seconds_max);
  mqtt.topic_bytes_max = 65'535;
  mqtt.topic_levels_max = 200;
  mqtt.bounds = {.user_properties_max = 1024, .filters_max = 1024};
  mqtt.maximum_qos = mqtt::Qos::exactly_once;
  mqtt.retain_available = mqtt.wildcard_subscriptions = true;
  mqtt.shared_subscriptions = mqtt.subscription_identifiers = true;
  return mqtt;
}

mqtt::Limits open_limits_of(const Configuration& configuration, const mqtt::Limits& proven) {
  mqtt::Limits mqtt = app_limits_of(configuration, proven);
  mqtt.receive_maximum = static_cast<std::uint16_t>(configuration.mqtt.receive_maximum);
  return mqtt;
}

// A bot's body: what holds a message, escaped, and replies of usual size.
std::size_t api_body_max(const pipeline::Limits& limits) {
  return std::max<std::size_t>(limits.message_max * 2, 1 << 20);
}

}  // namespace sealpost::app
