// A device that connects again while an older connection of it is there.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;
using mqtt::ReasonCode;

TEST_CASE("the older connection of a device is told before the newer one is welcome") {
  Stage stage;
  Phone older(stage, stage.anna, "phone");
  older.connect();
  Phone newer(stage, stage.anna, "phone");
  newer.dial();
  newer.prove();
  stage.until([&] { return older.goodbye().has_value(); });
  CHECK(older.goodbye() == ReasonCode::session_taken_over);
  CHECK(older.is_closed());
  CHECK(stage.queued() == 1);  // the new epoch
  CHECK_FALSE(newer.welcome());

  stage.settle();
  REQUIRE(newer.welcome());
  CHECK(newer.met.epoch == Epoch{2});
}

TEST_CASE("a stranger's proof disturbs nobody") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  auth::Party eve = auth::Party::make(stage.random, "Eve");
  std::swap(eve.sign, stage.anna.sign);  // she claims to be Anna, and signs with a key of her own
  Phone other(stage, stage.anna, "phone");
  other.dial();
  other.prove();
  stage.settle();
  CHECK_FALSE(phone.goodbye());
  CHECK_FALSE(other.welcome());
  CHECK(other.is_closed());
}

TEST_CASE("another device of the same client is another connection") {
  Stage stage;
  Phone phone(stage, stage.anna, "phone");
  phone.connect();
  Phone tablet(stage, stage.anna, "tablet");
  tablet.connect();
  CHECK_FALSE(phone.goodbye());
  phone.publish("hello");
  stage.settle();
  CHECK(phone.pubacks().size() == 1);
}

namespace {

// Two connections of one device prove themselves, and the older enters while the newer's epoch is on its way to disk.
struct TwoProofs {
  Stage stage;
  Phone other{stage, stage.anna, "tablet"};
  Phone older{stage, stage.anna, "phone"};
  Phone newer{stage, stage.anna, "phone"};

  TwoProofs() {
    other.connect();
    older.dial();
    newer.dial();
    older.prove();
    newer.prove();
    while (!older.welcome()) {
      stage.log.flush();
      older.hold_back();  // as if another thread had its strand, and came late
      stage.run();
    }
    REQUIRE(stage.queued() == 1);
    REQUIRE_FALSE(older.goodbye());
    REQUIRE_FALSE(newer.welcome());
  }
};

}  // namespace

TEST_CASE("a proof that came later ends a connection that entered late, before the newer one enters") {
  TwoProofs two;
  two.stage.log.flush();  // the newer epoch
  while (two.stage.run_one()) {
  }
  two.stage.log.flush();  // its positions
  two.newer.hold_back();
  while (!two.older.goodbye() && two.stage.run_one()) {
  }
  CHECK(two.older.goodbye() == ReasonCode::session_taken_over);
  CHECK_FALSE(two.newer.welcome());
  two.stage.settle();
  CHECK(two.newer.welcome());
  CHECK_FALSE(two.newer.goodbye());
}

TEST_CASE("a message of an older epoch that waits behind the newer one is neither stored nor acknowledged") {
  TwoProofs two;
  two.older.publish("too late");
  CHECK(two.stage.queued() == 2);
  two.stage.settle();
  CHECK(two.older.pubacks().empty());
  CHECK(two.older.goodbye() == ReasonCode::session_taken_over);
  CHECK(two.stage.events(log::Kind::in).empty());
  REQUIRE(two.newer.welcome());
  CHECK(two.newer.met.received.n == Seq{0});
  two.newer.publish("in time");
  two.stage.settle();
  REQUIRE(two.newer.pubacks().size() == 1);
  CHECK(two.newer.pubacks()[0].reason == ReasonCode::success);
}
