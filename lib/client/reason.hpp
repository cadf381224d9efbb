#pragma once
// The reasons with which a server ends a connection, as a client takes them.

#include <string>

#include "client/errc.hpp"
#include "mqtt/codec.hpp"

namespace sealpost::client {

Errc errc_of_connack(mqtt::ReasonCode);
Errc errc_of_disconnect(mqtt::ReasonCode);

// For people: the reason's name, and what the server added.
std::string words_of(mqtt::ReasonCode, const mqtt::Properties&);

}  // namespace sealpost::client
