#pragma once
// Presence: who is connected, as retained messages that the server keeps at app/presence/<name>.

#include <string_view>

#include "mqtt/message.hpp"

namespace sealpost::broker {

class Broker;

// {"online":true,"since":<ms since the Unix epoch>}
mqtt::MessagePtr presence_of(std::string_view name, bool online, Millis since);

// Nobody is connected when the server starts, whatever was retained when it ended.
void retract_presence(Broker&);

}  // namespace sealpost::broker
