// A client that asks, and does not take the answers.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;

namespace {

constexpr std::size_t much = 300 * 1024;  // unsent: more than a client may leave before it is no longer read from
constexpr Millis minute = 60'000;

// Asks twice, and takes nothing of what it is sent.
struct Slow {
  Slow() {
    phone.connect();
    phone.hold_unsent(much);
    phone.nudge();
    phone.nudge();
    stage.run();
  }
  std::size_t answers() { return phone.all(mqtt::PacketType::pingresp).size(); }

  Stage stage;
  Phone phone{stage, stage.anna, "phone"};
};

}  // namespace

TEST_CASE("who does not take the answers is not read from until it does") {
  Slow slow;
  CHECK(slow.answers() == 0);
  slow.phone.hold_unsent(0);
  CHECK(slow.answers() == 2);
}

TEST_CASE("who takes nothing for a minute is cut off") {
  Slow slow;
  slow.stage.advance(minute - 1'000);
  CHECK_FALSE(slow.phone.is_closed());
  slow.stage.advance(2'000);
  CHECK(slow.phone.is_closed());
  Phone again(slow.stage, slow.stage.anna, "phone");
  again.connect();
  CHECK_FALSE(again.is_closed());
}

TEST_CASE("who takes a little within each minute is not") {
  Slow slow;
  for (std::size_t left = much - 1'000; left > much - 5'000; left -= 1'000) {
    slow.stage.advance(minute - 5'000);
    slow.phone.hold_unsent(left);
    CHECK_FALSE(slow.phone.is_closed());
  }
  slow.stage.advance(minute + 1'000);
  CHECK(slow.phone.is_closed());
}
