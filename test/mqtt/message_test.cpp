#include "mqtt/message.hpp"

#include "exchange.hpp"
#include "told.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

// Every property that a PUBLISH may carry.
Properties all_of_publish() {
  static const auto correlation = wire("00 FF");
  Properties properties;
  properties.payload_is_text = true;
  properties.message_expiry = 10;
  properties.content_type = "text/plain";
  properties.response_topic = "answers/here";
  properties.correlation_data = correlation;
  properties.subscription_identifiers = {1, 2};
  properties.topic_alias = 3;
  properties.user_properties = {{"b", "1"}, {"a", "2"}, {"b", "1"}, {"", ""}};
  return properties;
}

// What a subscriber reads of the message's properties.
std::string passed_on(const Message& message) {
  Bytes bytes;
  Publish publish{.topic = message.topic(), .payload = message.payload()};
  const auto properties = message.properties();
  publish.encoded_properties = properties;
  REQUIRE(encode_publish(Version::v5, publish, bytes).has_value());
  Publish read;
  REQUIRE(decode_publish(Version::v5, bytes, read).has_value());
  Teller teller;
  teller.tell(read.properties);
  return teller.text;
}

std::string told_of(const Properties& properties) {
  Teller teller;
  teller.tell(properties);
  return teller.text;
}

}  // namespace

TEST_CASE("a message keeps topic, payload, QoS, retain and publisher, and needs nothing of the packet") {
  std::string topic = "a/b", payload = "hello";
  const Publish publish{topic, as_bytes(payload), Qos::exactly_once, true, true, 9, {}};
  const Message message(publish, 77, 0);
  topic.assign(3, 'x');
  payload.assign(5, 'x');
  CHECK(message.topic() == "a/b");
  CHECK(as_text(message.payload()) == "hello");
  CHECK(message.qos() == Qos::exactly_once);
  CHECK(message.retain());
  CHECK(message.publisher() == 77);
  CHECK(message.properties().empty());
  CHECK(message.expires_at() == Message::never);
  CHECK_FALSE(message.expiry_left(0));
  CHECK_FALSE(message.expired(1'000'000'000'000'000));
}

TEST_CASE("what is to be passed on unaltered is, and the user properties keep their order") {
  Publish publish{.topic = "t", .properties = all_of_publish()};
  auto expected = all_of_publish();
  expected.message_expiry.reset();  // goes out as what is left of it
  expected.topic_alias.reset();     // of the publisher's connection
  expected.subscription_identifiers.clear();
  CHECK(passed_on(Message(publish, 1, 0)) == told_of(expected));
}

TEST_CASE("a message without properties to pass on keeps none") {
  Publish publish{.topic = "t"};
  publish.properties.topic_alias = 3;
  publish.properties.message_expiry = 3;
  CHECK(Message(publish, 1, 0).properties().empty());
}

TEST_CASE("an absent flag and one that says no are told apart") {
  Publish publish{.topic = "t"};
  publish.properties.payload_is_text = false;
  CHECK(passed_on(Message(publish, 1, 0)) == "p1=0 ");
}

TEST_CASE("the expiry becomes a time, and what is left of it is told in whole seconds, at least one") {
  Publish publish{.topic = "t"};
  publish.properties.message_expiry = 10;
  const Message message(publish, 1, 5'000);
  CHECK(message.expires_at() == 15'000);
  CHECK(message.expiry_left(5'000) == 10u);
  CHECK(message.expiry_left(5'001) == 10u);
  CHECK(message.expiry_left(5'999) == 10u);
  CHECK(message.expiry_left(6'000) == 9u);
  CHECK(message.expiry_left(14'001) == 1u);
  CHECK(message.expiry_left(14'999) == 1u);
  CHECK_FALSE(message.expired(14'999));
  CHECK(message.expired(15'000));
  CHECK(message.expiry_left(20'000) == 1u);
}

TEST_CASE("the longest and the shortest expiry") {
  Publish publish{.topic = "t"};
  publish.properties.message_expiry = 0xFFFFFFFF;
  CHECK(Message(publish, 1, 1'700'000'000'000).expiry_left(1'700'000'000'000) == 0xFFFFFFFFu);
  publish.properties.message_expiry = 0;
  CHECK(Message(publish, 1, 5).expired(5));
}

TEST_CASE("a will becomes a message with the will's properties, without its delay") {
  Will will{"gone", as_bytes("bye"), Qos::at_least_once, true, {}};
  will.properties.payload_is_text = true;
  will.properties.will_delay = 30;
  will.properties.message_expiry = 2;
  will.properties.user_properties = {{"k", "v"}};
  const Message message(will, 5, 1'000);
  CHECK(message.topic() == "gone");
  CHECK(as_text(message.payload()) == "bye");
  CHECK(message.qos() == Qos::at_least_once);
  CHECK(message.retain());
  CHECK(message.publisher() == 5);
  CHECK(message.expires_at() == 3'000);
  CHECK(passed_on(message) == "p1=1 p38='k' value='v' ");
}

TEST_CASE("a message that was stored is the same again") {
  const Publish publish{"t", as_bytes("m"), Qos::at_least_once, true, false, 1, all_of_publish()};
  const Message first(publish, 8, 1'000);
  const Message again(first.topic(), first.properties(), first.payload(), first.qos(), first.retain(),
                      first.expires_at());
  CHECK(again.topic() == first.topic());
  CHECK(as_text(again.payload()) == as_text(first.payload()));
  CHECK(passed_on(again) == passed_on(first));
  CHECK(again.qos() == first.qos());
  CHECK(again.retain() == first.retain());
  CHECK(again.expires_at() == first.expires_at());
  CHECK(again.publisher() == 0);
}

TEST_CASE("a message costs what it holds") {
  const std::string payload(1'000, 'p');
  Publish publish{.topic = "t", .payload = as_bytes(payload)};
  const Message message(publish, 1, 0);
  CHECK(message.cost() >= sizeof(Message) + 1'001);
  CHECK(message.cost() < sizeof(Message) + 1'100);
}
