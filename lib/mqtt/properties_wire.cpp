#include "mqtt/properties_wire.hpp"

namespace sealpost::mqtt {

namespace {

// Reads the value of one property into its field.
struct Taker {
  Reader& reader;
  PacketSet packet;
  const DecodeBounds& bounds;

  void operator()(std::optional<bool>& field) { once(field, one_of_two() != 0); }
  void operator()(std::optional<Qos>& field) { once(field, static_cast<Qos>(one_of_two())); }
  void operator()(std::optional<std::uint16_t>& field) { once(field, reader.u16()); }
  void operator()(std::optional<std::uint32_t>& field) { once(field, reader.u32()); }
  void operator()(std::optional<std::string_view>& field) { once(field, reader.text()); }
  void operator()(std::optional<BytesView>& field) { once(field, reader.binary()); }

  // Several are for a PUBLISH only; [MQTT-3.8.2-1] excludes 0.
  void operator()(std::vector<std::uint32_t>& identifiers) {
    const auto identifier = reader.varint();
    reader.fail_if(identifier == 0, Errc::bad_property_value);
    reader.fail_if(packet == carried_by::subscribe && !identifiers.empty(), Errc::duplicate_property);
    reader.fail_if(identifiers.size() >= bounds.filters_max, Errc::too_many);
    if (reader.ok()) identifiers.push_back(identifier);
  }
  void operator()(std::vector<UserProperty>& users) {
    const auto name = reader.text();
    const auto value = reader.text();
    reader.fail_if(users.size() >= bounds.user_properties_max, Errc::too_many);
    if (reader.ok()) users.emplace_back(name, value);
  }

 private:
  std::uint8_t one_of_two() {
    const auto value = reader.u8();
    reader.fail_if(value > 1, Errc::bad_property_value);
    return value & 1;
  }
  template <class T>
  void once(std::optional<T>& field, T value) {
    reader.fail_if(field.has_value(), Errc::duplicate_property);
    field = value;
  }
};

// Puts one property, identifier and value, into a Counter or a Writer; nothing for one that is absent.
template <class Sink>
struct Giver {
  Sink& sink;
  std::uint8_t identifier = 0;

  template <class T>
  void operator()(const std::optional<T>& field) {
    if (!field) return;
    sink.u8(identifier);
    value(*field);
  }
  void operator()(const std::vector<std::uint32_t>& identifiers) {
    for (const auto each : identifiers) {
      sink.u8(identifier);
      sink.varint(each);
    }
  }
  void operator()(const std::vector<UserProperty>& users) {
    for (const auto& [name, text] : users) {
      sink.u8(identifier);
      value(name);
      value(text);
    }
  }

 private:
  void value(bool flag) { sink.u8(flag ? 1 : 0); }
  void value(Qos qos) { sink.u8(static_cast<std::uint8_t>(qos)); }
  void value(std::uint16_t number) { sink.u16(number); }
  void value(std::uint32_t number) { sink.u32(number); }
  void value(std::string_view text) { sink.binary(as_bytes(text)); }
  void value(BytesView bytes) { sink.binary(bytes); }
};

template <class T>
bool is_set(const std::optional<T>& field) {
  return field.has_value();
}
template <class T>
bool is_set(const std::vector<T>& field) {
  return !field.empty();
}

// Values that the standard excludes though their type has them.
void check_values(Reader& reader, const Properties& p) {
  reader.fail_if(p.receive_maximum == 0, Errc::bad_property_value);                             // 3.1.2.11.3
  reader.fail_if(p.maximum_packet_size == 0u, Errc::bad_property_value);                        // 3.1.2.11.4
  reader.fail_if(p.topic_alias == 0, Errc::topic_alias_invalid);                                // [MQTT-3.3.2-8]
  reader.fail_if(p.authentication_data && !p.authentication_method, Errc::bad_authentication);  // 3.1.2.11.10
  // [MQTT-3.3.2-14]
  reader.fail_if(p.response_topic && !valid_topic_name(*p.response_topic), Errc::bad_topic_name);
}

}  // namespace

void read_properties(Reader& reader, PacketSet packet, const DecodeBounds& bounds, Properties& properties) {
  const auto length = reader.varint();
  if (length == 0) return;
  Reader within(reader.take(length));
  Taker take{within, packet, bounds};
  while (!within.empty()) {
    const auto wanted = within.varint();
    const bool known = any_property(properties, [&](std::uint8_t identifier, PacketSet packets, auto& field) {
      if (identifier != wanted) return false;
      within.fail_if((packets & packet) == 0, Errc::property_not_allowed);
      if (within.ok()) take(field);
      return true;
    });
    within.fail_if(!known, Errc::unknown_property);
  }
  check_values(within, properties);
  if (!within.ok()) reader.fail(*within.fault());
}

std::optional<std::size_t> properties_size(PacketSet packet, const Properties& properties) {
  Counter counter;
  Giver<Counter> give{counter};
  const bool misplaced = any_property(properties, [&](std::uint8_t identifier, PacketSet packets, const auto& field) {
    if (!is_set(field)) return false;
    give.identifier = identifier;
    give(field);
    return (packets & packet) == 0;
  });
  if (misplaced || !counter.ok() || properties.maximum_qos == Qos::exactly_once) return std::nullopt;
  return counter.size();
}

void write_properties(Writer& writer, const Properties& properties) {
  Giver<Writer> give{writer};
  any_property(properties, [&](std::uint8_t identifier, PacketSet, const auto& field) {
    give.identifier = identifier;
    give(field);
    return false;
  });
}

std::optional<std::string_view> Properties::user(std::string_view name) const {
  for (const auto& property : user_properties)
    if (property.first == name) return property.second;
  return std::nullopt;
}

}  // namespace sealpost::mqtt
