#include "conformance.hpp"
#include "mqtt_verbs.hpp"

namespace sealpost::log::test {
namespace {

// Two sessions that wait for message 1, the first for message 2 as well.
void keep_two_sessions(EventLog& log) {
  keep(log, {PutMqttSession{{1, "one", 60, 0}}, PutMqttSession{{2, "two", 60, 0}},
             PutMqttSubscription{{1, "a/#", 1, 0}}, PutMqttSubscription{{2, "a/#", 1, 0}}, PutMqttReceived{{1, 7}},
             PutMqttReceived{{2, 7}}, PutMqttMessage{mqtt_message(1, "a/b", "for both")},
             PutMqttDelivery{{1, 1, 1, 1, false, false, {}}}, PutMqttDelivery{{2, 1, 1, 1, false, false, {}}},
             PutMqttMessage{mqtt_message(2, "a/c", "for one")}, PutMqttDelivery{{1, 2, 2, 1, false, false, {}}},
             PutMqttDelivery{{1, 3, 2, 1, false, false, {}}}, PutMqttRetained{mqtt_message(0, "a/b", "retained")}});
}

}  // namespace

TEMPLATE_TEST_CASE("what MQTT keeps is there with every field, in the order of its keys", "[log]",
                   SEALPOST_LOG_ENGINES) {
  TestType engine;
  MqttMessage full = mqtt_message(9, "a/\xc3\xa4", std::string("\0\xff nul", 6), std::string("\0\x26", 2));
  full.qos = 2;
  full.retain = true;
  full.expires_at = 1'700'000'000'001;
  MqttMessage retained = full;
  retained.topic = "last";
  keep(engine.log(),
       {PutMqttSession{{20, "later", 0, 0}}, PutMqttSession{{10, "first", 0xffffffff, 1'700'000'000'000}},
        PutMqttSubscription{{10, "b", 0x2e, 268'435'455}}, PutMqttSubscription{{10, "+/a", 0, 0}}, PutMqttMessage{full},
        PutMqttMessage{mqtt_message(8, "empty", "")}, PutMqttDelivery{{20, 1, 9, 2, true, true, {1, 268'435'455, 300}}},
        PutMqttDelivery{{10, 2, 9, 2, false, false, {}}}, PutMqttDelivery{{10, 1, 8, 1, false, true, {7}}},
        PutMqttReceived{{20, 1}}, PutMqttReceived{{10, 65535}}, PutMqttReceived{{10, 2}}, PutMqttRetained{retained},
        PutMqttRetained{mqtt_message(0, "empty", "")}});
  const Lines expected = {"session 10 first 4294967295 1700000000000",
                          "session 20 later 0 0",
                          "subscription 10 +/a 0 0",
                          "subscription 10 b 46 268435455",
                          "message 8 empty p b q1 0",
                          "message 9 a/\xc3\xa4 p0026 b00ff206e756c q2 retain 1700000000001",
                          "delivery 10/1 of 8 q1 released 7",
                          "delivery 10/2 of 9 q2",
                          "delivery 20/1 of 9 q2 retain released 1 268435455 300",
                          "received 10/2",
                          "received 10/65535",
                          "received 20/1",
                          "retained message 0 empty p b q1 0",
                          "retained message 0 last p0026 b00ff206e756c q2 retain 1700000000001"};
  CHECK(mqtt_lines(engine.log()) == expected);
  engine.reopen();
  CHECK(mqtt_lines(engine.log()) == expected);
}

TEMPLATE_TEST_CASE("what is put takes the place of what has its key", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  keep_two_sessions(engine.log());
  keep(engine.log(), {PutMqttSession{{1, "one", 0, 5}}, PutMqttSubscription{{1, "a/#", 2, 3}}, PutMqttReceived{{1, 7}},
                      PutMqttMessage{mqtt_message(1, "a/b", "")}, PutMqttDelivery{{2, 1, 2, 0, false, false, {4}}},
                      PutMqttRetained{mqtt_message(5, "a/b", "")}});
  const Lines expected = {"session 1 one 0 5",
                          "session 2 two 60 0",
                          "subscription 1 a/# 2 3",
                          "subscription 2 a/# 1 0",
                          "message 1 a/b p b q1 0",
                          "message 2 a/c p b" + to_hex(as_bytes("for one")) + " q1 0",
                          "delivery 1/1 of 1 q1",
                          "delivery 1/2 of 2 q1",
                          "delivery 1/3 of 2 q1",
                          "delivery 2/1 of 2 q0 4",
                          "received 1/7",
                          "received 2/7",
                          "retained message 0 a/b p b q1 0"};
  CHECK(mqtt_lines(engine.log()) == expected);
}

TEMPLATE_TEST_CASE("a session goes with all that is its, and with what nobody else waits for", "[log]",
                   SEALPOST_LOG_ENGINES) {
  TestType engine;
  keep_two_sessions(engine.log());
  keep(engine.log(), {DropMqttSession{1}});
  const Lines expected = {"session 2 two 60 0",
                          "subscription 2 a/# 1 0",
                          "message 1 a/b p b" + to_hex(as_bytes("for both")) + " q1 0",
                          "delivery 2/1 of 1 q1",
                          "received 2/7",
                          "retained message 0 a/b p b" + to_hex(as_bytes("retained")) + " q1 0"};
  CHECK(mqtt_lines(engine.log()) == expected);
  engine.reopen();
  CHECK(mqtt_lines(engine.log()) == expected);
  keep(engine.log(), {DropMqttSession{2}});
  CHECK(mqtt_lines(engine.log()) == Lines{expected.back()});
}

TEMPLATE_TEST_CASE("single rows go by their keys", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  keep_two_sessions(engine.log());
  keep(engine.log(), {DropMqttSubscription{1, "a/#"}, DropMqttReceived{{2, 7}}, DropMqttDelivery{2, 1, 0},
                      DropMqttDelivery{1, 1, 1}, DropMqttDelivery{1, 2, 0}, DropMqttRetained{"a/b"}});
  const Lines expected = {"session 1 one 60 0",     "session 2 two 60 0",
                          "subscription 2 a/# 1 0", "message 2 a/c p b" + to_hex(as_bytes("for one")) + " q1 0",
                          "delivery 1/3 of 2 q1",   "received 1/7"};
  CHECK(mqtt_lines(engine.log()) == expected);
}

TEMPLATE_TEST_CASE("to drop or release what is not there is no error", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  keep_two_sessions(engine.log());
  const Lines before = mqtt_lines(engine.log());
  keep(engine.log(),
       {DropMqttSession{3}, DropMqttSubscription{1, "a"}, DropMqttSubscription{3, "a/#"}, ReleaseMqttDelivery{1, 9},
        DropMqttDelivery{2, 2, 9}, DropMqttReceived{{1, 8}}, DropMqttRetained{"a"}, DropMqttRetained{""}});
  CHECK(mqtt_lines(engine.log()) == before);
}

TEMPLATE_TEST_CASE("changes of one transaction are made in their order", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  MqttWrites writes = {PutMqttSession{{1, "one", 60, 0}}, PutMqttMessage{mqtt_message(1, "a", "x")}};
  // More than one statement takes, and some not even.
  for (std::int64_t number = 1; number <= 19; ++number)
    writes.push_back(PutMqttDelivery{{1, number, 1, 2, false, false, {}}});
  writes.push_back(ReleaseMqttDelivery{1, 19});
  writes.push_back(PutMqttDelivery{{1, 18, 1, 1, false, false, {}}});
  writes.push_back(PutMqttDelivery{{1, 18, 1, 0, false, false, {}}});
  for (std::int64_t number = 1; number <= 17; ++number) writes.push_back(DropMqttDelivery{1, number, 0});
  writes.push_back(PutMqttRetained{mqtt_message(0, "a", "x")});
  writes.push_back(DropMqttRetained{"a"});
  writes.push_back(DropMqttReceived{{1, 1}});
  writes.push_back(PutMqttReceived{{1, 1}});
  keep(engine.log(), writes);
  const Lines expected = {"session 1 one 60 0", "message 1 a p b78 q1 0", "delivery 1/18 of 1 q0",
                          "delivery 1/19 of 1 q2 released", "received 1/1"};
  CHECK(mqtt_lines(engine.log()) == expected);
  keep(engine.log(), {PutMqttMessage{mqtt_message(2, "a", "x")}, PutMqttDelivery{{1, 20, 2, 1, false, false, {}}},
                      DropMqttSession{1}, PutMqttSession{{1, "again", 60, 0}}});
  CHECK(mqtt_lines(engine.log()) == Lines{"session 1 again 60 0"});
}

TEMPLATE_TEST_CASE("a session with a thousand deliveries goes at once", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  MqttWrites writes = {PutMqttSession{{1, "one", 60, 0}}, PutMqttSession{{2, "two", 60, 0}}};
  for (std::int64_t number = 1; number <= 1000; ++number) {
    writes.push_back(PutMqttMessage{mqtt_message(number, "a", "x")});
    writes.push_back(PutMqttDelivery{{1, number, number, 1, false, false, {}}});
    if (number % 2 == 0) writes.push_back(PutMqttDelivery{{2, number, number, 1, false, false, {}}});
  }
  keep(engine.log(), writes);
  REQUIRE(mqtt_state(engine.log()).deliveries.size() == 1500);
  keep(engine.log(), {DropMqttSession{1}});
  const MqttState left = mqtt_state(engine.log());
  REQUIRE(left.messages.size() == 500);
  REQUIRE(left.deliveries.size() == 500);
  for (const MqttMessage& message : left.messages) REQUIRE(message.id % 2 == 0);
  keep(engine.log(), {DropMqttSession{2}});
  CHECK(mqtt_lines(engine.log()).empty());
}

TEMPLATE_TEST_CASE("what MQTT keeps is beside the events", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  commit(log, security("before"));
  const LogHead before = ask(log, [](Reader& reader) { return reader.head(); });
  keep_two_sessions(log);
  const LogHead after = ask(log, [](Reader& reader) { return reader.head(); });
  CHECK(after.id == before.id);
  CHECK(after.hash == before.hash);
  Transaction both = transaction_of(security("with"));
  both.mqtt = {DropMqttSession{1}, DropMqttSession{2}, DropMqttRetained{"a/b"}};
  const auto appended = append(log, both);
  REQUIRE(appended);
  REQUIRE(appended->events.size() == 1);
  CHECK(appended->events[0].id() == EventId{2});
  CHECK(mqtt_lines(log).empty());
  REQUIRE(append(log, Transaction{}));  // of nothing at all
}

TEMPLATE_TEST_CASE("a refused transaction changes nothing of what MQTT keeps", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  keep_two_sessions(engine.log());
  const Lines before = mqtt_lines(engine.log());
  Transaction wrong = transaction_of(security("fine"), intent(client_named("ann"), {}));
  wrong.mqtt = {DropMqttSession{1}, PutMqttSession{{3, "three", 0, 0}}, PutMqttRetained{mqtt_message(0, "new", "x")}};
  CHECK(append(engine.log(), wrong).error() == Errc::bad_draft);
  CHECK(mqtt_lines(engine.log()) == before);
}

TEMPLATE_TEST_CASE("a request that is repeated does not change again what MQTT keeps", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  Transaction request = transaction_of({PutMqttSession{{1, "one", 60, 0}}});
  request.idempotency = Idempotency{"token", "key", sha256(as_bytes("request"))};
  const auto once = append(engine.log(), request);
  REQUIRE(once);
  CHECK_FALSE(once->repeated);
  keep(engine.log(), {DropMqttSession{1}});
  const auto again = append(engine.log(), request);
  REQUIRE(again);
  CHECK(again->repeated);
  CHECK(again->events.empty());
  CHECK(mqtt_lines(engine.log()).empty());
}

TEST_CASE("what an append brings to MQTT's rows counts while it waits, in memory as on disk") {
  TestClock clock;
  MemoryLog log(clock, device_named("memory"), MemoryLog::Completion::on_flush);
  int done = 0;
  const auto count = [&](const Result<Appended>& appended) { done += appended.has_value(); };
  log.append(transaction_of({PutMqttSession{{1, "one", 60, 0}}, PutMqttMessage{mqtt_message(1, "ab", "cde", "f")},
                             PutMqttSubscription{{1, "filter", 0, 0}}, DropMqttSubscription{1, "old"},
                             PutMqttDelivery{{1, 1, 1, 1, false, false, {1, 2}}}, DropMqttRetained{"topic"},
                             PutMqttReceived{{1, 1}}, ReleaseMqttDelivery{1, 1}}),
             count);
  CHECK(log.health().queued_events == 8);
  CHECK(log.health().queued_bytes == 3 + 6 + 6 + 3 + 8 + 5);
  log.flush();
  CHECK(done == 1);
  CHECK(log.health().queued_events == 0);
  CHECK(log.health().queued_bytes == 0);
}

}  // namespace sealpost::log::test
