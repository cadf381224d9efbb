#pragma once
// A protocol trace: what the client sends, what the server's owner sees and does, what goes back on the wire.

#include <catch2/catch.hpp>
#include <deque>
#include <string>
#include <vector>

#include "mqtt/connection.hpp"

namespace sealpost::mqtt::test {

// Bytes from hex, blanks ignored; "'text'" stands for its characters.
inline Bytes wire(std::string_view script) {
  Bytes out;
  int high = -1;
  bool quoted = false;
  for (const char c : script) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (quoted) {
      out.push_back(static_cast<std::uint8_t>(c));
    } else if (c != ' ') {
      const int digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
      if (high >= 0) out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = high >= 0 ? -1 : digit;
    }
  }
  return out;
}

// Puts a fixed header of that first byte before a body.
inline Bytes framed(std::uint8_t first, const Bytes& body) {
  Bytes out{first};
  std::size_t length = body.size();
  for (; length >= 128; length >>= 7) out.push_back(static_cast<std::uint8_t>(length | 0x80));
  out.push_back(static_cast<std::uint8_t>(length));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

inline Bytes encoded(Version version, const Packet& packet) {
  Bytes out;
  REQUIRE(encode(version, packet, out).has_value());
  return out;
}

class Exchange {
 public:
  explicit Exchange(Version version = Version::v5, Limits chosen = {})
      : limits(chosen), connection(limits, 0), version_(version) {}

  void client_sends(const Bytes& bytes) { connection.receive(sent_.emplace_back(bytes), now); }
  void client_sends(const Packet& packet) { client_sends(encoded(version_, packet)); }

  template <class T>
  T owner_sees() {
    auto event = connection.next();
    REQUIRE(event.has_value());
    REQUIRE(std::holds_alternative<T>(*event));
    return std::get<T>(std::move(*event));
  }
  void owner_sees_nothing() { REQUIRE_FALSE(connection.next().has_value()); }

  Bytes output() {
    Bytes out;
    connection.take_output(out);
    return out;
  }
  void server_sends(const Bytes& bytes) { REQUIRE(output() == bytes); }
  void server_sends(const Packet& packet) { server_sends(encoded(version_, packet)); }
  void server_sends_nothing() { REQUIRE(output().empty()); }
  // The one packet that goes out.
  template <class T>
  T server_answers() {
    answer_ = output();
    const auto packet = decode(version_, answer_);
    REQUIRE(packet.has_value());
    REQUIRE(std::holds_alternative<T>(*packet));
    return std::get<T>(*packet);
  }

  void server_closes() {
    owner_sees_nothing();
    REQUIRE(connection.closing());
  }
  void server_closes_saying(ReasonCode reason) {
    server_closes();
    REQUIRE(server_answers<Disconnect>().reason == reason);
  }

  // CONNECT and CONNACK.
  void connected(Connect connect = {}) {
    connect.version = version_;
    if (connect.client_id.empty()) connect.client_id = "c";
    client_sends(connect);
    owner_sees<ConnectReceived>();
    attachment = session.attach(connect.clean_start, connect.session_expiry(), now);
    REQUIRE(connection.accept(session).has_value());
    REQUIRE(server_answers<Connack>().reason == ReasonCode::success);
  }

  // A client whose session outlives its connections.
  static Connect lasting() {
    Connect connect{.client_id = "c", .clean_start = false};
    connect.properties.session_expiry = 3600;
    return connect;
  }
  // The connection is lost, and the client comes back.
  void reconnected(const Connect& connect = lasting()) {
    session.detach(attachment, now);
    connection = Connection(limits, now);
    connected(connect);
  }

  Limits limits;
  Millis now = 0;
  Session session;
  Session::Attachment attachment = 0;
  Connection connection;

 private:
  Version version_;
  std::deque<Bytes> sent_;  // events view it
  Bytes answer_;
};

}  // namespace sealpost::mqtt::test
