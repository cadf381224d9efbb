// How long a proof holds.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;
using mqtt::ReasonCode;

TEST_CASE("a session ends when its proof does") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  stage.advance(phone.met.expires - stage.clock.now() - 1);
  CHECK_FALSE(phone.goodbye());
  stage.advance(2);
  CHECK(phone.goodbye() == ReasonCode::not_authorized);
}

TEST_CASE("what is on its way to the log when the proof ends is finished first") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.publish("just in time");
  stage.advance(stage.limits.session + 1);
  CHECK_FALSE(phone.goodbye());
  phone.publish("too late");
  CHECK_FALSE(phone.goodbye());
  CHECK(stage.queued() == 1);
  stage.settle();
  REQUIRE(phone.pubacks().size() == 1);
  CHECK(phone.pubacks()[0].reason == ReasonCode::success);
  CHECK(phone.goodbye() == ReasonCode::not_authorized);
}

TEST_CASE("a proof given again extends the session, which keeps its name and its epoch") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  const auth::Welcome first = phone.met;
  stage.advance(stage.limits.session / 2);
  phone.reauthenticate();
  phone.publish("traffic flows");
  phone.prove();
  stage.until([&] { return phone.welcome(); });
  CHECK(phone.met.expires == stage.clock.now() + stage.limits.session);
  CHECK(phone.met.session == first.session);
  CHECK(phone.met.epoch == first.epoch);

  stage.advance(stage.limits.session - 1);
  CHECK_FALSE(phone.goodbye());
  stage.settle();
  CHECK(phone.pubacks().size() == 1);
  stage.advance(2);
  CHECK(phone.goodbye() == ReasonCode::not_authorized);
}

TEST_CASE("who cannot prove it again is gone") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  auth::Party eve = auth::Party::make(stage.random, "Eve");
  phone.reauthenticate();
  std::swap(eve.sign, stage.anna.sign);
  phone.prove();
  stage.settle();
  CHECK_FALSE(phone.welcome());
  CHECK(phone.goodbye() == ReasonCode::not_authorized);
}

TEST_CASE("a version that drops a key ends the session proven with it") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  object::KeyPair fresh = object::KeyPair::generate(stage.random);
  stage.anna.versions.push_back(stage.anna.next(fresh));
  stage.anna.sign = std::move(fresh);

  Phone tablet(stage, stage.anna, "tablet");
  tablet.connect();
  CHECK(phone.goodbye() == ReasonCode::not_authorized);
  CHECK_FALSE(tablet.goodbye());
  CHECK(tablet.met.identity == stage.anna.versions.back().link());
}

TEST_CASE("a key that is dropped while a proof by it waits does not get in") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  object::KeyPair fresh = object::KeyPair::generate(stage.random);
  auth::Party stolen = auth::Party::make(stage.random, "not Anna");
  stolen.versions = stage.anna.versions;
  stage.anna.versions.push_back(stage.anna.next(fresh));
  stolen.sign = std::exchange(stage.anna.sign, std::move(fresh));

  Phone tablet(stage, stage.anna, "tablet"), thief(stage, stolen, "thief");
  tablet.dial();
  thief.dial();
  tablet.prove();
  thief.prove();  // which holds, as long as the newer version is on its way to the log
  stage.settle();
  CHECK(tablet.welcome());
  CHECK_FALSE(thief.welcome());
  CHECK(thief.is_closed());
  CHECK(stage.events(log::Kind::epoch).size() == 2);  // the phone's and the tablet's
}

TEST_CASE("an identity has so many devices, and no more") {
  Stage stage;
  stage.limits.devices_max = 2;
  stage.crash();
  Phone first(stage, stage.anna, "first"), second(stage, stage.anna, "second"), third(stage, stage.anna, "third");
  first.connect();
  second.connect();
  third.dial();
  third.prove();
  stage.settle();
  CHECK_FALSE(third.welcome());
  CHECK_FALSE(first.goodbye());
  CHECK_FALSE(second.goodbye());
  second.hang_up();
  second.connect();  // it is one of the two
}

TEST_CASE("a version that comes with a proof given again puts the session on the new key") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  Phone tablet(stage, stage.anna, "tablet");
  phone.connect();
  tablet.connect();
  object::KeyPair fresh = object::KeyPair::generate(stage.random);
  stage.anna.versions.push_back(stage.anna.next(fresh));
  stage.anna.sign = std::move(fresh);
  phone.reauthenticate();
  phone.prove();
  stage.until([&] { return phone.welcome(); });
  stage.settle();
  CHECK_FALSE(phone.goodbye());
  CHECK(tablet.goodbye() == ReasonCode::not_authorized);
  phone.publish("with the new key");
  stage.settle();
  CHECK(phone.pubacks().at(0).reason == ReasonCode::success);
}

TEST_CASE("a connection that does not prove itself in time is cut") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.dial();
  stage.advance(stage.limits.unproven - 1);
  CHECK_FALSE(phone.is_closed());
  stage.advance(1);
  CHECK(phone.is_closed());
}
