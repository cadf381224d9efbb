#pragma once
// An application message on its way through the server: made of a PUBLISH, then shared by all who receive it and never
// changed. No clock: times are arguments, in milliseconds on any one clock.

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "mqtt/packet.hpp"

namespace sealpost::mqtt {

// Names the session that published a message, for No Local; 0: none, such as the server itself.
using PublisherId = std::uint64_t;

class Message {
 public:
  static constexpr Millis never = std::numeric_limits<Millis>::max();

  // Copies what the packet views. What is passed on unaltered (5.0 section 3.3.2.3) is kept in its wire form; the topic
  // alias and the subscription identifiers are of one connection, and left behind; the expiry becomes a time.
  Message(const Publish& publish, PublisherId publisher, Millis now);
  // The same of a will, with the properties of its own (5.0 section 3.1.3.2).
  Message(const Will& will, PublisherId publisher, Millis now);
  // One that was stored: `properties` in their wire form.
  Message(std::string_view topic, BytesView properties, BytesView payload, Qos qos, bool retain, Millis expires_at,
          PublisherId publisher = 0);

  std::string_view topic() const { return as_text(BytesView(bytes_).first(topic_size_)); }
  BytesView properties() const { return BytesView(bytes_).subspan(topic_size_, properties_size_); }
  BytesView payload() const { return BytesView(bytes_).subspan(topic_size_ + properties_size_); }
  Qos qos() const { return qos_; }
  bool retain() const { return retain_; }
  PublisherId publisher() const { return publisher_; }

  Millis expires_at() const { return expires_at_; }
  bool expired(Millis now) const { return now >= expires_at_; }
  // What is left of it in whole seconds, at least one: for who gets it now [MQTT-3.3.2-6].
  std::optional<std::uint32_t> expiry_left(Millis now) const;

  // Bytes of memory, for what is bounded.
  std::size_t cost() const { return sizeof(Message) + bytes_.capacity(); }

 private:
  void copy(std::string_view topic, const Properties& properties, BytesView payload, Millis now);
  void copy(std::string_view topic, BytesView properties, BytesView payload);

  Bytes bytes_;  // topic, properties, payload
  std::uint32_t topic_size_ = 0;
  std::uint32_t properties_size_ = 0;
  Millis expires_at_ = never;
  PublisherId publisher_ = 0;
  Qos qos_;
  bool retain_;
};

using MessagePtr = std::shared_ptr<const Message>;

}  // namespace sealpost::mqtt
