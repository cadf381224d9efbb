#include "broker/presence.hpp"

#include <fmt/format.h>

#include "broker/access.hpp"
#include "broker/broker.hpp"

namespace sealpost::broker {
namespace {

std::string text_of(bool online, Millis since) {
  return fmt::format(R"({{"online":{},"since":{}}})", online, since);
}

}  // namespace

mqtt::MessagePtr presence_of(std::string_view name, bool online, Millis since) {
  return std::make_shared<const mqtt::Message>(std::string(presence_prefix).append(name), BytesView{},
                                               as_bytes(text_of(online, since)), mqtt::Qos::at_least_once, true,
                                               mqtt::Message::never);
}

void retract_presence(Broker& broker) {
  for (const mqtt::MessagePtr& message : broker.retained(std::string(presence_prefix) + "+")) {
    if (!as_text(message->payload()).starts_with(R"({"online":true)")) continue;
    const std::string_view name = message->topic().substr(presence_prefix.size());
    broker.publish(presence_of(name, false, broker.ports().clock.now()));
  }
}

}  // namespace sealpost::broker
