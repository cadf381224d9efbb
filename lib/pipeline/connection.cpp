#include "pipeline/connection.hpp"

#include <fmt/format.h>

#include "mqtt/topic.hpp"

namespace sealpost::pipeline {

Connection::Connection(const Services& services, std::shared_ptr<net::Channel> channel, const mqtt::Limits& limits)
    : channel_(std::move(channel)), engine_(limits, steady_ms(services.clock)) {}

void Connection::prove(Credentials who) {
  who_ = std::move(who);
  prefix_ = fmt::format("sp/{}/{}/", who_.client.hex(), who_.device.text());
  channel_->proven();
}

void Connection::extend(Millis expires, const PublicKey& key) {
  who_.expires = expires;
  who_.key = key;
}

std::string Connection::topic(std::string_view leaf) const {
  return prefix_ + std::string(leaf);
}

bool Connection::is_topic(std::string_view topic, std::string_view leaf) const {
  return topic.size() == prefix_.size() + leaf.size() && topic.starts_with(prefix_) && topic.ends_with(leaf);
}

void Connection::flush() {
  if (engine_.has_output()) {
    Bytes output;
    engine_.take_output(output);
    channel_->send(std::move(output));
  }
  if (engine_.closing()) channel_->close();
  progress.open();
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
