// When a will is sent, and when not (5.0 section 3.1.2.5).

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

namespace {

struct Deathbed {
  Deathbed() {
    watcher.connect();
    REQUIRE(watcher.subscribe("w") == ReasonCode::granted_qos_2);
  }
  // A connection with that will, whose session lasts so long.
  void connect(std::uint32_t expiry, std::uint32_t delay, bool clean_start = true) {
    mortal.connect({.clean_start = clean_start, .expiry = expiry, .will = will_at("w", "gone", delay)});
    stage.settle();
  }
  void is_sent() { watcher.takes("gone"); }
  void is_not_sent() { watcher.gets_nothing(); }

  Stage stage;
  Client watcher{stage, "watcher"};
  Client mortal{stage, "mortal"};
};

}  // namespace

TEST_CASE("a will is sent when the connection is lost") {
  const std::uint32_t expiry = GENERATE(0u, 60u);
  Deathbed bed;
  bed.connect(expiry, 0);
  bed.is_not_sent();
  bed.mortal.lose();
  bed.is_sent();
  bed.stage.advance(100'000);
  bed.is_not_sent();
}

TEST_CASE("a will is sent when the client falls silent, or breaks the protocol") {
  Deathbed bed;
  bed.mortal.connect({.will = will_at("w", "gone"), .keep_alive = 10});
  SECTION("silent") {
    bed.stage.advance(14'900);
    bed.is_not_sent();
    bed.stage.advance(200);
    bed.mortal.is_dismissed(ReasonCode::keep_alive_timeout);
  }
  SECTION("broken") {
    bed.mortal.send(mqtt::Connect{.client_id = "mortal"});
    bed.mortal.is_dismissed(ReasonCode::protocol_error);
  }
  bed.is_sent();
}

TEST_CASE("DISCONNECT deletes the will, unless it says that it does not") {
  Deathbed bed;
  bed.connect(GENERATE(0u, 60u), GENERATE(0u, 10u));
  bed.mortal.disconnect();
  bed.is_not_sent();
  bed.stage.advance(100'000);
  bed.is_not_sent();
  bed.connect(0, 0);
  bed.mortal.disconnect(ReasonCode::disconnect_with_will_message);
  bed.is_sent();
}

TEST_CASE("a will waits for its delay") {
  Deathbed bed;
  bed.connect(60, 10);
  SECTION("after a loss") {
    bed.mortal.lose();
  }
  SECTION("after DISCONNECT with the will") {
    bed.mortal.disconnect(ReasonCode::disconnect_with_will_message);
  }
  bed.stage.advance(9'900);
  bed.is_not_sent();
  bed.stage.advance(200);
  bed.is_sent();
  bed.stage.advance(100'000);
  bed.is_not_sent();
}

TEST_CASE("a will is not sent if the client is back within its delay") {
  Deathbed bed;
  bed.connect(60, 10);
  bed.mortal.lose();
  bed.stage.advance(9'000);
  bed.mortal.connect(lasting(60));
  bed.stage.advance(9'000);
  bed.mortal.lose();  // without a will now
  bed.stage.advance(100'000);
  bed.is_not_sent();
}

TEST_CASE("the delay counts from the last loss") {
  Deathbed bed;
  bed.connect(60, 10);
  bed.mortal.lose();
  bed.stage.advance(9'000);
  bed.connect(60, 10, false);
  bed.mortal.lose();
  bed.stage.advance(9'000);
  bed.is_not_sent();
  bed.stage.advance(1'100);
  bed.is_sent();
}

TEST_CASE("the end of the session is the end of the delay") {
  Deathbed bed;
  SECTION("it expires first") {
    bed.connect(5, 10);
    bed.mortal.lose();
    bed.stage.advance(4'900);
    bed.is_not_sent();
    bed.stage.advance(200);
  }
  SECTION("it ends with the connection") {
    bed.connect(0, 10);
    bed.mortal.lose();
  }
  SECTION("a clean start ends it") {
    bed.connect(60, 10);
    bed.mortal.lose();
    bed.is_not_sent();
    bed.mortal.connect();
  }
  SECTION("DISCONNECT ends it") {
    bed.connect(60, 10);
    bed.mortal.disconnect(ReasonCode::disconnect_with_will_message, 0);
  }
  bed.is_sent();
  bed.stage.advance(100'000);
  bed.is_not_sent();
}

TEST_CASE("a takeover sends the will of the connection before, unless the session goes on and it has a delay") {
  Deathbed bed;
  Client again(bed.stage, "mortal");
  SECTION("no delay, the session goes on") {
    bed.connect(60, 0);
    again.connect(lasting());
    bed.is_sent();
  }
  SECTION("a delay, the session ends") {
    bed.connect(60, 10);
    again.connect();
    bed.is_sent();
  }
  SECTION("a delay, the session goes on") {
    bed.connect(60, 10);
    again.connect(lasting());
    bed.is_not_sent();
  }
  bed.stage.advance(100'000);
  bed.is_not_sent();
  REQUIRE(bed.mortal.is_closed());
}

TEST_CASE("a will of a 3.1.1 client is sent unless it says DISCONNECT") {
  Deathbed bed;
  Client old(bed.stage, "old", Version::v311);
  old.connect({.will = will_at("w", "gone")});
  old.disconnect();
  bed.is_not_sent();
  old.connect({.will = will_at("w", "gone")});
  old.lose();
  bed.is_sent();
}

TEST_CASE("a will's expiry counts from when it is sent, and its properties go on") {
  Stage stage;
  Client mortal(stage, "mortal"), late(stage, "late");
  mqtt::Will will = will_at("w", "gone", 10);
  will.retain = true;
  will.properties.message_expiry = 20;
  will.properties.content_type = "text/plain";
  mortal.connect({.expiry = 60, .will = will});
  mortal.lose();
  stage.advance(10'100);
  stage.settle();
  stage.advance(5'000);
  late.connect();
  late.subscribe("w");
  const auto publish = late.gets("gone");
  REQUIRE(publish.retain);
  REQUIRE(publish.properties.message_expiry == 15);
  REQUIRE(publish.properties.content_type == "text/plain");
}

TEST_CASE("a will on a topic that is not the client's is refused with the connection") {
  Stage stage;
  Client client(stage, "c");
  REQUIRE(client.connect({.will = will_at("sp/w", "gone")}).reason == ReasonCode::not_authorized);
  REQUIRE(client.is_closed());
}
