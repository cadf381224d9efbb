// A client that asks, and does not take the answers.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;

namespace {

constexpr std::size_t much = 300 * 1024;  // unsent: more than a client may leave before it is no longer read from
constexpr Millis minute = 60'000;

std::size_t pongs(Phone& phone) {
  return phone.all(mqtt::PacketType::pingresp).size();
}

}  // namespace

TEST_CASE("who does not take the answers is not read from until it does") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.hold_unsent(much);
  phone.nudge();
  phone.nudge();
  stage.run();
  CHECK(pongs(phone) == 0);
  phone.hold_unsent(0);
  CHECK(pongs(phone) == 2);
}

TEST_CASE("who takes nothing for a minute is cut off") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.hold_unsent(much);
  phone.nudge();
  stage.run();
  stage.advance(minute - 1'000);
  CHECK_FALSE(phone.is_closed());
  stage.advance(2'000);
  CHECK(phone.is_closed());
  Phone again(stage, stage.anna, "phone");
  again.connect();
  CHECK_FALSE(again.is_closed());
}

TEST_CASE("who takes a little within each minute is not") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  phone.hold_unsent(much);
  phone.nudge();
  stage.run();
  for (std::size_t left = much - 1'000; left > much - 5'000; left -= 1'000) {
    stage.advance(minute - 5'000);
    phone.hold_unsent(left);
    CHECK_FALSE(phone.is_closed());
  }
  stage.advance(minute + 1'000);
  CHECK(phone.is_closed());
}
