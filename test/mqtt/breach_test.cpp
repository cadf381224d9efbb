// What the server answers to a client that breaks the rules: 5.0 with a reason code, 3.1.1 by closing.

#include "exchange.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

constexpr auto v311 = Version::v311;
constexpr auto v5 = Version::v5;

struct Breach {
  const char* script;
  std::uint8_t reason;  // of the DISCONNECT in 5.0
};

// After CONNACK, in 5.0.
const Breach breaches_v5[] = {
    {"00 00", 0x81},                                   // no such type
    {"C1 00", 0x81},                                   // reserved flags [MQTT-2.1.3-1]
    {"C0 8000", 0x81},                                 // a length not in its shortest form
    {"30 FFFFFFFF 01", 0x81},                          // a length of five bytes
    {"36 06 0001't' 000A 00", 0x81},                   // QoS 3
    {"38 04 0001't' 00", 0x81},                        // DUP at QoS 0
    {"30 05 0002 6100 00", 0x81},                      // U+0000
    {"30 06 0003'a/#' 00", 0x81},                      // a wildcard in a name
    {"40 01 00", 0x81},                                // too short
    {"30 09 0001't' 05 11 00000001", 0x81},            // Session Expiry in PUBLISH
    {"82 08 000A 00 0002'a#' 00", 0x81},               // a broken filter
    {"82 07 000A 00 0001'a' 40", 0x81},                // reserved option bits
    {"10 0E 0004'MQTT' 05 02 0000 00 0001'c'", 0x82},  // CONNECT twice [MQTT-3.1.0-2]
    {"20 03 00 00 00", 0x82},                          // CONNACK is not for servers
    {"90 04 000A 00 00", 0x82},                        // SUBACK
    {"B0 04 000A 00 00", 0x82},                        // UNSUBACK
    {"D0 00", 0x82},                                   // PINGRESP
    {"32 06 0001't' 0000 00", 0x82},                   // packet id 0
    {"30 03 0000 00", 0x82},                           // neither topic nor alias
    {"30 06 0001't' 02 0B01", 0x82},                   // a client sends no Subscription Identifier
    {"30 06 0001't' 02 0102", 0x82},                   // a value that is neither 0 nor 1
    {"82 03 000A 00", 0x82},                           // no filter
    {"82 07 000A 00 0001'a' 03", 0x82},                // Maximum QoS 3
    {"F0 00", 0x82},                                   // AUTH without a method
    {"F0 06 19 04 15 0001'm'", 0x82},                  // AUTH where CONNECT had no method
    {"E0 07 00 05 11 00000001", 0x82},                 // a session after one without expiry
    {"30 07 0001't' 03 23 0001", 0x94},                // Topic Alias Maximum is 0
    {"31 04 0001't' 00", 0x9A},                        // retain
    {"34 06 0001't' 000A 00", 0x9B},                   // QoS 2
    {"82 09 000A 02 0B01 0001'a' 00", 0xA1},           // a subscription identifier
    {"82 07 000A 00 0001'#' 00", 0xA2},                // a wildcard subscription
    {"82 10 000A 00 000A'$share/g/a' 00", 0x9E},       // a shared subscription
    {"30 FFFFFF7F", 0x95},                             // 256 MiB
};

// After CONNACK, in 3.1.1.
const char* const breaches_v311[] = {
    "00 00",
    "F0 00",
    "C1 00",
    "30 FFFFFFFF 01",
    "36 05 0001't' 000A",
    "38 03 0001't'",
    "30 04 0002 6100",
    "30 02 0000",
    "30 05 0003'a/#'",
    "40 01 00",
    "40 02 0000",
    "40 03 000A 00",
    "82 02 000A",
    "82 06 000A 0001'a' 03",
    "82 06 000A 0001'a' 04",
    "82 07 000A 0002'a#' 00",
    "10 0D 0004'MQTT' 04 02 0000 0001'c'",
    "20 02 0000",
    "90 03 000A 00",
    "B0 02 000A",
    "D0 00",
    "E0 01 00",
    "31 03 0001't'",
    "34 05 0001't' 000A",
    "30 FFFFFF7F",
};

}  // namespace

TEST_CASE("a breach after CONNACK is answered by DISCONNECT and its reason in 5.0") {
  for (const auto& breach : breaches_v5) {
    INFO(breach.script);
    Exchange x;
    x.connected();
    x.client_sends(wire(breach.script));
    x.owner_sees_nothing();
    CHECK(x.connection.closing());
    CHECK(x.connection.failure().has_value());
    x.server_sends({0xE0, 0x01, breach.reason});
  }
}

TEST_CASE("a breach after CONNACK closes in 3.1.1 without a word") {
  for (const auto* script : breaches_v311) {
    INFO(script);
    Exchange x(v311);
    x.connected();
    x.client_sends(wire(script));
    x.owner_sees_nothing();
    CHECK(x.connection.closing());
    CHECK(x.connection.failure().has_value());
    x.server_sends_nothing();
  }
}

TEST_CASE("a breach in CONNECT is answered by CONNACK where its form is known") {
  const auto [script, answer] = GENERATE(table<const char*, const char*>({
      // Versions [MQTT-3.1.2-2], and other protocols [MQTT-3.1.2-1].
      {"10 0E 0006'MQIsdp' 03 02 0000 0000", "20 02 00 01"},
      {"10 0C 0004'MQTT' 03 02 0000 0000", "20 02 00 01"},
      {"10 0D 0004'MQTT' 06 02 0000 00 0000", "20 03 00 84 00"},
      {"10 0C 0004'MQTT' 84 02 0000 0000", "20 03 00 84 00"},
      {"10 0C 0004'MQTX' 04 02 0000 0000", ""},
      {"10 01 00", ""},
      // 5.0
      {"10 0D 0004'MQTT' 05 03 0000 00 0000", "20 03 00 81 00"},
      {"10 0E 0004'MQTT' 05 02 0000 00 0000 00", "20 03 00 81 00"},
      {"10 10 0004'MQTT' 05 02 0000 03 21 0000 0000", "20 03 00 82 00"},
      {"10 11 0004'MQTT' 05 02 0000 04 1701 1701 0000", "20 03 00 82 00"},
      {"10 10 0004'MQTT' 05 02 0000 03 16 0000 0000", "20 03 00 82 00"},
      {"10 13 0004'MQTT' 05 16 0000 00 0000 00 0001'w' 0000", "20 03 00 9B 00"},
      {"10 13 0004'MQTT' 05 26 0000 00 0000 00 0001'w' 0000", "20 03 00 9A 00"},
      // 3.1.1: a return code, or none that fits.
      {"10 0C 0004'MQTT' 04 00 0000 0000", "20 02 00 02"},
      {"10 0C 0004'MQTT' 04 03 0000 0000", ""},
      {"10 0E 0004'MQTT' 04 42 0000 0000 0000", ""},
      // Not CONNECT at all [MQTT-3.1.0-1], or too much of it.
      {"C0 00", ""},
      {"30 04 0001't' 00", ""},
      {"10 FFFF7F", ""},
      {"'GET / HTTP/1.1'", ""},
      {"16 03 01 02 00 01 00 01 FC 03 03", ""},
  }));
  INFO(script);
  Exchange x;
  x.client_sends(wire(script));
  x.owner_sees_nothing();
  CHECK(x.connection.closing());
  CHECK(x.connection.failure().has_value());
  x.server_sends(wire(answer));
}

TEST_CASE("no event comes out behind a breach") {
  Exchange x;
  x.connected();
  x.client_sends(wire("C1 00 30 04 0001't' 00"));
  x.server_closes_saying(ReasonCode::malformed_packet);
  x.owner_sees_nothing();
}

TEST_CASE("more unanswered messages than the receive maximum are refused") {
  Limits limits;
  limits.receive_maximum = 2;
  Exchange x(v5, limits);
  x.connected();
  x.client_sends(wire("32 06 0001't' 0001 00 32 06 0001't' 0002 00"));
  x.owner_sees<PublishReceived>();
  x.owner_sees<PublishReceived>();
  SECTION("one answered makes room for one") {
    REQUIRE(x.connection.puback(1).has_value());
    x.output();
    x.client_sends(wire("32 06 0001't' 0003 00"));
    CHECK(x.owner_sees<PublishReceived>().packet_id == 3);
  }
  SECTION("QoS 0 does not count") {
    x.client_sends(wire("30 04 0001't' 00"));
    x.owner_sees<PublishReceived>();
  }
  x.client_sends(wire("32 06 0001't' 0004 00 32 06 0001't' 0005 00"));
  x.server_closes_saying(ReasonCode::receive_maximum_exceeded);
}

TEST_CASE("the packet size is small before accept and larger after") {
  Limits limits;
  limits.packet_size_before_accept = 100;
  limits.packet_size = 200;
  const std::string name(90, 'c');
  Exchange before(v5, limits);
  before.client_sends(Connect{.client_id = name});
  before.server_closes();
  CHECK(before.connection.failure() == Errc::packet_too_large);

  Exchange after(v5, limits);
  after.connected();
  const std::string payload(194, 'p');
  after.client_sends(Publish{"t", as_bytes(payload).first(193), Qos::at_most_once, false, false, 0, {}});
  after.owner_sees<PublishReceived>();
  after.client_sends(Publish{"t", as_bytes(payload), Qos::at_most_once, false, false, 0, {}});
  after.server_closes_saying(ReasonCode::packet_too_large);
}

TEST_CASE("topics and filters over the limits are refused") {
  Limits limits;
  limits.topic_bytes_max = 8;
  limits.topic_levels_max = 3;
  const auto [topic, allowed] = GENERATE(
      table<const char*, bool>({{"12345678", true}, {"123456789", false}, {"a/b/c", true}, {"a/b/c/", false}}));
  Exchange publishing(v5, limits);
  publishing.connected();
  publishing.client_sends(Publish{topic, {}, Qos::at_most_once, false, false, 0, {}});
  Exchange subscribing(v5, limits);
  subscribing.connected();
  subscribing.client_sends(Subscribe{1, {{topic, {}}}, {}});
  Exchange unsubscribing(v5, limits);
  unsubscribing.connected();
  unsubscribing.client_sends(Unsubscribe{1, {topic}, {}});
  if (allowed) {
    publishing.owner_sees<PublishReceived>();
    subscribing.owner_sees<SubscribeReceived>();
    unsubscribing.owner_sees<UnsubscribeReceived>();
  } else {
    publishing.server_closes_saying(ReasonCode::topic_name_invalid);
    subscribing.server_closes_saying(ReasonCode::topic_filter_invalid);
    unsubscribing.server_closes_saying(ReasonCode::topic_filter_invalid);
  }
}

TEST_CASE("more user properties or filters than the limits allow are refused") {
  Limits limits;
  limits.bounds = {.user_properties_max = 1, .filters_max = 1};
  Exchange x(v5, limits);
  x.connected();
  SECTION("user properties") {
    x.client_sends(wire("30 0E 0001't' 0A 26 00000000 26 00000000"));
  }
  SECTION("filters") {
    x.client_sends(wire("82 0B 000A 00 0001'a' 00 0001'b' 00"));
  }
  x.server_closes_saying(ReasonCode::quota_exceeded);
}

TEST_CASE("what the limits allow is not refused") {
  Limits limits;
  limits.retain_available = limits.wildcard_subscriptions = limits.shared_subscriptions = true;
  limits.subscription_identifiers = true;
  Exchange x(v5, limits);
  x.client_sends(Connect{.client_id = "c"});
  x.owner_sees<ConnectReceived>();
  x.session.attach(true, 0, 0);
  REQUIRE(x.connection.accept(x.session).has_value());
  x.server_sends(wire("20 0D 00 00 0A 21 0020 2401 27 00100000"));
  for (const auto* script : {"82 09 000A 02 0B01 0001'#' 00", "82 10 000A 00 000A'$share/g/a' 00"}) {
    x.client_sends(wire(script));
    x.owner_sees<SubscribeReceived>();
  }
  x.client_sends(wire("31 04 0001't' 00"));
  CHECK(x.owner_sees<PublishReceived>().retain);
}

TEST_CASE("a 3.1.1 client that cannot be told of a limit gets its answer from the owner") {
  Exchange x(v311);
  x.connected();
  x.client_sends(wire("82 06 000A 0001'#' 00"));
  CHECK(x.owner_sees<SubscribeReceived>().requests.front().filter == "#");
  x.client_sends(wire("82 0F 000A 000A'$share/g/a' 00"));
  x.owner_sees<SubscribeReceived>();
}

TEST_CASE("the second half of QoS 2 is answered as unknown") {
  const auto version = GENERATE(v311, v5);
  Exchange x(version);
  x.connected();
  x.client_sends(wire("62 02 0007"));
  x.owner_sees_nothing();
  x.server_sends(version == v5 ? wire("70 03 0007 92") : wire("70 02 0007"));
  x.client_sends(wire("50 02 0007"));
  x.owner_sees_nothing();
  x.server_sends(version == v5 ? wire("62 03 0007 92") : wire("62 02 0007"));
  x.client_sends(wire("70 02 0007"));
  x.owner_sees_nothing();
  x.server_sends_nothing();
}

TEST_CASE("a QoS 1 message is not answered by PUBREC") {
  Exchange x;
  x.connected();
  REQUIRE(x.connection.publish({.topic = "t", .qos = Qos::at_least_once}).has_value());
  x.output();
  x.client_sends(wire("50 02 0001"));
  x.server_closes_saying(ReasonCode::protocol_error);
}
