// To whom a message goes, and how: overlapping and shared subscriptions, No Local, retained messages.

#include <set>

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

namespace {

struct Room {
  Room() {
    publisher.connect();
    reader.connect();
  }
  Stage stage;
  Client publisher{stage, "p"};
  Client reader{stage, "r"};
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a message that matches several subscriptions comes once, at the highest QoS, with all identifiers") {
  Room room;
  room.reader.subscribe("a/b", Qos::at_most_once, {}, 1);
  room.reader.subscribe("a/+", Qos::at_least_once, {}, 2);
  room.reader.subscribe("#", Qos::at_most_once, {}, 3);
  room.reader.subscribe("x", Qos::exactly_once, {}, 4);
  room.publisher.publish("a/b", "one", Qos::exactly_once);
  const auto publish = room.reader.takes("one");
  REQUIRE(publish.qos == Qos::at_least_once);
  auto identifiers = publish.properties.subscription_identifiers;
  std::ranges::sort(identifiers);
  REQUIRE(identifiers == std::vector<std::uint32_t>{1, 2, 3});
  room.reader.gets_nothing();
}

TEST_CASE("what the publisher adds goes on unaltered") {
  Room room;
  room.reader.subscribe("t");
  mqtt::Publish publish;
  publish.topic = "t";
  publish.payload = as_bytes("x");
  publish.properties.content_type = "a";
  publish.properties.response_topic = "b";
  publish.properties.correlation_data = as_bytes("c");
  publish.properties.payload_is_text = true;
  publish.properties.user_properties = {{"k", "1"}, {"k", "2"}};
  room.publisher.send_publish(publish);
  const auto got = room.reader.gets("x");
  REQUIRE(got.properties.content_type == "a");
  REQUIRE(got.properties.response_topic == "b");
  REQUIRE(as_text(*got.properties.correlation_data) == "c");
  REQUIRE(got.properties.payload_is_text == true);
  REQUIRE(got.properties.user_properties == publish.properties.user_properties);
}

TEST_CASE("No Local: what a client publishes does not come back, by that subscription") {
  Room room;
  room.reader.subscribe("t", Qos::at_least_once, {.no_local = true});
  room.publisher.subscribe("t");
  room.reader.publish("t", "mine");
  room.publisher.gets("mine");
  room.reader.gets_nothing();
  room.publisher.publish("t", "yours");
  room.reader.gets("yours");
  room.publisher.gets("yours");
  room.reader.subscribe("#", Qos::at_least_once);
  room.reader.publish("t", "mine");
  room.reader.gets("mine");
}

TEST_CASE("a subscription made again replaces the one before") {
  Room room;
  room.reader.subscribe("t", Qos::exactly_once, {}, 1);
  room.reader.subscribe("t", Qos::at_most_once, {}, 2);
  room.publisher.publish("t", "one", Qos::at_least_once);
  const auto publish = room.reader.gets("one");
  REQUIRE(publish.qos == Qos::at_most_once);
  REQUIRE(publish.properties.subscription_identifiers == std::vector<std::uint32_t>{2});
  room.reader.gets_nothing();
}

TEST_CASE("topics of the protocol and of the server are not for everybody") {
  Room room;
  for (const std::string_view topic : {"sp/x", "sp", "$x"}) {
    room.publisher.publish(topic, "one", Qos::at_least_once);
    REQUIRE(room.publisher.gets<mqtt::Puback>().reason == ReasonCode::not_authorized);
    REQUIRE(room.reader.subscribe(topic) == ReasonCode::not_authorized);
  }
  REQUIRE(room.reader.subscribe("$share/g/sp/x") == ReasonCode::not_authorized);
  REQUIRE(room.reader.subscribe("#") == ReasonCode::granted_qos_2);
  room.stage.publish("sp/x", "secret");
  room.reader.gets_nothing();
}

TEST_CASE("a shared subscription: the members take turns, those with a connection first") {
  Room room;
  Client a(room.stage, "a"), b(room.stage, "b"), gone(room.stage, "gone");
  a.connect();
  b.connect();
  gone.connect(lasting());
  a.subscribe("$share/g/t/+", Qos::exactly_once);
  b.subscribe("$share/g/t/+", Qos::at_most_once);
  gone.subscribe("$share/g/t/+");
  room.reader.subscribe("$share/other/t/#");
  gone.lose();
  for (int i = 0; i < 6; ++i) room.publisher.publish("t/x", std::to_string(i), Qos::at_least_once);
  const Texts of_a = a.takes_all(), of_b = b.takes_all();
  REQUIRE((of_a.size() >= 2 && of_b.size() >= 2));
  std::set<std::string> all(of_a.begin(), of_a.end());
  all.insert(of_b.begin(), of_b.end());
  REQUIRE(all.size() == 6);
  REQUIRE(of_a.size() + of_b.size() == 6);
  REQUIRE(room.reader.takes_all() == Texts{"0", "1", "2", "3", "4", "5"});
  SECTION("nobody has a connection: it waits for who has a session") {
    a.lose();
    b.lose();
    room.publisher.publish("t/x", "late", Qos::at_least_once);
    room.stage.settle();
    gone.connect(lasting());
    gone.takes("late");
  }
  SECTION("a member that has left gets nothing") {
    REQUIRE(a.unsubscribe("$share/g/t/+") == ReasonCode::success);
    for (int i = 0; i < 3; ++i) room.publisher.publish("t/x", "more");
    REQUIRE(b.takes_all() == Texts{"more", "more", "more"});
    a.gets_nothing();
  }
}

TEST_CASE("a shared subscription and an ordinary one of the same session each get the message") {
  Room room;
  room.reader.subscribe("t", Qos::at_most_once, {}, 1);
  room.reader.subscribe("$share/g/t", Qos::at_most_once, {}, 2);
  room.publisher.publish("t", "one");
  REQUIRE(room.reader.takes_all() == Texts{"one", "one"});
}

TEST_CASE("a retained message comes with a new subscription, as its handling says") {
  Room room;
  room.publisher.publish("t/a", "kept", Qos::at_least_once, true);
  room.stage.settle();
  using mqtt::RetainHandling;
  SECTION("0: each time") {
    for (int i = 0; i < 2; ++i) {
      room.reader.subscribe("t/+", Qos::exactly_once);
      const auto publish = room.reader.takes("kept");
      REQUIRE(publish.retain);
      REQUIRE(publish.qos == Qos::at_least_once);
    }
  }
  SECTION("1: if it is new") {
    room.reader.subscribe("t/+", Qos::at_most_once, {.retain_handling = RetainHandling::send_if_new});
    room.reader.takes("kept");
    room.reader.subscribe("t/+", Qos::at_most_once, {.retain_handling = RetainHandling::send_if_new});
    room.reader.gets_nothing();
  }
  SECTION("2: never") {
    room.reader.subscribe("t/+", Qos::at_most_once, {.retain_handling = RetainHandling::do_not_send});
    room.reader.gets_nothing();
  }
  SECTION("nor with a shared one") {
    room.reader.subscribe("$share/g/t/+");
    room.reader.gets_nothing();
  }
}

TEST_CASE("retained as published: the flag goes on to who asks for it") {
  Room room;
  Client plain(room.stage, "plain");
  plain.connect();
  room.reader.subscribe("t", Qos::at_most_once, {.retain_as_published = true});
  plain.subscribe("t", Qos::at_most_once);
  room.publisher.publish("t", "one", Qos::at_most_once, true);
  REQUIRE(room.reader.gets("one").retain);
  REQUIRE_FALSE(plain.gets("one").retain);
}

TEST_CASE("a later retained message takes the place of the one before, an empty one removes it") {
  Room room;
  room.publisher.publish("t", "one", Qos::at_most_once, true);
  room.publisher.publish("t", "two", Qos::at_most_once, true);
  room.stage.settle();
  REQUIRE(room.stage.stored().retained.size() == 1);
  room.reader.subscribe("t");
  room.reader.gets("two");
  room.publisher.publish("t", "", Qos::at_most_once, true);
  room.stage.settle();
  REQUIRE_FALSE(room.reader.gets("").retain);
  REQUIRE(room.stage.stored().retained.empty());
  room.reader.subscribe("t");
  room.reader.gets_nothing();
  room.stage.crash();
  room.reader.connect();
  room.reader.subscribe("t");
  room.reader.gets_nothing();
}

TEST_CASE("a retained message expires, also while the server is down") {
  Room room;
  mqtt::Publish publish;
  publish.topic = "t";
  publish.payload = as_bytes("kept");
  publish.retain = true;
  publish.properties.message_expiry = 10;
  room.publisher.send_publish(publish);
  room.stage.settle();
  room.stage.advance(4'000);
  if (GENERATE(false, true)) room.stage.crash();
  room.reader.connect();
  room.reader.subscribe("t");
  REQUIRE(room.reader.gets("kept").properties.message_expiry == 6);
  room.stage.advance(6'000);
  if (GENERATE(false, true)) room.stage.crash();
  room.reader.connect();
  room.reader.subscribe("t");
  room.reader.gets_nothing();
}

TEST_CASE("what has expired of the retained messages leaves the disk, and makes room") {
  broker::Limits limits;
  limits.retained.messages_max = 1;
  Stage stage(limits);
  Client publisher(stage, "p");
  publisher.connect();
  mqtt::Publish publish;
  publish.topic = "a";
  publish.payload = as_bytes("short");
  publish.retain = true;
  publish.properties.message_expiry = 10;
  publisher.send_publish(publish);
  stage.settle();
  REQUIRE(stage.stored().retained.size() == 1);
  stage.advance(10'000);
  SECTION("when somebody asks for it") {
    publisher.subscribe("a");
  }
  SECTION("when there is no room for another") {
    publisher.publish("b", "two", Qos::at_least_once, true);
    stage.settle();
    REQUIRE(publisher.gets<mqtt::Puback>().reason == ReasonCode::no_matching_subscribers);
    REQUIRE(stage.stored().retained.front().topic == "b");
    publisher.publish("b", "", Qos::at_most_once, true);
    stage.settle();
  }
  REQUIRE(stage.stored().retained.empty());
}

TEST_CASE("there is no more room for retained messages than may be") {
  broker::Limits limits;
  limits.retained.messages_max = 1;
  Stage stage(limits);
  Client publisher(stage, "p");
  publisher.connect();
  publisher.publish("a", "one", Qos::at_least_once, true);
  stage.settle();
  publisher.gets<mqtt::Puback>();
  publisher.publish("b", "two", Qos::at_least_once, true);
  REQUIRE(publisher.gets<mqtt::Puback>().reason == ReasonCode::quota_exceeded);
  publisher.publish("a", "", Qos::at_least_once, true);
  publisher.publish("b", "two", Qos::at_least_once, true);
  stage.settle();
  publisher.gets<mqtt::Puback>();
  REQUIRE(publisher.gets<mqtt::Puback>().reason != ReasonCode::quota_exceeded);
}
