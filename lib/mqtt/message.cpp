#include "mqtt/message.hpp"

#include "base/assert.hpp"
#include "mqtt/properties_wire.hpp"

namespace sealpost::mqtt {

namespace {

// What goes on to the subscribers as it came: all but what belongs to the publisher's connection, and the expiry.
Properties passed_on(const Properties& given) {
  Properties kept;
  kept.payload_is_text = given.payload_is_text;
  kept.content_type = given.content_type;
  kept.response_topic = given.response_topic;
  kept.correlation_data = given.correlation_data;
  kept.user_properties = given.user_properties;
  return kept;
}

}  // namespace

Message::Message(const Publish& publish, PublisherId publisher, Millis now)
    : publisher_(publisher), qos_(publish.qos), retain_(publish.retain) {
  copy(publish.topic, publish.properties, publish.payload, now);
}

Message::Message(const Will& will, PublisherId publisher, Millis now)
    : publisher_(publisher), qos_(will.qos), retain_(will.retain) {
  copy(will.topic, will.properties, will.payload, now);
}

Message::Message(std::string_view topic, BytesView properties, BytesView payload, Qos qos, bool retain,
                 Millis expires_at, PublisherId publisher)
    : expires_at_(expires_at), publisher_(publisher), qos_(qos), retain_(retain) {
  copy(topic, properties, payload);
}

void Message::copy(std::string_view topic, const Properties& properties, BytesView payload, Millis now) {
  if (properties.message_expiry) expires_at_ = now + Millis{*properties.message_expiry} * 1000;
  const Properties kept = passed_on(properties);
  const auto size = properties_size(carried_by::publish, kept);
  SEALPOST_ASSERT(size.has_value());  // they came in a packet
  if (*size == 0) return copy(topic, BytesView{}, payload);
  Bytes wire(*size);
  Writer writer(wire.data());
  write_properties(writer, kept);
  copy(topic, wire, payload);
}

void Message::copy(std::string_view topic, BytesView properties, BytesView payload) {
  topic_size_ = static_cast<std::uint32_t>(topic.size());
  properties_size_ = static_cast<std::uint32_t>(properties.size());
  bytes_.resize(topic.size() + properties.size() + payload.size());
  Writer writer(bytes_.data());
  writer.raw(as_bytes(topic));
  writer.raw(properties);
  writer.raw(payload);
}

std::optional<std::uint32_t> Message::expiry_left(Millis now) const {
  if (expires_at_ == never) return std::nullopt;
  return static_cast<std::uint32_t>(std::max<Millis>(1, (expires_at_ - now + 999) / 1000));
}

}  // namespace sealpost::mqtt
