// Bytes to packets.

#include "mqtt/codec.hpp"
#include "mqtt/properties_wire.hpp"
#include "mqtt/reasons_of_packets.hpp"
#include "mqtt/wire.hpp"

namespace sealpost::mqtt {

namespace {

struct Decoder {
  Reader& reader;
  Version version;
  const DecodeBounds& bounds;

  bool v5() const { return version == Version::v5; }

  void properties(PacketSet packet, Properties& into) {
    if (v5()) read_properties(reader, packet, bounds, into);
  }

  void packet_id(PacketId& into) {
    into = reader.u16();
    reader.fail_if(reader.ok() && into == 0, Errc::zero_packet_id);
  }

  void reason(PacketSet packet, ReasonCode& into) {
    into = static_cast<ReasonCode>(reader.u8());
    reader.fail_if(reader.ok() && !may_carry(packet, into), Errc::bad_reason_code);
  }

  // 5.0 section 3.4.2.1 and others: what is left out stands for Success and no properties.
  void short_form(PacketSet packet, ReasonCode& code, Properties& into) {
    if (!v5() || reader.empty()) return;
    reason(packet, code);
    if (!reader.empty()) properties(packet, into);
  }

  void flags_of_connect(std::uint8_t flags) {
    reader.fail_if(flags & 0x01, Errc::bad_flags);                       // [MQTT-3.1.2-3]
    reader.fail_if(!(flags & 0x04) && (flags & 0x38), Errc::bad_flags);  // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    reader.fail_if((flags & 0x18) == 0x18, Errc::bad_qos);               // [MQTT-3.1.2-12]
    reader.fail_if(!v5() && (flags & 0xC0) == 0x40, Errc::bad_flags);    // 3.1.1 [MQTT-3.1.2-22]
  }

  void will(std::uint8_t flags, Will& will) {
    will.qos = static_cast<Qos>(flags >> 3 & 3);
    will.retain = flags & 0x20;
    properties(carried_by::will, will.properties);
    will.topic = reader.text();
    reader.fail_if(reader.ok() && !valid_topic_name(will.topic), Errc::bad_topic_name);
    will.payload = reader.binary();
  }

  void read(Connect& connect) {
    reader.binary();  // the name and the level, which version_of_connect() has judged
    connect.version = version = static_cast<Version>(reader.u8());
    const auto flags = reader.u8();
    flags_of_connect(flags);
    connect.clean_start = flags & 0x02;
    connect.keep_alive = reader.u16();
    properties(carried_by::connect, connect.properties);
    connect.client_id = reader.text();
    if (flags & 0x04) will(flags, connect.will.emplace());
    if (flags & 0x80) connect.user_name = reader.text();
    if (flags & 0x40) connect.password = reader.binary();
  }

  void read(Connack& connack) {
    const auto flags = reader.u8();
    reader.fail_if(flags > 1, Errc::bad_flags);  // [MQTT-3.2.2-1]
    connack.session_present = flags & 1;
    if (v5()) {
      reason(carried_by::connack, connack.reason);
      properties(carried_by::connack, connack.properties);
    } else {
      const auto meaning = reason_of_return_code(reader.u8());
      reader.fail_if(!meaning, Errc::bad_reason_code);
      connack.reason = meaning.value_or(ReasonCode::success);
    }
    // [MQTT-3.2.2-6]: a refusal has no session.
    reader.fail_if(connack.session_present && connack.reason != ReasonCode::success, Errc::bad_flags);
  }

  void read(std::uint8_t flags, Publish& publish) {
    publish.retain = flags & 1;
    publish.dup = flags & 8;
    publish.qos = static_cast<Qos>(flags >> 1 & 3);
    reader.fail_if((flags & 6) == 6, Errc::bad_qos);                                 // [MQTT-3.3.1-4]
    reader.fail_if(publish.dup && publish.qos == Qos::at_most_once, Errc::bad_qos);  // [MQTT-3.3.1-2]
    publish.topic = reader.text();
    if (publish.qos != Qos::at_most_once) packet_id(publish.packet_id);
    properties(carried_by::publish, publish.properties);
    reader.fail_if(has_wildcard(publish.topic), Errc::bad_topic_name);  // [MQTT-3.3.2-2]
    const bool no_topic = publish.topic.empty() && !publish.properties.topic_alias;
    reader.fail_if(no_topic, v5() ? Errc::no_topic : Errc::bad_topic_name);  // [MQTT-4.7.3-1]
    publish.payload = reader.take_rest();
  }

  template <PacketType type>
  void read(Acknowledgement<type>& answer) {
    packet_id(answer.packet_id);
    short_form(set_of(type), answer.reason, answer.properties);
  }

  std::string_view filter() {
    const auto text = reader.text();
    reader.fail_if(reader.ok() && !valid_topic_filter(text), Errc::bad_topic_filter);
    return text;
  }

  void read(SubscriptionRequest& request) {
    request.filter = filter();
    const auto byte = reader.u8();
    reader.fail_if(byte & (v5() ? 0xC0 : 0xFC), Errc::bad_flags);  // [MQTT-3.8.3-5]; 3.1.1 [MQTT-3-8.3-4]
    auto& options = request.options;
    options = {static_cast<Qos>(byte & 3), (byte & 4) != 0, (byte & 8) != 0,
               static_cast<RetainHandling>(byte >> 4 & 3)};
    reader.fail_if((byte & 3) == 3, v5() ? Errc::bad_subscription : Errc::bad_qos);
    reader.fail_if((byte & 0x30) == 0x30, Errc::bad_subscription);
    const bool shared = shared_filter(request.filter).has_value();
    reader.fail_if(v5() && options.no_local && shared, Errc::bad_subscription);  // [MQTT-3.8.3-4]
  }

  template <class Item>
  void read_items(std::vector<Item>& items, auto read_one) {
    reader.fail_if(reader.ok() && reader.empty(), Errc::no_filters);
    while (!reader.empty()) {
      reader.fail_if(items.size() >= bounds.filters_max, Errc::too_many);
      Item item{};
      read_one(item);
      if (reader.ok()) items.push_back(item);
    }
  }

  void read(Subscribe& subscribe) {
    packet_id(subscribe.packet_id);
    properties(carried_by::subscribe, subscribe.properties);
    read_items(subscribe.requests, [&](SubscriptionRequest& request) { read(request); });
  }

  void read(Unsubscribe& unsubscribe) {
    packet_id(unsubscribe.packet_id);
    properties(set_of(PacketType::unsubscribe), unsubscribe.properties);
    read_items(unsubscribe.filters, [&](std::string_view& text) { text = filter(); });
  }

  void read(Suback& suback) {
    packet_id(suback.packet_id);
    properties(carried_by::suback, suback.properties);
    read_items(suback.reasons, [&](ReasonCode& code) {
      reason(carried_by::suback, code);
      const bool newer = is_failure(code) && code != ReasonCode::unspecified_error;
      reader.fail_if(!v5() && newer, Errc::bad_reason_code);  // 3.1.1 [MQTT-3.9.3-2]
    });
  }

  void read(Unsuback& unsuback) {
    packet_id(unsuback.packet_id);
    if (!v5()) return;
    properties(carried_by::unsuback, unsuback.properties);
    read_items(unsuback.reasons, [&](ReasonCode& code) { reason(carried_by::unsuback, code); });
  }

  void read(Pingreq&) {}
  void read(Pingresp&) {}

  void read(Disconnect& disconnect) { short_form(carried_by::disconnect, disconnect.reason, disconnect.properties); }

  void read(Auth& auth) {
    reader.fail_if(!v5(), Errc::bad_packet_type);
    short_form(carried_by::auth, auth.reason, auth.properties);
  }
};

// What follows the fixed header, if that announces exactly as much.
Result<BytesView> body_of(BytesView packet) {
  const auto size = packet_size(packet);
  if (!size) return size.error();
  if (*size == 0 || *size > packet.size()) return Errc::truncated;
  if (*size < packet.size()) return Errc::trailing_bytes;
  Reader length(packet.subspan(1));
  return packet.last(length.varint());
}

Result<void> finish(Reader& reader) {
  reader.fail_if(!reader.empty(), Errc::trailing_bytes);
  if (!reader.ok()) return *reader.fault();
  return {};
}

template <class SomePacket>
Result<Packet> decode_as(Decoder decoder) {
  Result<Packet> packet(boost::system::in_place_value, std::in_place_type<SomePacket>);
  decoder.read(std::get<SomePacket>(*packet));
  const auto read = finish(decoder.reader);
  if (!read) return read.error();
  return packet;
}

// The flags of the fixed header are reserved in all packets but PUBLISH [MQTT-2.1.3-1].
bool valid_flags(PacketType type, unsigned flags) {
  using enum PacketType;
  return flags == (type == pubrel || type == subscribe || type == unsubscribe ? 2u : 0u);
}

}  // namespace

Result<Version> version_of_connect(BytesView packet) {
  const auto body = body_of(packet);
  if (!body) return body.error();
  Reader reader(*body);
  const auto name = as_text(reader.binary());
  const auto level = reader.u8();
  if (!reader.ok()) return *reader.fault();
  if (name == "MQIsdp") return Errc::unsupported_version;
  if (name != "MQTT") return Errc::not_mqtt;
  if (level == 4) return Version::v311;
  if (level == 5) return Version::v5;
  return Errc::unsupported_version;
}

Version form_for_unsupported(BytesView packet) {
  const auto body = body_of(packet);
  if (!body) return Version::v5;
  Reader reader(*body);
  reader.binary();
  return reader.u8() < 4 ? Version::v311 : Version::v5;
}

Result<void> decode_publish(Version version, BytesView packet, Publish& publish, const DecodeBounds& bounds) {
  const auto body = body_of(packet);
  if (!body) return body.error();
  Reader reader(*body);
  Decoder{reader, version, bounds}.read(packet[0] & 0x0F, publish);
  return finish(reader);
}

Result<Packet> decode(Version version, BytesView packet, const DecodeBounds& bounds) {
  const auto body = body_of(packet);
  if (!body) return body.error();
  const auto type = static_cast<PacketType>(packet[0] >> 4);
  Reader reader(*body);
  const Decoder decoder{reader, version, bounds};
  if (type != PacketType::publish && !valid_flags(type, packet[0] & 0x0F)) return Errc::bad_flags;
  switch (type) {
    case PacketType::connect: {
      const auto supported = version_of_connect(packet);
      if (!supported) return supported.error();
      return decode_as<Connect>(decoder);
    }
    case PacketType::publish: {
      Result<Packet> publish(boost::system::in_place_value, std::in_place_type<Publish>);
      const auto read = decode_publish(version, packet, std::get<Publish>(*publish), bounds);
      if (!read) return read.error();
      return publish;
    }
    case PacketType::connack:
      return decode_as<Connack>(decoder);
    case PacketType::puback:
      return decode_as<Puback>(decoder);
    case PacketType::pubrec:
      return decode_as<Pubrec>(decoder);
    case PacketType::pubrel:
      return decode_as<Pubrel>(decoder);
    case PacketType::pubcomp:
      return decode_as<Pubcomp>(decoder);
    case PacketType::subscribe:
      return decode_as<Subscribe>(decoder);
    case PacketType::suback:
      return decode_as<Suback>(decoder);
    case PacketType::unsubscribe:
      return decode_as<Unsubscribe>(decoder);
    case PacketType::unsuback:
      return decode_as<Unsuback>(decoder);
    case PacketType::pingreq:
      return decode_as<Pingreq>(decoder);
    case PacketType::pingresp:
      return decode_as<Pingresp>(decoder);
    case PacketType::disconnect:
      return decode_as<Disconnect>(decoder);
    case PacketType::auth:
      return decode_as<Auth>(decoder);
  }
  return Errc::bad_packet_type;
}

}  // namespace sealpost::mqtt
