// What waits for a client: how much of it is in flight, how much may wait, and what is not sent after all.

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

namespace {

using Texts = std::vector<std::string>;

// A subscriber with those terms, and a publisher.
struct Queue {
  explicit Queue(const broker::Limits& limits = {}, const Terms& terms = lasting()) : stage(limits) {
    subscriber.connect(terms);
    REQUIRE(subscriber.subscribe("t") == ReasonCode::granted_qos_2);
    publisher.connect();
  }
  void publish(std::string_view text, Qos qos = Qos::at_least_once) {
    publisher.publish("t", text, qos);
    stage.settle();
  }
  void publish_lasting(std::string_view text, std::uint32_t seconds) {
    mqtt::Publish publish;
    publish.topic = "t";
    publish.payload = as_bytes(text);
    publish.qos = Qos::at_least_once;
    publish.packet_id = 1000;
    publish.properties.message_expiry = seconds;
    publisher.send_publish(publish);
    stage.settle();
  }

  Stage stage;
  Client subscriber{stage, "s"};
  Client publisher{stage, "p"};
};

}  // namespace

TEST_CASE("no more is in flight than the client takes, or the operator allows") {
  broker::Limits limits;
  limits.in_flight_max = 3;
  Terms terms = lasting();
  std::size_t window = 3;
  if (GENERATE(true, false)) terms.receive_maximum = static_cast<std::uint16_t>(window = 2);
  Queue queue(limits, terms);
  for (int i = 0; i < 5; ++i) queue.publish(std::to_string(i), GENERATE(Qos::at_least_once, Qos::exactly_once));
  std::vector<PacketId> ids;
  for (std::size_t i = 0; i < window; ++i) ids.push_back(queue.subscriber.gets(std::to_string(i)).packet_id);
  queue.subscriber.gets_nothing();
  SECTION("QoS 0 waits behind what waits") {
    queue.publish("free", Qos::at_most_once);
    queue.subscriber.gets_nothing();
  }
}

TEST_CASE("an acknowledgement lets the next one go") {
  Terms terms = lasting();
  terms.receive_maximum = 1;
  Queue queue({}, terms);
  for (const auto* const text : {"1", "2", "3"}) queue.publish(text, Qos::exactly_once);
  REQUIRE(queue.subscriber.takes_all() == Texts{"1", "2", "3"});
  REQUIRE(queue.stage.stored().deliveries.empty());
  REQUIRE(queue.stage.stored().messages.empty());
}

TEST_CASE("a message refused by PUBREC is over, and the next one goes") {
  Terms terms = lasting();
  terms.receive_maximum = 1;
  Queue queue({}, terms);
  queue.publish("1", Qos::exactly_once);
  queue.publish("2", Qos::exactly_once);
  const auto first = queue.subscriber.gets("1");
  queue.subscriber.send(mqtt::Pubrec{first.packet_id, ReasonCode::quota_exceeded, {}});
  queue.subscriber.gets("2");
  queue.stage.settle();
  REQUIRE(queue.stage.stored().deliveries.size() == 1);
}

TEST_CASE("beyond its bounds a queue drops the newest message, and counts it") {
  broker::Limits limits;
  SECTION("messages") {
    limits.deliveries.messages_max = 2;
  }
  SECTION("bytes") {
    limits.deliveries.bytes_max = 2 * 1024 + 700;
  }
  Queue queue(limits);
  queue.subscriber.lose();
  const std::string text(1024, 'x');
  for (int i = 0; i < 5; ++i) queue.publish(std::to_string(i) + text);
  REQUIRE(queue.stage.dropped() == 3);
  REQUIRE(queue.stage.stored().deliveries.size() == 2);
  REQUIRE(queue.stage.stored().messages.size() == 2);
  queue.subscriber.connect(lasting());
  REQUIRE(queue.subscriber.takes_all() == Texts{"0" + text, "1" + text});
  queue.publish("later");
  queue.subscriber.takes("later");
}

TEST_CASE("a message expires while it waits, and what is left of its time is told") {
  Queue queue;
  queue.subscriber.lose();
  queue.publish_lasting("short", 10);
  queue.publish_lasting("long", 100);
  queue.publish("for ever");
  queue.stage.advance(10'000);
  if (GENERATE(false, true)) queue.stage.crash();
  queue.subscriber.connect(lasting());
  REQUIRE(queue.subscriber.takes("long").properties.message_expiry == 90);
  REQUIRE_FALSE(queue.subscriber.takes("for ever").properties.message_expiry);
  queue.subscriber.gets_nothing();
  REQUIRE(queue.stage.stored().messages.empty());
}

TEST_CASE("a message that is too large for its client is skipped") {
  Terms terms = lasting();
  terms.maximum_packet_size = 100;
  Queue queue({}, terms);
  queue.publish(std::string(200, 'x'), GENERATE(Qos::at_least_once, Qos::exactly_once));
  queue.publish("small");
  queue.subscriber.takes("small");
  REQUIRE(queue.stage.stored().messages.empty());
}

TEST_CASE("a client that comes back with less room is not stuck at what was in flight") {
  Queue queue;
  const std::string large(200, 'x');
  queue.publish(large, GENERATE(Qos::at_least_once, Qos::exactly_once));
  queue.subscriber.gets(large);
  queue.subscriber.lose();
  Terms terms = lasting();
  terms.maximum_packet_size = 100;
  queue.subscriber.connect(terms);
  queue.publish("small");
  REQUIRE(queue.subscriber.takes_all() == std::vector<std::string>{"small"});
  REQUIRE(queue.stage.stored().messages.empty());
}

TEST_CASE("the packet id of a QoS 2 message that has no room any more is released, also across a restart") {
  Queue queue;
  const std::string large(200, 'x');
  queue.publish(large, Qos::exactly_once);
  const auto id = queue.subscriber.gets(large).packet_id;
  queue.subscriber.lose();
  if (GENERATE(false, true)) {
    queue.stage.settle();
    queue.stage.crash();
  }
  Terms terms = lasting();
  terms.maximum_packet_size = 100;
  queue.subscriber.connect(terms);
  REQUIRE(queue.subscriber.gets<mqtt::Pubrel>().packet_id == id);
  queue.subscriber.gets_nothing();
  queue.subscriber.lose();
  queue.stage.settle();
  queue.stage.crash();
  queue.subscriber.connect(lasting());
  REQUIRE(queue.subscriber.gets<mqtt::Pubrel>().packet_id == id);
  queue.subscriber.pubcomp(id);
  queue.stage.settle();
  queue.subscriber.gets_nothing();
  REQUIRE(queue.stage.stored().messages.empty());
}

TEST_CASE("what was in flight is sent again in order under its packet ids, marked as such, within the window") {
  Queue queue;
  for (const auto* const text : {"1", "2", "3"}) queue.publish(text);
  std::vector<PacketId> ids;
  for (const auto* const text : {"1", "2", "3"}) ids.push_back(queue.subscriber.gets(text).packet_id);
  queue.subscriber.lose();
  Terms terms = lasting();
  terms.receive_maximum = 2;
  queue.subscriber.connect(terms);
  const auto first = queue.subscriber.gets("1");
  REQUIRE((first.dup && first.packet_id == ids[0]));
  REQUIRE(queue.subscriber.gets("2").packet_id == ids[1]);
  queue.subscriber.gets_nothing();
  queue.subscriber.puback(ids[0]);
  const auto third = queue.subscriber.gets("3");
  REQUIRE((third.dup && third.packet_id == ids[2]));
}

TEST_CASE("QoS 0 does not wait for a client that is away") {
  Queue queue;
  queue.subscriber.lose();
  queue.publish("lost", Qos::at_most_once);
  queue.publish("kept");
  queue.subscriber.connect(lasting());
  REQUIRE(queue.subscriber.takes_all() == Texts{"kept"});
}

TEST_CASE("a slow client is sent no more until it has taken half, and then all of it") {
  broker::Limits limits;
  limits.unsent_before_pausing = 1'000;
  Queue queue(limits, {});
  queue.subscriber.pipe().stop_reading();
  const std::string text(600, 'x');
  for (int i = 0; i < 5; ++i) queue.publish(std::to_string(i) + text, Qos::at_most_once);
  const std::size_t unsent = queue.subscriber.pipe().unsent();
  REQUIRE((unsent > 1'000 && unsent < 2'000));
  queue.subscriber.send(mqtt::Pingreq{});  // it is not heard either
  REQUIRE(queue.subscriber.pipe().unsent() == unsent);
  queue.subscriber.pipe().take_unsent(unsent - 501);
  queue.stage.run();
  REQUIRE(queue.subscriber.pipe().unsent() == 501);
  queue.subscriber.pipe().take_unsent(501);
  queue.stage.run();
  queue.subscriber.pipe().take_unsent(1 << 20);
  queue.stage.run();
  for (int i = 0; i < 5; ++i) queue.subscriber.gets(std::to_string(i) + text);
  queue.subscriber.gets<mqtt::Pingresp>();
}

TEST_CASE("a client that takes nothing for too long is cut, one that takes some is not") {
  broker::Limits limits;
  limits.unsent_before_pausing = 1'000;
  Queue queue(limits, {});
  queue.subscriber.pipe().stop_reading();
  queue.publish(std::string(4'000, 'x'), Qos::at_most_once);
  queue.stage.advance(59'000);
  queue.subscriber.pipe().take_unsent(100);
  queue.stage.run();
  queue.stage.advance(59'000);
  REQUIRE_FALSE(queue.subscriber.is_closed());
  queue.stage.advance(1'100);
  REQUIRE(queue.subscriber.is_closed());
  REQUIRE(queue.stage.sessions() == 1);
}

TEST_CASE("a client that is not heard is not silent") {
  broker::Limits limits;
  limits.unsent_before_pausing = 1'000;
  Queue queue(limits, {.keep_alive = 10});
  queue.subscriber.pipe().stop_reading();
  queue.publish(std::string(4'000, 'x'), Qos::at_most_once);
  queue.stage.advance(40'000);
  REQUIRE_FALSE(queue.subscriber.is_closed());
  queue.subscriber.pipe().take_unsent(1 << 20);
  queue.stage.run();
  queue.stage.advance(14'000);
  REQUIRE_FALSE(queue.subscriber.is_closed());
  queue.stage.advance(2'000);
  REQUIRE(queue.subscriber.is_closed());
}

TEST_CASE("a takeover while the client is congested goes on with the new connection") {
  broker::Limits limits;
  limits.unsent_before_pausing = 1'000;
  Queue queue(limits);
  queue.subscriber.pipe().stop_reading();
  const std::string text(2'000, 'x');
  for (int i = 0; i < 3; ++i) queue.publish(std::to_string(i) + text);
  Client again(queue.stage, "s");
  REQUIRE(again.connect(lasting()).session_present);
  REQUIRE(queue.subscriber.is_closed());
  REQUIRE(again.takes_all() == Texts{"0" + text, "1" + text, "2" + text});
}
