#include "mqtt/deliveries.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace sealpost;
using namespace sealpost::mqtt;

namespace {

MessagePtr message(std::size_t payload_size = 1) {
  const std::string payload(payload_size, 'p');
  return std::make_shared<const Message>(Publish{.topic = "t", .payload = as_bytes(payload)}, 1, 0);
}

Delivery delivery(std::uint64_t number, Qos qos = Qos::at_least_once, std::size_t payload_size = 1) {
  return {.number = number, .message = message(payload_size), .qos = qos};
}

// The numbers of what waits, which is then gone.
std::vector<std::uint64_t> drained(Deliveries& deliveries) {
  std::vector<std::uint64_t> numbers;
  while (deliveries.has_waiting()) numbers.push_back(deliveries.drop().number);
  return numbers;
}

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("deliveries wait in the order of their numbers") {
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  CHECK(deliveries.next_number() == 1);
  for (const auto number : {4, 2, 3, 9, 1}) deliveries.add(delivery(static_cast<std::uint64_t>(number)));
  CHECK(deliveries.waiting() == 5);
  CHECK(deliveries.front().number == 1);
  CHECK(deliveries.next_number() == 10);
  CHECK(drained(deliveries) == Numbers{1, 2, 3, 4, 9});
  CHECK(deliveries.bytes() == 0);
}

TEST_CASE("what is sent is in flight until it is settled, QoS 0 only sent") {
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  deliveries.add(delivery(1, Qos::at_most_once));
  deliveries.add(delivery(2));
  deliveries.add(delivery(3, Qos::exactly_once));
  deliveries.sent();
  CHECK(deliveries.flight().empty());
  deliveries.sent();
  deliveries.sent();
  CHECK_FALSE(deliveries.has_waiting());
  CHECK(deliveries.flight().size() == 2);
  CHECK(deliveries.flight().front().number == 2);
  CHECK(deliveries.in_flight(1) == nullptr);
  REQUIRE(deliveries.in_flight(3) != nullptr);
  deliveries.in_flight(3)->released = true;
  CHECK(deliveries.settle(3)->released);
  CHECK_FALSE(deliveries.settle(3));
  CHECK(deliveries.settle(2)->number == 2);
  CHECK(deliveries.bytes() == 0);
}

TEST_CASE("the first stays first until it is sent or dropped") {
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  deliveries.add(delivery(1));
  deliveries.add(delivery(2));
  CHECK(deliveries.front().number == 1);
  CHECK(deliveries.front().number == 1);
  CHECK(deliveries.drop().number == 1);
  CHECK(deliveries.front().number == 2);
  CHECK(deliveries.flight().empty());
}

TEST_CASE("so many may wait, and no more") {
  const DeliveryLimits limits{.messages_max = 2, .bytes_max = 1'000'000};
  Deliveries deliveries(limits);
  for (std::uint64_t number = 1; number <= 2; ++number) {
    CHECK(deliveries.has_room(1));
    deliveries.add(delivery(number));
  }
  CHECK_FALSE(deliveries.has_room(1));
  deliveries.sent();
  CHECK(deliveries.has_room(1));
}

TEST_CASE("the bytes of what waits and of what is in flight are bounded together") {
  const auto cost = delivery(1, Qos::at_least_once, 1'000).cost();
  const DeliveryLimits limits{.messages_max = 100, .bytes_max = 3 * cost};
  Deliveries deliveries(limits);
  std::uint64_t number = 0;
  for (; deliveries.has_room(cost) && number < 100;) {
    deliveries.add(delivery(++number, Qos::at_least_once, 1'000));
    deliveries.sent();  // to a client that never acknowledges
  }
  CHECK(number == 3);
  CHECK(deliveries.bytes() == 3 * cost);
  deliveries.settle(2);
  CHECK(deliveries.has_room(cost));
  CHECK_FALSE(deliveries.has_room(cost + 1));
}

TEST_CASE("a message over the bound has room where there is no other") {
  const DeliveryLimits limits{.messages_max = 10, .bytes_max = 100};
  Deliveries deliveries(limits);
  CHECK(deliveries.has_room(5'000));
  deliveries.add(delivery(1));
  CHECK_FALSE(deliveries.has_room(5'000));
}

TEST_CASE("the subscription identifiers count") {
  auto with = delivery(1);
  with.identifiers.assign(10, 7);
  CHECK(with.cost() == delivery(1).cost() + 40);
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  deliveries.add(std::move(with));
  CHECK(deliveries.bytes() == delivery(1).cost() + 40);
  CHECK(deliveries.drop().identifiers.size() == 10);
  CHECK(deliveries.bytes() == 0);
}

TEST_CASE("what was in flight in an earlier life of the server is so again, and numbers go on") {
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  auto released = delivery(7, Qos::exactly_once);
  released.released = true;
  deliveries.restore(delivery(5));
  deliveries.restore(std::move(released));
  CHECK(deliveries.next_number() == 8);
  CHECK_FALSE(deliveries.has_waiting());
  CHECK(deliveries.flight().front().number == 5);
  CHECK(deliveries.flight().back().released);
  CHECK(deliveries.bytes() == 2 * delivery(1).cost());
  CHECK(deliveries.settle(5));
  CHECK(deliveries.settle(7));
  CHECK(deliveries.bytes() == 0);
}

TEST_CASE("without the connection what waits at QoS 0 is gone, and the rest is not") {
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  deliveries.add(delivery(1));
  deliveries.sent();
  deliveries.add(delivery(2, Qos::at_most_once));
  deliveries.add(delivery(3, Qos::exactly_once));
  deliveries.add(delivery(4, Qos::at_most_once));
  deliveries.drop_qos0();
  CHECK(deliveries.flight().size() == 1);
  CHECK(deliveries.bytes() == 2 * delivery(1).cost());
  CHECK(drained(deliveries) == Numbers{3});
}

TEST_CASE("cleared, nothing is left, and numbers are not given twice") {
  const DeliveryLimits limits;
  Deliveries deliveries(limits);
  deliveries.add(delivery(deliveries.next_number()));
  deliveries.sent();
  deliveries.add(delivery(deliveries.next_number()));
  deliveries.take_all();
  CHECK_FALSE(deliveries.has_waiting());
  CHECK(deliveries.flight().empty());
  CHECK(deliveries.bytes() == 0);
  CHECK(deliveries.next_number() == 3);
}

TEST_CASE("what is on its way has its room, until it comes or does not") {
  DeliveryLimits limits;
  limits.messages_max = 3;
  Deliveries deliveries(limits);
  const std::size_t cost = delivery(1).cost();
  deliveries.promise(cost);
  deliveries.promise(cost);
  deliveries.add(delivery(3));
  CHECK_FALSE(deliveries.has_room(cost));
  deliveries.redeem(cost);
  deliveries.add(delivery(1));
  CHECK_FALSE(deliveries.has_room(cost));
  deliveries.redeem(cost);  // this one is not coming
  CHECK(deliveries.has_room(cost));
  CHECK(drained(deliveries) == Numbers{1, 3});
}

TEST_CASE("the bytes of what is on its way count") {
  DeliveryLimits limits;
  limits.bytes_max = 2 * delivery(1, Qos::at_least_once, 1000).cost();
  Deliveries deliveries(limits);
  const std::size_t cost = delivery(1, Qos::at_least_once, 1000).cost();
  deliveries.promise(cost);
  CHECK(deliveries.has_room(cost));
  CHECK_FALSE(deliveries.has_room(cost + 1));
  deliveries.promise(cost);
  CHECK_FALSE(deliveries.has_room(1));
}
