// QoS 2 from the server to the client (5.0 section 4.3.3), and packet ids of the owner's choice.

#include "exchange.hpp"
#include "mqtt/deliveries.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

constexpr auto v311 = Version::v311;
constexpr auto v5 = Version::v5;

OutPublish message(std::uint64_t token, std::optional<PacketId> id = {}, Qos qos = Qos::exactly_once) {
  return {.topic = "t", .payload = as_bytes("m"), .qos = qos, .token = token, .packet_id = id};
}

struct Sending : Exchange {
  Sending() : Sending(GENERATE(v311, v5)) {}
  explicit Sending(Version version, std::optional<std::uint16_t> receive_maximum = {}) : Exchange(version) {
    client = lasting();
    client.properties.receive_maximum = receive_maximum;
    connected(client);
  }
  PacketId owner_publishes(const OutPublish& out) {
    const auto id = connection.publish(out);
    REQUIRE(id.has_value());
    const auto sent = server_answers<Publish>();
    CHECK(sent.packet_id == *id);
    CHECK(sent.qos == out.qos);
    dup = sent.dup;
    return *id;
  }
  void client_has_it(PacketId id, std::uint64_t token) {
    client_sends(Pubrec{id, {}, {}});
    const auto received = owner_sees<PubrecReceived>();
    CHECK(received.packet_id == id);
    CHECK(received.token == token);
  }
  void owner_releases(PacketId id) {
    REQUIRE(connection.pubrel(id).has_value());
    server_sends(Pubrel{id, {}, {}});
  }
  void is_over(PacketId id, std::uint64_t token, ReasonCode reason = ReasonCode::success) {
    const auto over = owner_sees<PubackReceived>();
    CHECK(over.packet_id == id);
    CHECK(over.token == token);
    CHECK(over.reason == reason);
    CHECK(session.find_in_flight(id) == nullptr);
  }

  Connect client;
  bool dup = false;
};

}  // namespace

TEST_CASE("the server's message at QoS 2 goes through PUBREC and PUBREL, and PUBCOMP ends it") {
  Sending x;
  const auto id = x.owner_publishes(message(99));
  x.client_has_it(id, 99);
  x.server_sends_nothing();
  CHECK_FALSE(x.session.in_flight().front().released);
  x.owner_releases(id);
  CHECK(x.session.in_flight().front().released);
  x.client_sends(Pubcomp{id, {}, {}});
  x.is_over(id, 99);
}

TEST_CASE("a PUBREC that refuses the message ends it, and gets no PUBREL") {
  Sending x(v5, std::uint16_t{1});
  const auto id = x.owner_publishes(message(99));
  CHECK(x.connection.window() == 0);
  x.client_sends(Pubrec{id, ReasonCode::quota_exceeded, {}});
  x.is_over(id, 99, ReasonCode::quota_exceeded);
  x.server_sends_nothing();
  CHECK(x.connection.window() == 1);
}

TEST_CASE("the window counts a QoS 2 message until its PUBCOMP") {
  Sending x(v5, std::uint16_t{1});
  const auto id = x.owner_publishes(message(1));
  x.client_has_it(id, 1);
  x.owner_releases(id);
  CHECK(x.connection.window() == 0);
  CHECK(x.connection.publish(message(2)).error() == Errc::window_full);
  x.client_sends(Pubcomp{id, {}, {}});
  x.is_over(id, 1);
  x.owner_publishes(message(2));
}

TEST_CASE("a PUBREC that comes again gets its PUBREL again") {
  Sending x;
  const auto id = x.owner_publishes(message(5));
  SECTION("by the owner, as long as that has not released it") {
    x.client_has_it(id, 5);
    x.client_has_it(id, 5);
    x.owner_releases(id);
    x.owner_releases(id);
  }
  SECTION("by itself from then on") {
    x.client_has_it(id, 5);
    x.owner_releases(id);
    x.client_sends(Pubrec{id, {}, {}});
    x.owner_sees_nothing();
    x.server_sends(Pubrel{id, {}, {}});
  }
  x.client_sends(Pubcomp{id, {}, {}});
  x.is_over(id, 5);
  x.owner_sees_nothing();
}

TEST_CASE("a PUBREC of an unknown packet id gets a PUBREL that says so, unless it refuses") {
  Sending x;
  x.client_sends(Pubrec{7, {}, {}});
  x.owner_sees_nothing();
  x.server_sends(Pubrel{7, ReasonCode::packet_identifier_not_found, {}});
  CHECK_FALSE(x.connection.closing());
}

TEST_CASE("a PUBREC that refuses what is unknown says nothing") {
  Sending x(v5);
  x.client_sends(Pubrec{7, ReasonCode::unspecified_error, {}});
  x.owner_sees_nothing();
  x.server_sends_nothing();
  CHECK_FALSE(x.connection.closing());
}

TEST_CASE("a PUBCOMP before the PUBREL, or for nothing, says nothing") {
  Sending x;
  const auto id = x.owner_publishes(message(5));
  x.client_sends(Pubcomp{id, {}, {}});
  x.client_sends(Pubcomp{4'000, {}, {}});
  x.owner_sees_nothing();
  CHECK(x.session.in_flight().size() == 1);
  x.client_has_it(id, 5);
  x.client_sends(Pubcomp{id, {}, {}});
  x.owner_sees_nothing();
  CHECK(x.session.in_flight().size() == 1);
}

TEST_CASE("an acknowledgement of the other QoS is a breach") {
  const auto version = GENERATE(v311, v5);
  Sending x(version);
  SECTION("PUBACK for QoS 2") {
    x.client_sends(Puback{x.owner_publishes(message(1)), {}, {}});
  }
  SECTION("PUBREC for QoS 1") {
    x.client_sends(Pubrec{x.owner_publishes(message(1, {}, Qos::at_least_once)), {}, {}});
  }
  SECTION("PUBACK for QoS 2 that is released") {
    const auto id = x.owner_publishes(message(1));
    x.client_has_it(id, 1);
    x.owner_releases(id);
    x.client_sends(Puback{id, {}, {}});
  }
  x.server_closes();
  CHECK(x.connection.failure() == Errc::unexpected_packet);
  x.server_sends(version == v5 ? wire("E0 01 82") : Bytes{});
  CHECK(x.session.in_flight().size() == 1);
}

TEST_CASE("only a QoS 2 message in flight is released") {
  Sending x;
  CHECK(x.connection.pubrel(9).error() == Errc::unknown_packet_id);
  const auto id = x.owner_publishes(message(1, {}, Qos::at_least_once));
  CHECK(x.connection.pubrel(id).error() == Errc::unknown_packet_id);
  x.server_sends_nothing();
}

TEST_CASE("a resume before the PUBREC sends the message again, marked") {
  Sending x;
  const auto id = x.owner_publishes(message(5));
  CHECK_FALSE(x.dup);
  x.reconnected(x.client);
  CHECK_FALSE(x.session.in_flight().front().sent);
  CHECK(x.owner_publishes(message(5, id)) == id);
  CHECK(x.dup);
  CHECK(x.connection.publish(message(5, id)).error() == Errc::out_of_state);
  x.client_has_it(id, 5);
  x.owner_releases(id);
  x.client_sends(Pubcomp{id, {}, {}});
  x.is_over(id, 5);
  CHECK(x.connection.window() == 65'535);
}

TEST_CASE("a resume after the PUBREC sends PUBREL in the place of the message") {
  Sending x;
  const auto id = x.owner_publishes(message(5));
  x.client_has_it(id, 5);
  x.owner_releases(id);
  x.reconnected(x.client);
  const auto& waiting = x.session.in_flight().front();
  CHECK(waiting.released);
  CHECK(waiting.exactly_once);
  CHECK(x.connection.publish(message(5, id)).error() == Errc::out_of_state);
  x.server_sends_nothing();
  x.owner_releases(id);
  x.client_sends(Pubcomp{id, {}, {}});
  x.is_over(id, 5);
  CHECK(x.connection.window() == 65'535);
}

TEST_CASE("acknowledged before it was sent again, a message leaves the window as it is") {
  Sending x(v5, std::uint16_t{2});
  const auto first = x.owner_publishes(message(1));
  const auto second = x.owner_publishes(message(2, {}, Qos::at_least_once));
  x.reconnected(x.client);
  CHECK(x.connection.window() == 2);
  x.owner_publishes(message(3));
  x.client_sends(Puback{second, {}, {}});
  x.is_over(second, 2);
  x.client_has_it(first, 1);
  x.owner_releases(first);
  x.client_sends(Pubcomp{first, {}, {}});
  x.is_over(first, 1);
  CHECK(x.connection.window() == 1);
}

TEST_CASE("a clean start forgets what was in flight") {
  Sending x;
  const auto id = x.owner_publishes(message(5));
  x.client.clean_start = true;
  x.reconnected(x.client);
  CHECK(x.session.in_flight().empty());
  CHECK(x.connection.publish(message(5, id)).error() == Errc::unknown_packet_id);
  x.client_sends(Pubrec{id, {}, {}});
  x.owner_sees_nothing();
  CHECK(x.server_answers<Pubrel>().packet_id == id);
}

TEST_CASE("an owner has packet ids of its own choice above those of the session") {
  Sending x;
  CHECK(x.owner_publishes(message(1, PacketId{sessions_packet_id_max + 1})) == sessions_packet_id_max + 1);
  CHECK_FALSE(x.dup);
  CHECK(x.owner_publishes(message(2, PacketId{65'535}, Qos::at_least_once)) == 65'535);
  CHECK(x.connection.publish(message(3, PacketId{sessions_packet_id_max})).error() == Errc::unknown_packet_id);
  CHECK(x.owner_publishes(message(4)) == 1);
  x.client_sends(Puback{65'535, {}, {}});
  x.is_over(65'535, 2);
  x.owner_publishes(message(5, PacketId{65'535}));
  CHECK_FALSE(x.dup);
}

TEST_CASE("an owner's packet id that is another message's makes the new one wait") {
  Sending x;
  const PacketId id = packet_id_of(7);
  REQUIRE(packet_id_of(60'007) == id);
  x.owner_publishes(message(7, id, Qos::at_least_once));
  CHECK(x.connection.publish(message(60'007, id)).error() == Errc::window_full);
  x.server_sends_nothing();
  x.reconnected(x.client);
  CHECK(x.connection.publish(message(60'007, id)).error() == Errc::window_full);
  x.owner_publishes(message(7, id, Qos::at_least_once));
  CHECK(x.dup);
  x.client_sends(Puback{id, {}, {}});
  x.is_over(id, 7);
  x.owner_publishes(message(60'007, id));
  CHECK_FALSE(x.dup);
}

TEST_CASE("a message that was sent before a restart of the server is marked by its owner") {
  Sending x;
  auto again = message(7, packet_id_of(7));
  again.dup = true;
  x.owner_publishes(again);
  CHECK(x.dup);
  CHECK(x.connection.publish({.topic = "t", .dup = true}).error() == Errc::out_of_state);
  CHECK(x.connection.publish({.topic = "t", .packet_id = PacketId{60'000}}).error() == Errc::out_of_state);
}

TEST_CASE("a message too large for the client takes neither window nor packet id") {
  Exchange x;
  Connect connect = Exchange::lasting();
  connect.properties.maximum_packet_size = 60;
  x.connected(connect);
  const std::string payload(60, 'x');
  auto out = message(1, packet_id_of(1));
  out.payload = as_bytes(payload);
  CHECK(x.connection.publish(out).error() == Errc::packet_too_large);
  CHECK(x.session.in_flight().empty());
  CHECK(x.connection.window() == 65'535);
  x.server_sends_nothing();
}

TEST_CASE("the packet ids of numbers are above the session's, and 60,000 in a row are different") {
  static_assert(packet_id_of(0) == sessions_packet_id_max + 1);
  static_assert(packet_id_of(59'999) == 65'535);
  static_assert(packet_id_of(60'000) == packet_id_of(0));
  static_assert(packet_id_of(~std::uint64_t{0}) > sessions_packet_id_max);
  SUCCEED();
}
