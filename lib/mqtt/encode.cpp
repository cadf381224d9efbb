// Packets to bytes. Each packet is put together twice by the same code: once to count, once to write.

#include "mqtt/codec.hpp"
#include "mqtt/properties_wire.hpp"
#include "mqtt/reasons_of_packets.hpp"
#include "mqtt/wire.hpp"

namespace sealpost::mqtt {

namespace {

// `more`: bytes of properties that follow these and count with them.
void put_properties(Counter& sink, PacketSet packet, const Properties& properties, std::size_t more = 0) {
  const auto size = properties_size(packet, properties);
  if (!size) return sink.fail();
  sink.varint(*size + more);
  sink.room(*size);
}

void put_properties(Writer& sink, PacketSet packet, const Properties& properties, std::size_t more = 0) {
  const auto size = *properties_size(packet, properties);
  sink.varint(size + more);
  if (size != 0) write_properties(sink, properties);
}

template <class Sink>
void put_text(Sink& sink, std::string_view text) {
  sink.binary(as_bytes(text));
}

template <class Sink>
void put_reason(Sink& sink, PacketSet packet, ReasonCode reason) {
  if (!may_carry(packet, reason)) sink.fail();
  sink.u8(static_cast<std::uint8_t>(reason));
}

// Reason code and properties, each left out with all that follows where it would say nothing (5.0 section 3.4.2.1,
// 3.14.2.1 and 3.15.2.1).
template <class Sink>
void put_short(Sink& sink, PacketType type, ReasonCode reason, const Properties& properties) {
  const auto packet = set_of(type);
  const bool bare = properties_size(packet, properties) == 0u;
  if (bare && reason == ReasonCode::success) return;
  put_reason(sink, packet, reason);
  if (!bare) put_properties(sink, packet, properties);
}

std::uint8_t flags_of(const Connect& connect) {
  unsigned flags = connect.clean_start ? 0x02 : 0;
  if (connect.will) {
    flags |= 0x04 | static_cast<unsigned>(connect.will->qos) << 3 | (connect.will->retain ? 0x20 : 0);
  }
  if (connect.password) flags |= 0x40;
  if (connect.user_name) flags |= 0x80;
  return static_cast<std::uint8_t>(flags);
}

template <class Sink>
void put(Sink& sink, Version, const Connect& connect) {
  const bool v5 = connect.version == Version::v5;
  if (!v5 && connect.password && !connect.user_name) sink.fail();  // 3.1.1 [MQTT-3.1.2-22]
  put_text(sink, "MQTT");
  sink.u8(static_cast<std::uint8_t>(connect.version));
  sink.u8(flags_of(connect));
  sink.u16(connect.keep_alive);
  if (v5) put_properties(sink, carried_by::connect, connect.properties);
  put_text(sink, connect.client_id);
  if (connect.will) {
    if (v5) put_properties(sink, carried_by::will, connect.will->properties);
    put_text(sink, connect.will->topic);
    sink.binary(connect.will->payload);
  }
  if (connect.user_name) put_text(sink, *connect.user_name);
  if (connect.password) sink.binary(*connect.password);
}

template <class Sink>
void put(Sink& sink, Version version, const Connack& connack) {
  sink.u8(connack.session_present ? 1 : 0);
  if (version == Version::v5) {
    put_reason(sink, carried_by::connack, connack.reason);
    put_properties(sink, carried_by::connack, connack.properties);
    return;
  }
  const auto code = return_code_of(connack.reason);
  if (!code) sink.fail();
  sink.u8(code.value_or(0));
}

template <class Sink>
void put(Sink& sink, Version version, const Publish& publish) {
  put_text(sink, publish.topic);
  if (publish.qos != Qos::at_most_once) sink.u16(publish.packet_id);
  if (version == Version::v5) {
    put_properties(sink, carried_by::publish, publish.properties, publish.encoded_properties.size());
    sink.raw(publish.encoded_properties);
  }
  sink.raw(publish.payload);
}

template <class Sink, PacketType type>
void put(Sink& sink, Version version, const Acknowledgement<type>& answer) {
  sink.u16(answer.packet_id);
  if (version == Version::v5) put_short(sink, type, answer.reason, answer.properties);
}

std::uint8_t byte_of(Version version, const SubscriptionOptions& options) {
  const auto qos = static_cast<unsigned>(options.qos);
  if (version == Version::v311) return static_cast<std::uint8_t>(qos);
  return static_cast<std::uint8_t>(qos | (options.no_local ? 0x04 : 0) | (options.retain_as_published ? 0x08 : 0) |
                                   static_cast<unsigned>(options.retain_handling) << 4);
}

template <class Sink>
void put(Sink& sink, Version version, const Subscribe& subscribe) {
  sink.u16(subscribe.packet_id);
  if (version == Version::v5) put_properties(sink, carried_by::subscribe, subscribe.properties);
  for (const auto& request : subscribe.requests) {
    put_text(sink, request.filter);
    sink.u8(byte_of(version, request.options));
  }
}

template <class Sink>
void put(Sink& sink, Version version, const Suback& suback) {
  sink.u16(suback.packet_id);
  if (version == Version::v5) put_properties(sink, carried_by::suback, suback.properties);
  for (const auto reason : suback.reasons) {
    // 3.1.1 knows one failure only [MQTT-3.9.3-2].
    const bool plain_failure = version == Version::v311 && is_failure(reason);
    put_reason(sink, carried_by::suback, plain_failure ? ReasonCode::unspecified_error : reason);
  }
}

template <class Sink>
void put(Sink& sink, Version version, const Unsubscribe& unsubscribe) {
  sink.u16(unsubscribe.packet_id);
  if (version == Version::v5) put_properties(sink, set_of(PacketType::unsubscribe), unsubscribe.properties);
  for (const auto filter : unsubscribe.filters) put_text(sink, filter);
}

template <class Sink>
void put(Sink& sink, Version version, const Unsuback& unsuback) {
  sink.u16(unsuback.packet_id);
  if (version == Version::v311) return;
  put_properties(sink, carried_by::unsuback, unsuback.properties);
  for (const auto reason : unsuback.reasons) put_reason(sink, carried_by::unsuback, reason);
}

template <class Sink>
void put(Sink&, Version, const Pingreq&) {}

template <class Sink>
void put(Sink&, Version, const Pingresp&) {}

template <class Sink>
void put(Sink& sink, Version version, const Disconnect& disconnect) {
  if (version == Version::v5) put_short(sink, PacketType::disconnect, disconnect.reason, disconnect.properties);
}

template <class Sink>
void put(Sink& sink, Version version, const Auth& auth) {
  if (version == Version::v311) return sink.fail();
  put_short(sink, PacketType::auth, auth.reason, auth.properties);
}

std::uint8_t first_byte(PacketType type, unsigned flags = 0) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags);
}

std::uint8_t first_byte(const Publish& publish) {
  return first_byte(PacketType::publish,
                    (publish.dup ? 8u : 0u) | static_cast<unsigned>(publish.qos) << 1 | (publish.retain ? 1u : 0u));
}

// Table 2-2: three packets have the flags 0010.
std::uint8_t first_byte(const Pubrel&) {
  return first_byte(PacketType::pubrel, 2);
}
std::uint8_t first_byte(const Subscribe&) {
  return first_byte(PacketType::subscribe, 2);
}
std::uint8_t first_byte(const Unsubscribe&) {
  return first_byte(PacketType::unsubscribe, 2);
}

template <PacketType type>
std::uint8_t first_byte(const Acknowledgement<type>&) {
  return first_byte(type);
}
std::uint8_t first_byte(const Connect&) {
  return first_byte(PacketType::connect);
}
std::uint8_t first_byte(const Connack&) {
  return first_byte(PacketType::connack);
}
std::uint8_t first_byte(const Suback&) {
  return first_byte(PacketType::suback);
}
std::uint8_t first_byte(const Unsuback&) {
  return first_byte(PacketType::unsuback);
}
std::uint8_t first_byte(const Pingreq&) {
  return first_byte(PacketType::pingreq);
}
std::uint8_t first_byte(const Pingresp&) {
  return first_byte(PacketType::pingresp);
}
std::uint8_t first_byte(const Disconnect&) {
  return first_byte(PacketType::disconnect);
}
std::uint8_t first_byte(const Auth&) {
  return first_byte(PacketType::auth);
}

template <class SomePacket>
Result<std::size_t> body_size(Version version, const SomePacket& packet) {
  Counter counter;
  put(counter, version, packet);
  if (!counter.ok() || counter.size() > varint_max) return Errc::not_encodable;
  return counter.size();
}

template <class SomePacket>
Result<void> encode_packet(Version version, const SomePacket& packet, Bytes& out) {
  const auto size = body_size(version, packet);
  if (!size) return size.error();
  const auto start = out.size();
  out.resize(start + 1 + varint_size(*size) + *size);
  Writer writer(out.data() + start);
  writer.u8(first_byte(packet));
  writer.varint(*size);
  put(writer, version, packet);
  return {};
}

}  // namespace

Result<void> encode(Version version, const Packet& packet, Bytes& out) {
  return std::visit([&](const auto& some) { return encode_packet(version, some, out); }, packet);
}

Result<void> encode_publish(Version version, const Publish& publish, Bytes& out) {
  return encode_packet(version, publish, out);
}

Result<std::size_t> encoded_size(Version version, const Packet& packet) {
  const auto size = std::visit([&](const auto& some) { return body_size(version, some); }, packet);
  if (!size) return size.error();
  return 1 + varint_size(*size) + *size;
}

}  // namespace sealpost::mqtt
