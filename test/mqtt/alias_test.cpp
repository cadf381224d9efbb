// Topic aliases, the client's and ours (5.0 section 3.3.2.3.4), and properties passed on in their wire form.

#include "exchange.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

Limits with_aliases(std::uint16_t most) {
  Limits limits;
  limits.maximum_qos = Qos::exactly_once;
  limits.topic_alias_maximum = most;
  return limits;
}

Publish aliased(std::uint16_t alias, std::string_view topic = {}, PacketId id = 0) {
  Publish publish{topic, {}, id == 0 ? Qos::at_most_once : Qos::exactly_once, false, false, id, {}};
  publish.properties.topic_alias = alias;
  return publish;
}

struct Aliased : Exchange {
  explicit Aliased(std::uint16_t most = 3) : Exchange(Version::v5, with_aliases(most)) { connected(lasting()); }
  void topic_is(std::string_view topic) { CHECK(owner_sees<PublishReceived>().topic == topic); }
};

// A client that takes so many aliases of ours.
struct Offering : Exchange {
  explicit Offering(std::uint16_t most, std::optional<std::uint32_t> packet_size = {}) {
    client = lasting();
    client.properties.topic_alias_maximum = most;
    client.properties.maximum_packet_size = packet_size;
    connected(client);
  }
  // The topic name and the alias as they go out.
  void goes_out(std::string_view topic, std::string_view name, std::optional<std::uint16_t> alias) {
    REQUIRE(connection.publish({.topic = topic}).has_value());
    const auto sent = server_answers<Publish>();
    CHECK(sent.topic == name);
    CHECK(sent.properties.topic_alias == alias);
  }

  Connect client;
};

}  // namespace

TEST_CASE("an alias stands for the topic that it came with") {
  Aliased x;
  x.client_sends(aliased(1, "a/b"));
  x.topic_is("a/b");
  x.client_sends(aliased(3, "c"));
  x.topic_is("c");
  for (int again = 0; again < 2; ++again) {
    x.client_sends(aliased(1));
    x.topic_is("a/b");
    x.client_sends(aliased(3));
    x.topic_is("c");
  }
}

TEST_CASE("an alias that comes with another topic stands for that from then on") {
  Aliased x;
  x.client_sends(aliased(1, "old"));
  x.topic_is("old");
  x.client_sends(aliased(1, "new"));
  x.topic_is("new");
  x.client_sends(aliased(1));
  x.topic_is("new");
}

TEST_CASE("the terms say how many aliases a client may use") {
  Exchange x(Version::v5, with_aliases(3));
  x.client_sends(Connect{.client_id = "c"});
  x.owner_sees<ConnectReceived>();
  x.session.attach(true, 0, 0);
  REQUIRE(x.connection.accept(x.session).has_value());
  CHECK(x.server_answers<Connack>().properties.topic_alias_maximum == 3);
}

TEST_CASE("an alias over the maximum, or 0, is refused") {
  Aliased x;
  x.client_sends(aliased(GENERATE(std::uint16_t{0}, std::uint16_t{4}, std::uint16_t{65'535}), "t"));
  x.server_closes_saying(ReasonCode::topic_alias_invalid);
}

TEST_CASE("an alias that stands for nothing is refused") {
  Aliased x;
  SECTION("none was given") {
    x.client_sends(aliased(1));
  }
  SECTION("only a higher one was") {
    x.client_sends(aliased(2, "t"));
    x.topic_is("t");
    x.client_sends(aliased(1));
  }
  SECTION("it was another connection's") {
    x.client_sends(aliased(1, "t"));
    x.topic_is("t");
    x.reconnected();
    x.client_sends(aliased(1));
  }
  x.server_closes_saying(ReasonCode::protocol_error);
}

TEST_CASE("a message at QoS 2 that is sent again teaches its alias again") {
  Aliased x;
  x.client_sends(aliased(1, "t", 7));
  x.topic_is("t");
  REQUIRE(x.connection.pubrec(7).has_value());
  x.reconnected();
  auto again = aliased(1, "t", 7);
  again.dup = true;
  x.client_sends(again);
  x.owner_sees_nothing();
  x.server_sends(wire("50 02 0007"));
  x.client_sends(aliased(1));
  x.topic_is("t");
}

TEST_CASE("an alias does not carry a topic past the limits") {
  auto limits = with_aliases(1);
  limits.topic_bytes_max = 4;
  Exchange x(Version::v5, limits);
  x.connected();
  x.client_sends(aliased(1, "a/b/c"));
  x.server_closes();
  CHECK(x.connection.failure() == Errc::topic_over_limit);
}

TEST_CASE("the memory of a client's aliases is told, bounded, and given back at the end") {
  Aliased x(50);
  const auto before = x.connection.heap_bytes();
  const std::string longest(1024, 't');
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t alias = 1; alias <= 50; ++alias) {
      x.client_sends(aliased(alias, longest));
      x.topic_is(longest);
    }
  }
  x.owner_sees_nothing();
  CHECK(x.connection.heap_bytes() >= before + 50 * longest.size());
  CHECK(x.connection.heap_bytes() < before + 50 * (longest.size() + 100));
  x.connection.disconnect(ReasonCode::server_busy);
  x.output();
  x.owner_sees_nothing();
  CHECK(x.connection.heap_bytes() <= before);
}

TEST_CASE("our aliases go to the topics that come first, and stand for them afterwards") {
  Offering x(2);
  x.goes_out("a", "a", 1);
  x.goes_out("b", "b", 2);
  x.goes_out("c", "c", {});
  x.goes_out("b", "", 2);
  x.goes_out("a", "", 1);
  x.goes_out("c", "c", {});
}

TEST_CASE("a client that takes no aliases gets none") {
  Exchange x(GENERATE(Version::v311, Version::v5));
  x.connected();
  for (int again = 0; again < 2; ++again) {
    REQUIRE(x.connection.publish({.topic = "a"}).has_value());
    const auto sent = x.server_answers<Publish>();
    CHECK(sent.topic == "a");
    CHECK_FALSE(sent.properties.topic_alias);
  }
}

TEST_CASE("our aliases are of one connection") {
  Offering x(2);
  x.goes_out("a", "a", 1);
  x.goes_out("b", "b", 2);
  x.reconnected(x.client);
  x.goes_out("b", "b", 1);
  x.goes_out("b", "", 1);
}

TEST_CASE("however many aliases a client takes, ours are few") {
  Offering x(65'535);
  std::uint16_t given = 0;
  for (int topic = 0; topic < 1'000; ++topic) {
    const auto name = "topic/" + std::to_string(topic);
    REQUIRE(x.connection.publish({.topic = name}).has_value());
    given += x.server_answers<Publish>().properties.topic_alias.has_value();
  }
  CHECK(given == 32);
  CHECK(x.connection.heap_bytes() < 32 * 200);
  CHECK(x.connection.heap_bytes() > 32 * sizeof(std::string));
}

TEST_CASE("an alias is not learned from a message that was too large to send") {
  Offering x(2, 100);
  const std::string payload(100, 'x');
  CHECK(x.connection.publish({.topic = "t", .payload = as_bytes(payload)}).error() == Errc::packet_too_large);
  x.goes_out("t", "t", 1);
  CHECK(x.connection.publish({.topic = "u", .payload = as_bytes(payload)}).error() == Errc::packet_too_large);
  x.goes_out("v", "v", 2);
  x.goes_out("u", "u", {});
}

TEST_CASE("a message sent again on a new connection brings its topic") {
  Offering x(2);
  const OutPublish out{.topic = "t", .qos = Qos::at_least_once};
  const auto id = x.connection.publish(out);
  x.output();
  x.reconnected(x.client);
  auto again = out;
  again.packet_id = *id;
  REQUIRE(x.connection.publish(again).has_value());
  CHECK(x.server_answers<Publish>().topic == "t");
}

TEST_CASE("properties in their wire form go out behind the others, in one list") {
  Exchange x;
  x.connected();
  Properties properties;
  properties.message_expiry = 9;
  properties.subscription_identifiers = {5};
  const auto encoded = wire("26 0001'k' 0001'v'");
  REQUIRE(
      x.connection
          .publish({.topic = "t", .payload = as_bytes("m"), .properties = &properties, .encoded_properties = encoded})
          .has_value());
  x.server_sends(wire("30 13 0001't' 0E 02 00000009 0B05 26 0001'k' 0001'v' 'm'"));
  REQUIRE(x.connection.publish({.topic = "t", .encoded_properties = encoded}).has_value());
  x.server_sends(wire("30 0B 0001't' 07 26 0001'k' 0001'v'"));
}

TEST_CASE("properties in their wire form have no place in 3.1.1") {
  Exchange x(Version::v311);
  x.connected();
  const auto encoded = wire("26 0001'k' 0001'v'");
  REQUIRE(x.connection.publish({.topic = "t", .payload = as_bytes("m"), .encoded_properties = encoded}).has_value());
  x.server_sends(wire("30 04 0001't' 'm'"));
}

TEST_CASE("properties in their wire form count for the client's maximum packet size") {
  Offering x(0, 60);
  Bytes encoded;
  for (int i = 0; i < 8; ++i) {
    const auto one = wire("26 0001'k' 0001'v'");
    encoded.insert(encoded.end(), one.begin(), one.end());
  }
  CHECK(x.connection.publish({.topic = "t", .encoded_properties = encoded}).error() == Errc::packet_too_large);
  x.server_sends_nothing();
}
