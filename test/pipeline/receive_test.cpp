// A message comes in: what leaves, and when.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;
using mqtt::ReasonCode;

TEST_CASE("nothing answers a message before its commit") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  const std::size_t before = phone.heard().size();
  phone.publish("hello");
  CHECK(stage.queued() == 1);
  CHECK(phone.heard().size() == before);
  CHECK(stage.bot.asked.empty());

  stage.settle();
  REQUIRE(phone.pubacks().size() == 1);
  CHECK(phone.pubacks()[0].reason == ReasonCode::success);
  REQUIRE(phone.acks().size() == 1);
  CHECK(phone.heard().size() == before + 2);
  CHECK(stage.bot.text() == "hello");
}

TEST_CASE("a message that could not be stored gets no PUBACK, and the connection ends") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.publish("one");
  stage.settle();
  phone.publish("two");
  phone.publish("three");
  stage.log.fail_next(log::Errc::disk_full);
  stage.settle();
  CHECK(phone.pubacks().size() == 1);
  CHECK(phone.acks().size() == 1);
  CHECK(phone.goodbye() == ReasonCode::quota_exceeded);
  CHECK(phone.is_closed());
  CHECK(stage.events(log::Kind::in).size() == 1);

  phone.connect();
  CHECK(phone.met.received.n == Seq{1});
  phone.publish("two again");
  stage.settle();
  REQUIRE(phone.pubacks().size() == 1);
  CHECK(phone.pubacks()[0].reason == ReasonCode::success);
  CHECK(stage.events(log::Kind::in).back().draft.seq == Seq{2});
}

TEST_CASE("when the disk has failed nobody is answered any more") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.publish("one");
  stage.log.fail_next(log::Errc::io);
  stage.settle();
  CHECK(phone.pubacks().empty());
  CHECK(phone.goodbye() == ReasonCode::server_busy);
}

TEST_CASE("a copy of a message under way is answered with it") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  const Message message = phone.publish("hello");
  const mqtt::PacketId copy = phone.transmit(message);
  CHECK(stage.queued() == 1);
  CHECK(phone.pubacks().empty());

  stage.settle();
  REQUIRE(phone.pubacks().size() == 2);
  CHECK(phone.pubacks()[1].packet == copy);
  CHECK(phone.pubacks()[1].reason == ReasonCode::success);
  REQUIRE(phone.acks().size() == 2);
  CHECK(phone.acks()[0].text == phone.acks()[1].text);
  CHECK(stage.events(log::Kind::in).size() == 1);
}

TEST_CASE("a copy of a message whose commit fails is not answered either") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.transmit(phone.publish("hello"));
  stage.log.fail_next(log::Errc::overloaded);
  stage.settle();
  CHECK(phone.pubacks().empty());
  CHECK(phone.goodbye() == ReasonCode::server_busy);
}

TEST_CASE("a copy of a stored message is answered at once, with the same ack") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  const Message message = phone.publish("hello");
  stage.settle();
  phone.transmit(message);  // the log is not asked
  REQUIRE(phone.pubacks().size() == 2);
  CHECK(phone.pubacks()[1].reason == ReasonCode::success);
  REQUIRE(phone.acks().size() == 2);
  CHECK(phone.acks()[0].text == phone.acks()[1].text);
}

TEST_CASE("a copy of a message from long ago is answered by the log") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  const Message first = phone.publish("hello");
  stage.settle();
  for (std::size_t i = 0; i < lane::remembered_max; ++i) {
    phone.publish("more");
    stage.settle();
  }
  const std::size_t before = phone.pubacks().size();
  phone.transmit(first);
  CHECK(phone.pubacks().size() == before);
  stage.settle();
  REQUIRE(phone.pubacks().size() == before + 1);
  CHECK(phone.pubacks().back().reason == ReasonCode::success);
  CHECK(phone.acks().back().text == phone.acks().front().text);

  phone.sent = {};
  phone.publish("another number one");
  stage.settle();
  CHECK(phone.pubacks().back().code == "fork");
}
