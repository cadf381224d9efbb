// What is there again after the server has ended, by a crash at any time.

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

namespace {

using Texts = std::vector<std::string>;

struct World {
  World() {
    subscriber.connect(lasting());
    REQUIRE(subscriber.subscribe("t", Qos::exactly_once, {.no_local = true, .retain_as_published = true}, 5) ==
            ReasonCode::granted_qos_2);
    publisher.connect(lasting());
    stage.settle();
  }
  Stage stage;
  Client subscriber{stage, "s"};
  Client publisher{stage, "p"};
};

}  // namespace

TEST_CASE("sessions and their subscriptions are there again") {
  World world;
  world.stage.crash();
  REQUIRE(world.stage.sessions() == 2);
  REQUIRE(world.subscriber.connect(lasting()).session_present);
  world.publisher.connect(lasting());
  world.publisher.publish("t", "one", Qos::at_least_once, true);
  world.stage.settle();
  const auto publish = world.subscriber.takes("one");
  REQUIRE(publish.retain);
  REQUIRE(publish.properties.subscription_identifiers == std::vector<std::uint32_t>{5});
  world.subscriber.publish("t", "mine");
  world.subscriber.gets_nothing();
}

TEST_CASE("a session waits from the crash on, or from when it was left") {
  World world;
  const bool left = GENERATE(true, false);
  if (left) world.subscriber.lose();
  world.stage.settle();
  world.stage.advance(3'000'000);
  world.stage.crash();
  world.stage.advance(600'100);
  world.stage.settle();
  REQUIRE(world.subscriber.connect(lasting()).session_present == !left);
}

TEST_CASE("a session that expired while the server was down is gone, with all that was its") {
  World world;
  world.publisher.publish("t", "one", Qos::at_least_once);
  world.subscriber.lose();
  world.publisher.lose();
  world.stage.settle();
  world.stage.clock.millis += 3'600'001;
  world.stage.crash();
  world.stage.settle();
  REQUIRE(world.stage.sessions() == 0);
  const auto state = world.stage.stored();
  REQUIRE((state.sessions.empty() && state.subscriptions.empty() && state.deliveries.empty()));
  REQUIRE(state.messages.empty());
}

TEST_CASE("what waits is sent in order, what was sent under the packet ids that it had") {
  World world;
  for (const auto* const text : {"1", "2"}) world.publisher.publish("t", text, Qos::exactly_once);
  world.stage.settle();
  const PacketId first = world.subscriber.gets("1").packet_id;
  const PacketId second = world.subscriber.gets("2").packet_id;
  world.subscriber.pubrec(first);
  world.stage.settle();
  world.subscriber.gets<mqtt::Pubrel>();
  world.subscriber.lose();
  world.publisher.publish("t", "3", Qos::at_least_once);
  world.stage.settle();
  world.stage.crash();
  world.subscriber.connect(lasting());
  REQUIRE(world.subscriber.gets<mqtt::Pubrel>().packet_id == first);
  const auto again = world.subscriber.takes("2");
  REQUIRE((again.dup && again.packet_id == second));
  world.subscriber.pubcomp(first);
  REQUIRE(world.subscriber.takes_all() == Texts{"3"});
  world.stage.settle();
  REQUIRE(world.stage.stored().deliveries.empty());
}

TEST_CASE("what was not committed never was") {
  World world;
  world.publisher.publish("t", "lost", Qos::exactly_once, false, 9);
  world.stage.crash();
  world.subscriber.connect(lasting());
  world.subscriber.gets_nothing();
  REQUIRE(world.stage.stored().messages.empty());
  world.publisher.connect(lasting());
  world.publisher.pubrel(9);
  REQUIRE(world.publisher.gets<mqtt::Pubcomp>().reason == ReasonCode::packet_identifier_not_found);
}

TEST_CASE("a publisher's packet id is known again until it is released") {
  World world;
  world.publisher.publish("t", "one", Qos::exactly_once, false, 9);
  REQUIRE(world.stage.commit() == 1);
  world.stage.crash();
  world.publisher.connect(lasting());
  world.stage.settle();
  world.publisher.publish("t", "one", Qos::exactly_once, false, 9);
  world.publisher.gets<mqtt::Pubrec>();
  world.publisher.pubrel(9);
  world.stage.settle();
  REQUIRE(world.publisher.gets<mqtt::Pubcomp>().reason == ReasonCode::success);
  world.subscriber.connect(lasting());
  REQUIRE(world.subscriber.takes_all() == Texts{"one"});
}

TEST_CASE("a QoS 2 message that may have been sent does not expire with a restart") {
  World world;
  mqtt::Publish publish;
  publish.topic = "t";
  publish.payload = as_bytes("one");
  publish.qos = Qos::exactly_once;
  publish.packet_id = 9;
  publish.properties.message_expiry = 10;
  world.publisher.send_publish(publish);
  world.stage.settle();
  const PacketId id = world.subscriber.gets("one").packet_id;
  world.stage.crash();
  world.stage.advance(20'000);
  world.subscriber.connect(lasting());
  REQUIRE(world.subscriber.gets("one").packet_id == id);  // [MQTT-4.3.3-7]
}

TEST_CASE("remains of sessions that are gone are swept, and belong to nobody else") {
  World world;
  log::Transaction remains;
  remains.mqtt.push_back(log::PutMqttSubscription{{77, "t", 1, 0}});
  remains.mqtt.push_back(log::PutMqttDelivery{{77, 1, 1, 1, false, false, {}}});
  remains.mqtt.push_back(log::PutMqttReceived{{78, 3}});
  world.stage.log.append(std::move(remains), [](const auto&) {});
  world.stage.settle();
  world.stage.crash();
  world.stage.settle();
  const auto state = world.stage.stored();
  REQUIRE(state.subscriptions.size() == 1);
  REQUIRE((state.deliveries.empty() && state.received.empty()));
}
