// Any bytes as a packet, in both versions: what can be read can be written, and is then read as the same; a stream that
// is split anywhere gives the same packets; and a message can be passed on from any version to any other.

#include "../mqtt/told.hpp"
#include "base/assert.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/framer.hpp"
#include "mqtt/message.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;

namespace {

constexpr Version versions[] = {Version::v311, Version::v5};

// No packet is whole without its last byte, and none has room for another.
void check_length(Version version, Bytes packet) {
  packet.push_back(0);
  SEALPOST_ASSERT(!decode(version, packet).has_value());
  SEALPOST_ASSERT(!decode(version, BytesView(packet).first(packet.size() - 2)).has_value());
}

void read_and_write(Version version, BytesView bytes) {
  const auto first = decode(version, bytes);
  if (!first) return;
  Bytes written;
  SEALPOST_ASSERT(encode(version, *first, written).has_value());
  SEALPOST_ASSERT(encoded_size(version, *first).value() == written.size());
  SEALPOST_ASSERT(written.size() <= bytes.size());  // what may be left out is left out
  const auto second = decode(version, written);
  SEALPOST_ASSERT(second.has_value());
  SEALPOST_ASSERT(test::told(*first) == test::told(*second));
  check_length(version, std::move(written));
}

// A CONNECT says its version itself, and the two that look for it agree.
void read_version(BytesView bytes) {
  const auto packet = decode(Version::v5, bytes);
  if (!packet || !std::holds_alternative<Connect>(*packet)) return;
  const auto version = version_of_connect(bytes);
  SEALPOST_ASSERT(version.has_value() && *version == std::get<Connect>(*packet).version);
}

// Of the properties, what a message keeps: those of the publisher's connection and the expiry are not for others.
std::string told_of_message(const Publish& publish, bool with_properties) {
  Publish kept{.topic = publish.topic, .payload = publish.payload, .retain = publish.retain};
  if (with_properties) {
    kept.properties = publish.properties;
    kept.properties.message_expiry.reset();
    kept.properties.topic_alias.reset();
    kept.properties.subscription_identifiers.clear();
  }
  return test::told(kept);
}

void pass_on(Version from, Version to, BytesView bytes) {
  Publish received;
  if (bytes.empty() || bytes[0] >> 4 != static_cast<int>(PacketType::publish)) return;
  if (!decode_publish(from, bytes, received) || received.topic.empty()) return;
  const Message message(received, 1, 0);
  const Message stored(message.topic(), message.properties(), message.payload(), message.qos(), message.retain(),
                       message.expires_at());
  Publish sent{.topic = stored.topic(), .payload = stored.payload(), .retain = stored.retain()};
  const auto properties = stored.properties();
  sent.encoded_properties = properties;
  Bytes written;
  SEALPOST_ASSERT(encode_publish(to, sent, written).has_value());
  Publish read;
  SEALPOST_ASSERT(decode_publish(to, written, read).has_value());
  const bool with_properties = from == Version::v5 && to == Version::v5;
  SEALPOST_ASSERT(told_of_message(read, with_properties) == told_of_message(received, with_properties));
}

// The packets of a stream that comes in two parts, or why it ends.
std::string packets_of(BytesView stream, std::size_t cut) {
  Framer framer(1'000);
  std::string packets;
  for (const auto part : {stream.first(cut), stream.subspan(cut)}) {
    framer.feed(part);
    for (;;) {
      const auto packet = framer.next();
      if (!packet) return packets + packet.error().message();
      if (packet->empty()) break;
      packets += to_hex(*packet) + " ";
    }
  }
  return packets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const BytesView input(bytes, size);
  for (const auto version : versions) read_and_write(version, input);
  read_version(input);
  for (const auto from : versions)
    for (const auto to : versions) pass_on(from, to, input);
  const std::size_t cut = size == 0 ? 0 : bytes[size - 1] % size;
  SEALPOST_ASSERT(packets_of(input, 0) == packets_of(input, cut));
  return 0;
}
