#include "pipeline/connection.hpp"

#include "base/assert.hpp"
#include "mqtt/topic.hpp"

namespace sealpost::pipeline {

SessionName SessionName::from_text(std::string_view text) {
  SessionName name;
  SEALPOST_ASSERT(sealpost::from_hex(text, name.bytes));
  return name;
}

Connection::Connection(const Services& services, std::shared_ptr<net::Channel> channel, const mqtt::Limits& limits)
    : channel_(std::move(channel)), engine_(limits, steady_ms(services.clock)) {}

void Connection::prove(Credentials who) {
  who_ = std::move(who);
  channel_->proven();
}

void Connection::extend(Millis expires, const PublicKey& key) {
  who_.expires = expires;
  who_.key = key;
}

std::string Connection::topic(std::string_view leaf) const {
  std::string name;
  name.reserve(3 + 2 * sizeof who_.client.bytes + 1 + who_.device.text().size() + 1 + leaf.size());
  name.append("sp/");
  append_hex(name, who_.client.view());
  name.append("/").append(who_.device.text()).append("/").append(leaf);
  return name;
}

void Connection::flush() {
  if (engine_.has_output()) {
    Bytes output;
    engine_.take_output(output);
    channel_->send(std::move(output));
  }
  if (engine_.closing()) channel_->close();
  if (on_progress) std::exchange(on_progress, nullptr)();
}

void Connection::end(mqtt::ReasonCode reason, std::string_view reason_string) {
  engine_.disconnect(reason, reason_string);
  flush();
}

void Connection::tell(const mqtt::Session& session, std::string_view leaf, std::string_view text) {
  const std::string name = topic(leaf);
  if (!subscribed(session, name, mqtt::Qos::at_most_once)) return;
  mqtt::OutPublish message;
  message.topic = name;
  message.payload = as_bytes(text);
  // Lost without harm when the connection is closing: the lane's position says the same in the next Welcome.
  (void)engine_.publish(message);
}

bool subscribed(const mqtt::Session& session, std::string_view topic, mqtt::Qos at_least) {
  for (const auto& [filter, subscription] : session.subscriptions())
    if (subscription.options.qos >= at_least && mqtt::matches(filter, topic)) return true;
  return false;
}

}  // namespace sealpost::pipeline
