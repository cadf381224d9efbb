#pragma once
// What the configuration says, as each room takes it.

#include <cstddef>

#include "app/configuration.hpp"
#include "auth/limits.hpp"
#include "auth/registration.hpp"
#include "broker/limits.hpp"
#include "mqtt/connection.hpp"
#include "net/admission.hpp"
#include "net/tls.hpp"
#include "pipeline/services.hpp"

namespace sealpost::app {

auth::Registration registration_of(const RegistrationSection&);
pipeline::Limits limits_of(const Configuration&);
auth::AddressLimits address_limits_of(const LimitsSection&);
net::AdmissionLimits admission_limits_of(const LimitsSection&);
net::TlsOptions tls_options_of(const Configuration&, const Listener&);
broker::Limits broker_limits_of(const Configuration&);

// Of the protocol's own topics alone; with ordinary MQTT beside them; and of a listener for ordinary MQTT only.
mqtt::Limits mqtt_limits_of(const pipeline::Limits&);
mqtt::Limits app_limits_of(const Configuration&, mqtt::Limits of_protocol);
mqtt::Limits open_limits_of(const Configuration&, const mqtt::Limits& of_protocol);

// Bytes of a request's body.
std::size_t api_body_max(const pipeline::Limits&);

}  // namespace sealpost::app
