// Sessions: how long they last, who has them, and how many there are.

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

TEST_CASE("a session waits for its client as long as was agreed") {
  const auto version = GENERATE(Version::v5, Version::v311);
  broker::Limits limits;
  limits.session_max = 3'600'000;
  Stage stage(limits);
  Client client(stage, "c", version), publisher(stage, "p");
  REQUIRE_FALSE(client.connect(lasting(3'600)).session_present);
  client.subscribe("t");
  client.lose();
  publisher.connect();
  publisher.publish("t", "one", Qos::at_least_once);
  stage.settle();
  SECTION("in time") {
    stage.advance(3'599'000);
    REQUIRE(client.connect(lasting()).session_present);
    client.takes("one");
  }
  SECTION("too late") {
    stage.advance(3'600'100);
    stage.settle();
    REQUIRE(stage.sessions() == 1);
    REQUIRE(stage.stored().sessions.empty());
    REQUIRE(stage.stored().messages.empty());
    REQUIRE_FALSE(client.connect(lasting()).session_present);
    client.gets_nothing();
  }
}

TEST_CASE("a client is told when its session lasts less than it asked for") {
  broker::Limits limits;
  limits.session_max = 60'000;
  Stage stage(limits);
  Client client(stage, "c");
  REQUIRE(client.connect(lasting(3'600)).properties.session_expiry == 60);
  client.lose();
  REQUIRE_FALSE(client.connect(lasting(50)).properties.session_expiry);
}

TEST_CASE("DISCONNECT may shorten the session, or end it") {
  Stage stage;
  Client client(stage, "c");
  client.connect(lasting());
  SECTION("ends") {
    client.disconnect(ReasonCode::success, 0);
    stage.settle();
    REQUIRE(stage.sessions() == 0);
    REQUIRE(stage.stored().sessions.empty());
  }
  SECTION("shortens") {
    client.disconnect(ReasonCode::success, 10);
    stage.advance(9'900);
    REQUIRE(stage.sessions() == 1);
    stage.advance(200);
    REQUIRE(stage.sessions() == 0);
  }
}

TEST_CASE("the connection that connects later has the session, and its messages") {
  Stage stage;
  Client first(stage, "c"), second(stage, "c"), publisher(stage, "p");
  first.connect(lasting());
  first.subscribe("t");
  publisher.connect();
  REQUIRE(second.connect(lasting()).session_present);
  first.is_dismissed(ReasonCode::session_taken_over);
  publisher.publish("t", "one");
  second.gets("one");
  REQUIRE(stage.sessions() == 2);
}

TEST_CASE("a clean start begins anew: nothing of the session before is left") {
  Stage stage;
  Client first(stage, "c"), second(stage, "c"), publisher(stage, "p");
  first.connect(lasting());
  first.subscribe("t");
  publisher.connect();
  publisher.publish("t", "one", Qos::at_least_once);
  stage.settle();
  const bool present = GENERATE(true, false);
  if (!present) first.lose();
  REQUIRE_FALSE(second.connect().session_present);
  if (present) {
    first.gets("one");
    first.is_dismissed(ReasonCode::session_taken_over);
  }
  publisher.publish("t", "two");
  stage.settle();
  second.gets_nothing();
  const auto state = stage.stored();
  REQUIRE((state.sessions.empty() && state.subscriptions.empty() && state.deliveries.empty()));
  REQUIRE(state.messages.empty());
}

TEST_CASE("a session that ended with its connection is not resumed") {
  Stage stage;
  Client client(stage, "c");
  client.connect();
  client.subscribe("t");
  client.lose();
  REQUIRE_FALSE(client.connect(lasting()).session_present);
  client.publish("t", "one");
  client.gets_nothing();
}

TEST_CASE("there are no more sessions than may be, and those that are there go on") {
  broker::Limits limits;
  limits.sessions_max = 2;
  Stage stage(limits);
  Client a(stage, "a"), b(stage, "b"), c(stage, "c");
  a.connect(lasting());
  b.connect();
  REQUIRE(c.connect().reason == ReasonCode::quota_exceeded);
  REQUIRE(c.is_closed());
  a.lose();
  REQUIRE(c.connect().reason == ReasonCode::quota_exceeded);
  REQUIRE(a.connect(lasting()).session_present);
  b.lose();
  REQUIRE(c.connect().reason == ReasonCode::success);
}

TEST_CASE("a session has no more subscriptions than may be, and may change those it has") {
  broker::Limits limits;
  limits.subscriptions_max = 2;
  Stage stage(limits);
  Client client(stage, "c");
  client.connect();
  REQUIRE(client.subscribe("a") == ReasonCode::granted_qos_2);
  REQUIRE(client.subscribe("b") == ReasonCode::granted_qos_2);
  REQUIRE(client.subscribe("c") == ReasonCode::quota_exceeded);
  REQUIRE(client.subscribe("a", Qos::at_most_once) == ReasonCode::granted_qos_0);
  REQUIRE(client.unsubscribe("b") == ReasonCode::success);
  REQUIRE(client.unsubscribe("b") == ReasonCode::no_subscription_existed);
  REQUIRE(client.subscribe("c") == ReasonCode::granted_qos_2);
}

TEST_CASE("who sends no CONNECT in time is cut") {
  Stage stage;
  const auto pipe = stage.dial();
  stage.advance(9'900);
  REQUIRE_FALSE(pipe->is_closed());
  stage.advance(200);
  REQUIRE(pipe->is_closed());
}

TEST_CASE("when the server stops it takes nothing more, and tells everybody") {
  Stage stage;
  Client publisher(stage, "p"), other(stage, "o"), late(stage, "l");
  publisher.connect(lasting());
  other.connect();
  stage.settle();
  publisher.publish("t", "one", Qos::exactly_once);
  REQUIRE(stage.broker().busy());
  stage.broker().stop_taking();
  publisher.publish("t", "two", Qos::exactly_once);
  REQUIRE(late.connect().reason == ReasonCode::server_unavailable);
  stage.settle();
  REQUIRE_FALSE(stage.broker().busy());
  publisher.gets<mqtt::Pubrec>();
  stage.broker().dismiss_all(ReasonCode::server_shutting_down, "bye");
  stage.run();
  publisher.is_dismissed(ReasonCode::server_shutting_down);
  other.is_dismissed(ReasonCode::server_shutting_down);
  stage.settle();
  REQUIRE(stage.stored().received.size() == 1);
}

TEST_CASE("presence is retained, and nobody is there when the server starts") {
  Stage stage;
  Client watcher(stage, "w");
  const auto expect = [&](std::string_view text) {
    watcher.connect();
    watcher.subscribe("app/presence/+");
    REQUIRE(watcher.gets(text).retain);
    watcher.disconnect();
  };
  stage.broker().publish(broker::presence_of("anna", true, 5));
  stage.settle();
  expect(R"({"online":true,"since":5})");
  stage.crash();
  broker::retract_presence(stage.broker());
  stage.settle();
  expect(R"({"online":false,"since":)" + std::to_string(stage.clock.now()) + "}");
}

TEST_CASE("nobody but the server says who is present") {
  Stage stage;
  Client client(stage, "c");
  client.connect();
  client.publish("app/presence/anna", "x", Qos::at_least_once);
  REQUIRE(client.gets<mqtt::Puback>().reason == ReasonCode::not_authorized);
}
