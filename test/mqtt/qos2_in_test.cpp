// QoS 2 from the client to the server (5.0 section 4.3.3): each message is the owner's once.

#include "exchange.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

constexpr auto v311 = Version::v311;
constexpr auto v5 = Version::v5;

Limits offering(std::uint16_t receive_maximum = 32) {
  Limits limits;
  limits.maximum_qos = Qos::exactly_once;
  limits.receive_maximum = receive_maximum;
  return limits;
}

Publish message(PacketId id, bool dup = false, Qos qos = Qos::exactly_once) {
  return {"t", as_bytes("hello"), qos, false, dup, id, {}};
}

// Both versions, since the flow is the same in both.
struct Receiving : Exchange {
  explicit Receiving(std::uint16_t receive_maximum = 32) : Receiving(GENERATE(v311, v5), receive_maximum) {}
  Receiving(Version version, std::uint16_t receive_maximum) : Exchange(version, offering(receive_maximum)) {
    connected(lasting());
  }
  void owner_takes(PacketId id) {
    CHECK(owner_sees<PublishReceived>().packet_id == id);
    REQUIRE(connection.pubrec(id).has_value());
    server_sends(Pubrec{id, {}, {}});
  }
  void owner_releases(PacketId id) {
    CHECK(owner_sees<PubrelReceived>().packet_id == id);
    REQUIRE(connection.pubcomp(id).has_value());
    server_sends(Pubcomp{id, {}, {}});
  }
};

}  // namespace

TEST_CASE("a message at QoS 2 goes through PUBREC, PUBREL and PUBCOMP, each when the owner says so") {
  Receiving x;
  x.client_sends(message(10));
  const auto publish = x.owner_sees<PublishReceived>();
  CHECK(publish.qos == Qos::exactly_once);
  CHECK(as_text(publish.payload) == "hello");
  x.owner_sees_nothing();
  x.server_sends_nothing();
  CHECK(x.connection.pubrec(11).error() == Errc::unknown_packet_id);
  REQUIRE(x.connection.pubrec(10).has_value());
  x.server_sends(wire("50 02 000A"));
  CHECK(x.connection.pubrec(10).error() == Errc::unknown_packet_id);
  CHECK(x.session.has_received(10));
  x.client_sends(wire("62 02 000A"));
  CHECK(x.owner_sees<PubrelReceived>().packet_id == 10);
  x.server_sends_nothing();
  CHECK(x.session.has_received(10));
  REQUIRE(x.connection.pubcomp(10).has_value());
  x.server_sends(wire("70 02 000A"));
  CHECK_FALSE(x.session.has_received(10));
}

TEST_CASE("sent again before its PUBREC it is the same message, and gets one PUBREC") {
  Receiving x;
  x.client_sends(message(1));
  x.client_sends(message(1, true));
  x.client_sends(message(1, false));  // the mark makes no difference [MQTT-4.3.3-10]
  x.owner_sees<PublishReceived>();
  x.owner_sees_nothing();
  x.server_sends_nothing();
  REQUIRE(x.connection.pubrec(1).has_value());
  x.server_sends(wire("50 02 0001"));
  x.owner_sees_nothing();
}

TEST_CASE("sent again after its PUBREC it gets that again, and the owner sees nothing") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_takes(1);
  x.client_sends(message(1, true));
  x.owner_sees_nothing();
  x.server_sends(wire("50 02 0001"));
}

TEST_CASE("sent again on a new connection, after its PUBREC, it is still the same message") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_takes(1);
  x.reconnected();
  x.client_sends(message(1, true));
  x.owner_sees_nothing();
  x.server_sends(wire("50 02 0001"));
  x.client_sends(Pubrel{1, {}, {}});
  x.owner_releases(1);
}

TEST_CASE("sent again on a new connection, when it had no PUBREC yet, it is for the owner to know") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  SECTION("if that was not to be decided later, it is seen once more") {
    x.reconnected();
    x.client_sends(message(1, true));
    x.owner_takes(1);
  }
  (void)x.connection.defer(1);
  SECTION("if it was not taken, it is seen once more") {
    x.session.decide_pending(1, false);
    x.reconnected();
    x.client_sends(message(1, true));
    x.owner_takes(1);
  }
  SECTION("if it was taken after all, the session says so") {
    x.session.decide_pending(1, true);
    x.reconnected();
    x.client_sends(message(1, true));
    x.owner_sees_nothing();
    x.server_sends(wire("50 02 0001"));
  }
  SECTION("if that is not decided yet, it is answered when it is, and seen no more") {
    x.reconnected();
    x.client_sends(message(1, true));
    x.owner_sees_nothing();
    x.server_sends_nothing();
    REQUIRE(x.connection.pubrec(1).has_value());
    x.server_sends(wire("50 02 0001"));
    x.client_sends(Pubrel{1, {}, {}});
    x.owner_releases(1);
  }
  SECTION("if that is decided before it comes again, only the session takes note") {
    x.reconnected();
    CHECK(x.connection.pubrec(1).error() == Errc::unknown_packet_id);
    x.server_sends_nothing();
    x.client_sends(message(1, true));
    x.owner_sees_nothing();
    x.server_sends(wire("50 02 0001"));
  }
}

TEST_CASE("a message whose session is gone is a new one") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_takes(1);
  Connect clean = Exchange::lasting();
  clean.clean_start = true;
  x.reconnected(clean);
  x.client_sends(message(1, true));
  x.owner_takes(1);
}

TEST_CASE("once released, the packet id names another message") {
  Receiving x;
  for (int round = 0; round < 3; ++round) {
    x.client_sends(message(1));
    x.owner_takes(1);
    x.client_sends(Pubrel{1, {}, {}});
    x.owner_releases(1);
  }
}

TEST_CASE("a PUBREL is answered on a new connection too, and again if it comes again") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_takes(1);
  x.client_sends(Pubrel{1, {}, {}});
  x.owner_sees<PubrelReceived>();
  x.reconnected();
  CHECK(x.session.has_received(1));
  x.client_sends(Pubrel{1, {}, {}});
  x.client_sends(Pubrel{1, {}, {}});
  x.owner_sees<PubrelReceived>();
  x.owner_releases(1);
  REQUIRE(x.connection.pubcomp(1).has_value());  // what the first of the two asked for
  x.server_sends(wire("70 02 0001"));
}

TEST_CASE("a refused message frees its packet id at once") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  REQUIRE(x.connection.pubrec(1, ReasonCode::quota_exceeded).has_value());
  x.server_sends(Pubrec{1, ReasonCode::quota_exceeded, {}});
  CHECK_FALSE(x.session.has_received(1));
  x.client_sends(message(1));
  x.owner_takes(1);
}

TEST_CASE("a refused message gets its reason where the client can read it") {
  Receiving x(v5, 32);
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  Properties properties;
  properties.reason_string = "full";
  REQUIRE(x.connection.pubrec(1, ReasonCode::quota_exceeded, properties).has_value());
  x.server_sends(wire("50 0B 0001 97 07 1F 0004'full'"));
}

TEST_CASE("a PUBREL of an unknown packet id ends in a PUBCOMP that says so") {
  Receiving x;
  x.client_sends(Pubrel{7, {}, {}});
  x.owner_sees_nothing();
  x.server_sends(Pubcomp{7, ReasonCode::packet_identifier_not_found, {}});
  CHECK_FALSE(x.connection.closing());
}

TEST_CASE("a PUBREL before the PUBREC releases nothing") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  x.client_sends(Pubrel{1, {}, {}});
  x.owner_sees_nothing();
  x.server_sends(Pubcomp{1, ReasonCode::packet_identifier_not_found, {}});
  REQUIRE(x.connection.pubrec(1).has_value());
  x.server_sends(wire("50 02 0001"));
}

TEST_CASE("a PUBREL that says the client has lost the message ends it all the same") {
  Receiving x(v5, 32);
  x.client_sends(message(1));
  x.owner_takes(1);
  x.client_sends(Pubrel{1, ReasonCode::packet_identifier_not_found, {}});
  x.owner_releases(1);
}

TEST_CASE("QoS 1 messages under the id of a QoS 2 one are messages of their own") {
  Receiving x;
  x.client_sends(message(1));
  x.owner_takes(1);
  x.client_sends(message(1, false, Qos::at_least_once));
  CHECK(x.owner_sees<PublishReceived>().qos == Qos::at_least_once);
  REQUIRE(x.connection.puback(1).has_value());
  x.server_sends(wire("40 02 0001"));
  CHECK(x.session.has_received(1));
}

TEST_CASE("the receive maximum counts a QoS 2 message until its PUBCOMP") {
  Receiving x(v5, 2);
  x.client_sends(message(1));
  x.owner_takes(1);
  x.client_sends(message(2));
  x.owner_takes(2);
  SECTION("released, but not at its end: one too many") {
    x.client_sends(Pubrel{1, {}, {}});
    x.owner_sees<PubrelReceived>();
    x.client_sends(message(3));
    x.server_closes_saying(ReasonCode::receive_maximum_exceeded);
  }
  SECTION("at its end: room for one") {
    x.client_sends(Pubrel{1, {}, {}});
    x.owner_releases(1);
    x.client_sends(message(3));
    x.owner_takes(3);
    x.client_sends(message(4, false, Qos::at_least_once));
    x.server_closes_saying(ReasonCode::receive_maximum_exceeded);
  }
  SECTION("sent again: not one more") {
    x.client_sends(message(1, true));
    x.owner_sees_nothing();
    x.server_sends(wire("50 02 0001"));
    CHECK_FALSE(x.connection.closing());
  }
}

TEST_CASE("a refused message no longer counts against the receive maximum") {
  Receiving x(v5, 1);
  for (PacketId id = 1; id < 4; ++id) {
    x.client_sends(message(id));
    x.owner_sees<PublishReceived>();
    REQUIRE(x.connection.pubrec(id, ReasonCode::not_authorized).has_value());
  }
  CHECK_FALSE(x.connection.closing());
}

TEST_CASE("a new connection has the whole receive maximum again") {
  Receiving x(v5, 2);
  x.client_sends(message(1));
  x.owner_takes(1);
  x.reconnected();
  x.client_sends(message(2));
  x.owner_takes(2);
  x.client_sends(message(3));
  x.owner_takes(3);
  x.client_sends(message(4));
  x.server_closes_saying(ReasonCode::receive_maximum_exceeded);
}

// 5.0 section 4.9: the client's quota grows with every PUBCOMP, whatever message and reason it is about.
TEST_CASE("a PUBCOMP for a message of an earlier connection makes room, as the client counts") {
  Receiving x(v5, 1);
  x.client_sends(message(1));
  x.owner_takes(1);
  x.reconnected();
  x.client_sends(message(2, false, Qos::at_least_once));
  x.owner_sees<PublishReceived>();
  SECTION("that the server still had") {
    x.client_sends(Pubrel{1, {}, {}});
    x.owner_releases(1);
  }
  SECTION("that it had no more") {
    x.session.release_received(1);
    x.client_sends(Pubrel{1, {}, {}});
    x.owner_sees_nothing();
    CHECK(x.server_answers<Pubcomp>().reason == ReasonCode::packet_identifier_not_found);
  }
  x.client_sends(message(3, false, Qos::at_least_once));
  CHECK(x.owner_sees<PublishReceived>().packet_id == 3);
}

TEST_CASE("a client cannot make room for ever by PUBRELs of nothing") {
  Receiving x(v5, 4);
  PacketId seen = 0;
  for (PacketId id = 1; id < 100 && !x.connection.closing(); ++id) {
    x.client_sends(message(id));
    if (x.connection.next()) ++seen;
    x.client_sends(Pubrel{1'000, {}, {}});
    x.connection.next();
  }
  CHECK(seen == 8);
  CHECK(x.connection.failure() == Errc::receive_maximum_exceeded);
}

TEST_CASE("a 3.1.1 client waits at the receive maximum until a PUBREC") {
  Receiving x(v311, 1);
  x.client_sends(message(1));
  x.client_sends(message(2));
  CHECK(x.owner_sees<PublishReceived>().packet_id == 1);
  x.owner_sees_nothing();
  CHECK_FALSE(x.connection.wants_input());
  REQUIRE(x.connection.pubrec(1).has_value());
  CHECK(x.owner_sees<PublishReceived>().packet_id == 2);
}

TEST_CASE("where QoS 2 is not offered, no packet id lets it through") {
  Limits limits;
  Exchange x(v5, limits);
  x.connected();
  x.client_sends(message(1, false, Qos::at_least_once));
  x.owner_sees<PublishReceived>();
  x.client_sends(message(1));
  x.server_closes_saying(ReasonCode::qos_not_supported);
}

TEST_CASE("the answers of QoS 2 need an open connection") {
  Exchange x(v5, offering());
  CHECK(x.connection.pubrec(1).error() == Errc::out_of_state);
  CHECK(x.connection.pubcomp(1).error() == Errc::out_of_state);
  CHECK(x.connection.pubrel(1).error() == Errc::out_of_state);
  x.connected();
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  x.connection.disconnect(ReasonCode::server_busy);
  x.output();
  CHECK(x.connection.pubrec(1).error() == Errc::closed);
  CHECK(x.connection.pubcomp(1).error() == Errc::closed);
  CHECK(x.connection.pubrel(1).error() == Errc::closed);
  CHECK_FALSE(x.session.has_received(1));
  x.server_sends_nothing();
}
