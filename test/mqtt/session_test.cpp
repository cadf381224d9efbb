#include "mqtt/session.hpp"

#include <catch2/catch.hpp>

using namespace sealpost::mqtt;

TEST_CASE("a session is resumed within its expiry, and begins anew after it") {
  Session session;
  const auto first = session.attach(false, 10, 0);
  CHECK_FALSE(session.present());
  CHECK(session.subscribe("a", {}));
  CHECK_FALSE(session.expires_at());
  session.detach(first, 1'000);
  CHECK(session.expires_at() == 11'000);
  CHECK_FALSE(session.expired(10'999));
  CHECK(session.expired(11'000));

  SECTION("in time") {
    session.attach(false, 10, 10'999);
    CHECK(session.present());
    CHECK(session.find("a"));
  }
  SECTION("too late") {
    session.attach(false, 10, 11'000);
    CHECK_FALSE(session.present());
    CHECK_FALSE(session.find("a"));
  }
  SECTION("with a clean start") {
    session.attach(true, 10, 2'000);
    CHECK_FALSE(session.present());
    CHECK(session.subscriptions().empty());
  }
}

TEST_CASE("expiry 0 ends the session with its connection, and the highest expiry never does") {
  Session brief;
  brief.subscribe("a", {});
  brief.detach(brief.attach(true, 0, 0), 5);
  CHECK(brief.expired(5));
  brief.attach(false, 0, 5);
  CHECK_FALSE(brief.present());

  Session lasting;
  lasting.detach(lasting.attach(true, session_never_expires, 0), 0);
  CHECK_FALSE(lasting.expires_at());
  lasting.attach(false, 0, 1'000'000'000'000'000);
  CHECK(lasting.present());
}

TEST_CASE("the connection that was taken over detaches nothing") {
  Session session;
  const auto older = session.attach(false, 60, 0);
  const auto newer = session.attach(false, 60, 1);
  CHECK(session.present());
  session.detach(older, 2);
  CHECK(session.is_current(newer));
  session.detach(newer, 3);
  CHECK_FALSE(session.attached());
}

TEST_CASE("taking over a session that ends with its connection begins anew") {
  Session session;
  session.attach(false, 0, 0);
  session.subscribe("a", {});
  session.attach(false, 60, 1);
  CHECK_FALSE(session.present());
  CHECK(session.subscriptions().empty());
}

TEST_CASE("subscribing again replaces the options") {
  Session session;
  CHECK(session.subscribe("a", {{Qos::at_most_once}, 0}));
  CHECK_FALSE(session.subscribe("a", {{Qos::at_least_once}, 7}));
  CHECK(session.find("a")->options.qos == Qos::at_least_once);
  CHECK(session.find("a")->identifier == 7);
  CHECK(session.unsubscribe("a"));
  CHECK_FALSE(session.unsubscribe("a"));
}

TEST_CASE("packet ids go round, leave out 0 and those in flight, and run out") {
  Session session;
  session.attach(true, 0, 0);
  session.add_in_flight({session.take_packet_id(), true, 1});
  for (int i = 2; i <= sessions_packet_id_max; ++i) REQUIRE(session.take_packet_id() == i);
  CHECK(session.take_packet_id() == 2);
  session.forget(1);
  CHECK(session.in_flight().empty());
}
