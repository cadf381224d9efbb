// Nothing that lasts is acknowledged before it stands on disk, and the rest at once.

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

namespace {

// A subscriber whose session lasts and a publisher; what `publish` sends is committed when the test says so.
struct Pair {
  explicit Pair(const Terms& of_publisher = {}) {
    subscriber.connect(lasting());
    REQUIRE(subscriber.subscribe("t") == ReasonCode::granted_qos_2);
    publisher.connect(of_publisher);
    stage.settle();
  }

  Stage stage;
  Client publisher{stage, "p"};
  Client subscriber{stage, "s"};
};

}  // namespace

TEST_CASE("PUBACK waits for the commit of what a lasting session is promised") {
  Pair pair;
  pair.publisher.publish("t", "one", Qos::at_least_once);
  pair.publisher.gets_nothing();
  pair.subscriber.gets_nothing();
  REQUIRE(pair.stage.commit() == 1);
  REQUIRE(pair.publisher.gets<mqtt::Puback>().reason == ReasonCode::success);
  pair.subscriber.gets("one");
}

TEST_CASE("PUBREC waits for the commit, and so does PUBCOMP") {
  Pair pair(lasting());
  const PacketId id = pair.publisher.publish("t", "one", Qos::exactly_once);
  pair.publisher.gets_nothing();
  REQUIRE(pair.stage.commit() == 1);
  REQUIRE(pair.publisher.gets<mqtt::Pubrec>().reason == ReasonCode::success);
  pair.publisher.pubrel(id);
  pair.publisher.gets_nothing();
  REQUIRE(pair.stage.commit() == 1);
  REQUIRE(pair.publisher.gets<mqtt::Pubcomp>().reason == ReasonCode::success);
}

TEST_CASE("the packet id of a lasting publisher's QoS 2 message is kept even if nobody subscribes") {
  Stage stage;
  Client publisher(stage, "p");
  publisher.connect(lasting());
  stage.settle();
  publisher.publish("nobody", "one", Qos::exactly_once);
  publisher.gets_nothing();
  REQUIRE(stage.commit() == 1);
  REQUIRE(publisher.gets<mqtt::Pubrec>().reason == ReasonCode::no_matching_subscribers);
}

TEST_CASE("PUBREL to a lasting subscriber waits for the commit") {
  Pair pair;
  pair.publisher.publish("t", "one", Qos::exactly_once);
  pair.stage.settle();
  const auto publish = pair.subscriber.gets("one");
  pair.subscriber.pubrec(publish.packet_id);
  pair.subscriber.gets_nothing();
  REQUIRE(pair.stage.commit() == 1);
  REQUIRE(pair.subscriber.gets<mqtt::Pubrel>().packet_id == publish.packet_id);
}

TEST_CASE("a second PUBREC gets no PUBREL either before the commit") {
  Pair pair;
  pair.publisher.publish("t", "one", Qos::exactly_once);
  pair.stage.settle();
  const auto publish = pair.subscriber.gets("one");
  pair.subscriber.pubrec(publish.packet_id);
  pair.subscriber.lose();
  pair.subscriber.connect(lasting());
  REQUIRE(pair.subscriber.gets("one").dup);
  pair.subscriber.pubrec(publish.packet_id);
  pair.subscriber.gets_nothing();
  pair.stage.settle();
  REQUIRE(pair.subscriber.gets<mqtt::Pubrel>().packet_id == publish.packet_id);
}

TEST_CASE("SUBACK and UNSUBACK of a lasting session wait for the commit") {
  Stage stage;
  Client client(stage, "c");
  client.connect(lasting());
  stage.settle();
  client.send(mqtt::Subscribe{1, {{"t", {}}}, {}});
  client.gets_nothing();
  REQUIRE(stage.commit() == 1);
  REQUIRE(client.gets<mqtt::Suback>().packet_id == 1);
  client.send(mqtt::Unsubscribe{2, {"t"}, {}});
  client.gets_nothing();
  REQUIRE(stage.commit() == 1);
  REQUIRE(client.gets<mqtt::Unsuback>().packet_id == 2);
}

TEST_CASE("what ends with its connection costs no write") {
  Stage stage;
  Client publisher(stage, "p"), subscriber(stage, "s");
  publisher.connect();
  subscriber.connect();
  subscriber.send(mqtt::Subscribe{1, {{"t", {.qos = Qos::exactly_once}}}, {}});
  REQUIRE(subscriber.gets<mqtt::Suback>().packet_id == 1);
  publisher.publish("t", "one", Qos::at_least_once);
  REQUIRE(publisher.gets<mqtt::Puback>().reason == ReasonCode::success);
  subscriber.puback(subscriber.gets("one").packet_id);
  const PacketId id = publisher.publish("t", "two", Qos::exactly_once);
  publisher.gets<mqtt::Pubrec>();
  publisher.pubrel(id);
  publisher.gets<mqtt::Pubcomp>();
  const auto two = subscriber.gets("two");
  subscriber.pubrec(two.packet_id);
  subscriber.gets<mqtt::Pubrel>();
  subscriber.pubcomp(two.packet_id);
  subscriber.send(mqtt::Unsubscribe{2, {"t"}, {}});
  REQUIRE(subscriber.gets<mqtt::Unsuback>().reasons == std::vector{ReasonCode::success});
  subscriber.lose();
  publisher.disconnect();
  REQUIRE(stage.commit() == 0);
  REQUIRE(stage.sessions() == 0);
}

TEST_CASE("QoS 0 goes on at once, also to a lasting session") {
  Pair pair;
  pair.publisher.publish("t", "one");
  REQUIRE(pair.subscriber.gets("one").qos == Qos::at_most_once);
  REQUIRE(pair.stage.commit() == 0);
}

TEST_CASE("a retained message is acknowledged once it stands") {
  Stage stage;
  Client publisher(stage, "p");
  publisher.connect();
  publisher.publish("t", "one", Qos::at_least_once, true);
  publisher.gets_nothing();
  REQUIRE(stage.commit() == 1);
  publisher.gets<mqtt::Puback>();
  REQUIRE(stage.stored().retained.size() == 1);
}

TEST_CASE("a commit that fails acknowledges and delivers nothing, and the client is told to come again") {
  const auto qos = GENERATE(Qos::at_least_once, Qos::exactly_once);
  Pair pair(lasting());
  pair.stage.log.fail_next(log::Errc::disk_full);
  pair.publisher.publish("t", "one", qos, false, 7);
  REQUIRE(pair.stage.commit() == 1);
  pair.publisher.is_dismissed(ReasonCode::implementation_specific_error);
  pair.subscriber.gets_nothing();
  pair.publisher.connect(lasting());
  pair.stage.settle();
  pair.publisher.publish("t", "one", qos, false, 7);
  pair.stage.settle();
  REQUIRE(pair.subscriber.takes_all() == std::vector<std::string>{"one"});
}

TEST_CASE("a 3.1.1 client cannot be told, and is disconnected when a commit fails") {
  Stage stage;
  Client client(stage, "c", Version::v311);
  client.connect(lasting());
  stage.settle();
  client.publish("nobody", "one", Qos::exactly_once);
  stage.log.fail_next(log::Errc::disk_full);
  stage.settle();
  client.is_dismissed(ReasonCode::unspecified_error);
}

TEST_CASE("PUBREL is not sent when its commit fails, and is asked for again") {
  Pair pair;
  pair.publisher.publish("t", "one", Qos::exactly_once);
  pair.stage.settle();
  const auto publish = pair.subscriber.gets("one");
  pair.stage.log.fail_next(log::Errc::disk_full);
  pair.subscriber.pubrec(publish.packet_id);
  pair.stage.settle();
  pair.subscriber.is_dismissed(ReasonCode::implementation_specific_error);
  pair.subscriber.connect(lasting());
  pair.stage.settle();
  REQUIRE(pair.subscriber.gets("one").dup);
  pair.subscriber.pubrec(publish.packet_id);
  pair.subscriber.gets_nothing();
  REQUIRE(pair.stage.commit() == 1);
  pair.subscriber.gets<mqtt::Pubrel>();
}

TEST_CASE("a subscription whose commit fails is not there") {
  Stage stage;
  Client client(stage, "c"), publisher(stage, "p");
  client.connect(lasting());
  publisher.connect();
  stage.settle();
  stage.log.fail_next(log::Errc::disk_full);
  REQUIRE(client.subscribe("t") == ReasonCode::implementation_specific_error);
  publisher.publish("t", "one");
  stage.settle();
  client.gets_nothing();
}

TEST_CASE("a session that could not be stored is not promised anything") {
  Stage stage;
  Client client(stage, "c");
  stage.log.fail_next(log::Errc::overloaded);
  client.connect(lasting());
  stage.settle();
  client.is_dismissed(ReasonCode::implementation_specific_error);
}

TEST_CASE("QoS 2: a message whose commit the client did not hear of is not taken twice") {
  Pair pair(lasting());
  pair.publisher.publish("t", "one", Qos::exactly_once, false, 7);
  SECTION("it is committed before the client is back") {
    pair.publisher.lose();
    pair.stage.settle();
    pair.publisher.connect(lasting());
  }
  SECTION("it is committed after the client is back") {
    pair.publisher.lose();
    pair.publisher.connect(lasting());
  }
  SECTION("it is committed when the client has asked again") {
    pair.publisher.lose();
    pair.publisher.connect(lasting());
    pair.publisher.publish("t", "one", Qos::exactly_once, false, 7);
    pair.publisher.gets_nothing();
    pair.stage.settle();
    pair.publisher.gets<mqtt::Pubrec>();
  }
  pair.publisher.publish("t", "one", Qos::exactly_once, false, 7);
  pair.stage.settle();
  pair.publisher.gets<mqtt::Pubrec>();
  pair.publisher.pubrel(7);
  pair.stage.settle();
  pair.publisher.gets<mqtt::Pubcomp>();
  REQUIRE(pair.subscriber.takes_all() == std::vector<std::string>{"one"});
  SECTION("after that the packet id is free") {
    pair.publisher.publish("t", "two", Qos::exactly_once, false, 7);
    pair.stage.settle();
    REQUIRE(pair.subscriber.takes_all() == std::vector<std::string>{"two"});
  }
}

TEST_CASE("QoS 2: what was refused to a 3.1.1 client is refused again when it is back") {
  Stage stage;
  Client client(stage, "c", Version::v311);
  for (int times = 0; times < 2; ++times) {
    client.connect(lasting());
    stage.settle();
    client.publish("$forbidden", "one", Qos::exactly_once, false, 7);
    client.is_dismissed(ReasonCode::not_authorized);
  }
}

TEST_CASE("a client that waits for answers to an earlier connection's messages is read again when they come") {
  Stage stage;
  stage.mqtt_limits.receive_maximum = 2;
  Client client(stage, "c", Version::v311);
  client.connect(lasting());
  stage.settle();
  for (const PacketId id : {1, 2}) client.publish("nobody", "again", Qos::exactly_once, false, id);
  client.lose();
  client.connect(lasting());
  for (const PacketId id : {1, 2}) client.publish("nobody", "again", Qos::exactly_once, false, id);
  client.send(mqtt::Pingreq{});
  client.gets_nothing();
  stage.settle();
  REQUIRE(client.gets<mqtt::Pubrec>().packet_id == 1);
  client.gets<mqtt::Pingresp>();
  REQUIRE(client.gets<mqtt::Pubrec>().packet_id == 2);
}

TEST_CASE("a connection whose CONNACK is too large for its client leaves no session behind") {
  Stage stage;
  Client client(stage, "c");
  client.dial({.will = will_at("t", "gone"), .maximum_packet_size = 2});
  REQUIRE(client.is_closed());
  REQUIRE(stage.sessions() == 0);
  SECTION("or one that waits for it to come back") {
    client.dial({.clean_start = false, .expiry = 60, .maximum_packet_size = 2});
    REQUIRE(stage.sessions() == 1);
    stage.advance(61'000);
    REQUIRE(stage.sessions() == 0);
  }
}

TEST_CASE("QoS 2: a message asked for twice whose commit fails can be sent again") {
  Pair pair(lasting());
  pair.publisher.publish("t", "one", Qos::exactly_once, false, 7);
  pair.publisher.lose();
  pair.publisher.connect(lasting());
  pair.publisher.publish("t", "one", Qos::exactly_once, false, 7);
  pair.stage.log.fail_next(log::Errc::disk_full);
  pair.stage.settle();
  pair.publisher.is_dismissed(ReasonCode::implementation_specific_error);
  pair.publisher.connect(lasting());
  pair.publisher.publish("t", "one", Qos::exactly_once, false, 7);
  pair.stage.settle();
  pair.publisher.gets<mqtt::Pubrec>();
  REQUIRE(pair.subscriber.takes_all() == std::vector<std::string>{"one"});
}
