#include "bench/broker/wire.hpp"

#include "bench/broker/measure.hpp"

namespace sealpost::bench {

namespace {

constexpr std::uint16_t keep_alive_seconds = 600;  // longer than any run: nobody pings in the meantime

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

void append_number(std::string& to, std::size_t number) {
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number & 0xff);
}

void append_text(std::string& to, std::string_view text) {
  append_number(to, text.size());
  to += text;
}

void append_length(std::string& to, std::size_t length) {
  do {
    const std::size_t low = length & 0x7f;
    length >>= 7;
    to += static_cast<char>(length > 0 ? low | 0x80 : low);
  } while (length > 0);
}

// Reads a variable byte integer; gives how many bytes it takes, or 0 when it is not all there.
std::size_t take_length(std::string_view bytes, std::size_t& length) {
  length = 0;
  for (std::size_t i = 0; i < 4 && i < bytes.size(); ++i) {
    length |= std::size_t{byte_at(bytes, i) & 0x7fu} << (7 * i);
    if ((byte_at(bytes, i) & 0x80) == 0) return i + 1;
  }
  if (bytes.size() >= 4) give_up("the server sent a length of more than four bytes");
  return 0;
}

std::string_view without_properties(std::string_view bytes) {
  std::size_t length = 0;
  const std::size_t head = take_length(bytes, length);
  if (head == 0 || head + length > bytes.size()) give_up("the server sent properties that are longer than the packet");
  return bytes.substr(head + length);
}

std::string packet_of(std::uint8_t first, std::string_view body) {
  std::string packet(1, static_cast<char>(first));
  append_length(packet, body.size());
  packet += body;
  return packet;
}

}  // namespace

std::size_t take_packet(std::string_view bytes, Packet& packet) {
  if (bytes.size() < 2) return 0;
  std::size_t length = 0;
  const std::size_t head = take_length(bytes.substr(1), length);
  if (head == 0 || bytes.size() < 1 + head + length) return 0;
  packet.kind = static_cast<Kind>(byte_at(bytes, 0) >> 4);
  packet.flags = byte_at(bytes, 0) & 0x0f;
  packet.body = bytes.substr(1 + head, length);
  return 1 + head + length;
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  if (at + 2 > bytes.size()) give_up("the server sent a packet that ends too soon");
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::uint8_t reason_of(const Packet& acknowledgement) {
  const std::size_t at = acknowledgement.kind == Kind::connack ? 1 : acknowledgement.kind == Kind::disconnect ? 0 : 2;
  return acknowledgement.body.size() > at ? byte_at(acknowledgement.body, at) : std::uint8_t{0};
}

bool granted(const Packet& suback, Protocol protocol, std::size_t count, std::uint8_t qos) {
  std::string_view codes = suback.body.substr(std::min<std::size_t>(2, suback.body.size()));
  if (protocol == Protocol::v5) codes = without_properties(codes);
  return codes.size() == count && codes.find_first_not_of(static_cast<char>(qos)) == std::string_view::npos;
}

Delivery delivery_of(const Packet& publish, Protocol protocol) {
  Delivery delivery;
  delivery.qos = static_cast<std::uint8_t>(publish.flags >> 1 & 3);
  std::size_t at = std::size_t{2} + number_at(publish.body, 0);
  if (delivery.qos > 0) {
    delivery.id = number_at(publish.body, at);
    at += 2;
  }
  if (at > publish.body.size()) give_up("the server sent a PUBLISH that is shorter than its topic");
  delivery.payload = publish.body.substr(at);
  if (protocol == Protocol::v5) delivery.payload = without_properties(delivery.payload);
  return delivery;
}

std::string connect_packet(Protocol protocol, std::string_view client_id) {
  std::string body;
  append_text(body, "MQTT");
  body += static_cast<char>(protocol);
  body += '\x02';  // clean
  append_number(body, keep_alive_seconds);
  if (protocol == Protocol::v5) body += '\0';
  append_text(body, client_id);
  return packet_of(0x10, body);
}

std::string subscribe_packet(Protocol protocol, std::uint16_t id, const std::vector<std::string>& filters,
                             std::uint8_t qos) {
  std::string body;
  append_number(body, id);
  if (protocol == Protocol::v5) body += '\0';
  for (const std::string& filter : filters) {
    append_text(body, filter);
    body += static_cast<char>(qos);
  }
  return packet_of(0x82, body);
}

PublishForm publish_form(Protocol protocol, std::string_view topic, std::uint8_t qos, std::size_t payload_bytes) {
  std::string body;
  append_text(body, topic);
  if (qos > 0) append_number(body, 0);
  if (protocol == Protocol::v5) body += '\0';
  for (std::size_t i = 0; i < payload_bytes; ++i) body += static_cast<char>('a' + i % 26);
  PublishForm form;
  form.packet = packet_of(static_cast<std::uint8_t>(0x30 | qos << 1), body);
  const std::size_t head = form.packet.size() - body.size();
  form.id_at = qos > 0 ? head + 2 + topic.size() : 0;
  form.payload_at = form.packet.size() - payload_bytes;
  return form;
}

void append_acknowledgement(std::string& to, Kind kind, std::uint16_t id) {
  const unsigned flags = kind == Kind::pubrel ? 2 : 0;
  to += static_cast<char>(static_cast<unsigned>(kind) << 4 | flags);
  to += '\x02';
  append_number(to, id);
}

void put_number(std::string& bytes, std::size_t at, std::uint16_t number) {
  bytes[at] = static_cast<char>(number >> 8);
  bytes[at + 1] = static_cast<char>(number & 0xff);
}

}  // namespace sealpost::bench
