#include "conformance.hpp"

namespace sealpost::log::test {

TEMPLATE_TEST_CASE("an event is there once its append is done", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  InLane lane(ann, "phone");
  commit(log, epoch(ann, "phone", 1));
  const Draft sent = lane.next("first words");
  const Committed event = commit(log, sent);
  CHECK(event.id() == EventId{2});
  CHECK(event.seq() == Seq{1});
  CHECK(event.time() == sent.time);
  CHECK(event.logged() == engine.clock.now());
  const auto stored = ask(log, [&](Reader& reader) { return reader.at({ann, device_named("phone")}, Seq{1}); });
  REQUIRE(stored);
  CHECK(stored->committed.hash() == event.hash());
  CHECK(stored->draft.link == sent.link);
  CHECK(*stored->draft.body == "first words");
  CHECK(state_of(log, ann).devices.front().in == LaneHead{{1}, sent.link, sent.time, {2}});
}

TEMPLATE_TEST_CASE("an event keeps every field", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  commit(log, epoch(ann, "phone", 1));
  Draft draft = InLane(ann, "phone").next("text");
  draft.recipient = client_named("ben");
  draft.object = client_named("some object");
  draft.consumer = "bot";
  draft.cause = {1};
  commit(log, draft);
  engine.reopen();
  const auto stored = ask(engine.log(), [](Reader& reader) { return reader.event({2}); });
  REQUIRE(stored);
  const Draft& read = stored->draft;
  CHECK(read.kind == draft.kind);
  CHECK(read.client == draft.client);
  CHECK(read.device == draft.device);
  CHECK(read.seq == draft.seq);
  CHECK(read.link == draft.link);
  CHECK(read.prev == draft.prev);
  CHECK(read.author == draft.author);
  CHECK(read.recipient == draft.recipient);
  CHECK(read.object == draft.object);
  CHECK(read.type == draft.type);
  CHECK(read.time == draft.time);
  CHECK(read.epoch == draft.epoch);
  CHECK(read.consumer == draft.consumer);
  CHECK(read.cause == draft.cause);
  CHECK(*read.body == *draft.body);
  CHECK_FALSE(stored->erased);
}

TEMPLATE_TEST_CASE("an event without a time of its own has the time of logging", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Committed event = commit(engine.log(), security("odd"));
  CHECK(event.time() == engine.clock.now());
  const auto stored = ask(engine.log(), [](Reader& reader) { return reader.event({1}); });
  CHECK(stored->draft.time == engine.clock.now());
  CHECK_FALSE(stored->draft.body);
}

TEMPLATE_TEST_CASE("an epoch follows the one before", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  CHECK(refusal(log, epoch(ann, "phone", 2)) == Errc::stale_epoch);
  commit(log, epoch(ann, "phone", 1));
  CHECK(refusal(log, epoch(ann, "phone", 1)) == Errc::stale_epoch);
  commit(log, epoch(ann, "phone", 2), epoch(ann, "tablet", 1));
  CHECK(refusal(log, epoch(ann, "phone", 0)) == Errc::bad_draft);
  const ClientState state = state_of(log, ann);
  REQUIRE(state.devices.size() == 2);
  CHECK(state.devices[0].epoch == Epoch{2});
  CHECK(state.devices[1].device == device_named("tablet"));
}

TEMPLATE_TEST_CASE("a new device starts where its first epoch says", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  commit(log, {out.next(), out.next(), out.next()});
  CHECK(refusal(log, epoch(ann, "phone", 1, 4)) == Errc::bad_draft);
  commit(log, epoch(ann, "phone", 1, 2));
  CHECK(state_of(log, ann).devices[0].acked == Seq{2});
  commit(log, epoch(ann, "phone", 2, 3));  // says nothing: the device is not new
  CHECK(state_of(log, ann).devices[0].acked == Seq{2});
}

TEMPLATE_TEST_CASE("a message of an old epoch is refused", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  InLane lane(ann, "phone");
  const Draft message = lane.next();
  CHECK(refusal(log, message) == Errc::stale_epoch);  // of none at all
  commit(log, epoch(ann, "phone", 1));
  commit(log, epoch(ann, "phone", 2));
  CHECK(refusal(log, message) == Errc::stale_epoch);
  Draft again = message;
  again.epoch = {2};
  commit(log, again);
}

TEMPLATE_TEST_CASE("a lane takes only what comes next", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  const std::string device = GENERATE(as<std::string>{}, "phone", "");
  commit(log, epoch(ann, "phone", 1));
  InLane lane(ann, device);
  const Draft first = lane.next();
  const Draft second = lane.next();
  CHECK(refusal(log, second) == Errc::lane_conflict);
  commit(log, first);
  CHECK(refusal(log, first) == Errc::lane_conflict);
  Draft other_link = second;
  other_link.prev = link_named("another");
  CHECK(refusal(log, other_link) == Errc::lane_conflict);
  Draft too_early = second;
  too_early.time = first.time;
  CHECK(refusal(log, too_early) == Errc::lane_conflict);
  Draft nameless = second;
  nameless.link = {};
  CHECK(refusal(log, nameless) == Errc::bad_draft);
  commit(log, second);
}

TEMPLATE_TEST_CASE("a lane that is shut takes no more", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  InLane lane(ann, "phone");
  commit(log, epoch(ann, "phone", 1));
  commit(log, lane.next(), draft_of(Kind::shut, ann, "phone"));
  CHECK(refusal(log, lane.next()) == Errc::lane_shut);
  CHECK(state_of(log, ann).devices[0].shut);
  engine.reopen();
  CHECK(state_of(engine.log(), ann).devices[0].shut);
  commit(engine.log(), epoch(ann, "phone", 2));  // it may still come for what is sent to it
}

TEMPLATE_TEST_CASE("a transaction happens whole or not at all", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  const Permalink ben = client_named("ben");
  InLane out = out_lane(ann);
  InLane to_ben = out_lane(ben);
  const Draft first = out.next();
  const Draft wrong = moving(to_ben.next(), "bot", {99});
  CHECK(refusal(log, first, epoch(ben, "phone", 1), first_identity(ben, {key_named("k")}), wrong) == Errc::bad_draft);
  CHECK(ask(log, [](Reader& reader) { return reader.head().id; }) == EventId{});
  CHECK_FALSE(ask(log, [&](Reader& reader) { return reader.client(ann); }));
  CHECK_FALSE(ask(log, [&](Reader& reader) { return reader.client(ben); }));
  CHECK_FALSE(ask(log, [&](Reader& reader) { return reader.key_owner(key_named("k")); }));
  CHECK(commit(log, first).id() == EventId{1});
  CHECK_FALSE(ask(log, [&](Reader& reader) { return reader.client(ben); }));
}

TEMPLATE_TEST_CASE("the events of a transaction have consecutive ids", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  InLane out = out_lane(client_named("ann"));
  const auto appended = append(engine.log(), transaction_of({out.next(), out.next(), security("x")}));
  REQUIRE(appended);
  REQUIRE(appended->events.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(appended->events[static_cast<std::size_t>(i)].id() == EventId{i + 1});
}

TEMPLATE_TEST_CASE("a cursor moves up only, and once for each cause", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  InLane lane(ann, "phone");
  InLane out = out_lane(ann);
  commit(log, epoch(ann, "phone", 1));
  const EventId one = commit(log, lane.next()).id();
  const EventId two = commit(log, lane.next()).id();
  // All of a transaction is measured against the cursor as it was before.
  commit(log, moving(out.next(), "bot", one), moving(intent(ann, client_named("ben")), "bot", one));
  CHECK(refusal(log, done(ann, "bot", one)) == Errc::stale_cursor);
  commit(log, done(ann, "bot", two));
  CHECK(refusal(log, done(ann, "bot", one)) == Errc::stale_cursor);
  commit(log, done(ann, "other bot", one));
  CHECK(state_of(log, ann).cursor("bot") == two);
  CHECK(state_of(log, ann).cursor("other bot") == one);
  CHECK(refusal(log, done(ann, "bot", {100})) == Errc::bad_draft);  // has not happened yet
  CHECK(refusal(log, done(ann, "", two)) == Errc::bad_draft);
  engine.reopen();
  CHECK(refusal(engine.log(), done(ann, "bot", two)) == Errc::stale_cursor);
}

TEMPLATE_TEST_CASE("versions of an identity follow each other", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  const Link second = link_named("ann 2");
  CHECK(refusal(log, identity(ann, second, {ann.bytes})) == Errc::identity_conflict);
  CHECK(refusal(log, identity(ann, second, {})) == Errc::identity_conflict);  // version 0 is its own permalink
  commit(log, first_identity(ann));
  CHECK(refusal(log, first_identity(ann)) == Errc::identity_conflict);
  CHECK(commit(log, identity(ann, second, {ann.bytes})).id() == EventId{2});
  CHECK(refusal(log, identity(ann, link_named("fork"), {ann.bytes})) == Errc::identity_conflict);
  CHECK(state_of(log, ann).identity == second);
  const auto versions = ask(log, [&](Reader& reader) { return reader.identity_versions(ann); });
  CHECK(ids_of(versions) == std::vector<std::int64_t>{1, 2});
  CHECK(ask(log, [&](Reader& reader) { return reader.identity(ann); })->draft.link == second);
}

TEMPLATE_TEST_CASE("a key belongs to one identity for ever", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  const Permalink ben = client_named("ben");
  commit(log, first_identity(ann, {key_named("a"), key_named("b")}));
  commit(log, identity(ann, link_named("ann 2"), {ann.bytes}, {key_named("b")}));
  engine.reopen();
  CHECK(refusal(engine.log(), first_identity(ben, {key_named("c"), key_named("a")})) == Errc::key_claimed);
  CHECK_FALSE(ask(engine.log(), [](Reader& reader) { return reader.key_owner(key_named("c")); }));
  // Two who claim one key in one transaction.
  CHECK(refusal(engine.log(), first_identity(ben, {key_named("c")}),
                first_identity(client_named("eve"), {key_named("c")})) == Errc::key_claimed);
  CHECK(ask(engine.log(), [](Reader& reader) { return reader.key_owner(key_named("a")); }) == ann);
  const auto read = ask(engine.log(), [&](Reader& reader) { return reader.identity_versions(ann); });
  CHECK(read.front().draft.keys == std::vector<PublicKey>{key_named("a"), key_named("b")});
}

TEMPLATE_TEST_CASE("a request with an idempotency key has its effect once", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  InLane out = out_lane(client_named("ann"));
  Transaction request = transaction_of({out.next(), out.next()});
  request.idempotency = Idempotency{"token", "key", sha256(as_bytes("request"))};
  const auto once = append(engine.log(), request);
  REQUIRE(once);
  CHECK_FALSE(once->repeated);
  engine.reopen();
  const auto again = append(engine.log(), request);
  REQUIRE(again);
  CHECK(again->repeated);
  REQUIRE(again->events.size() == 2);
  CHECK(again->events[0].id() == EventId{1});
  CHECK(again->events[1].hash() == once->events[1].hash());

  Transaction other = request;
  other.idempotency->request = sha256(as_bytes("another request"));
  CHECK(append(engine.log(), other).error() == Errc::idempotency_mismatch);
  other = request;
  other.idempotency->scope = "another token";
  CHECK(append(engine.log(), other).error() == Errc::lane_conflict);  // looked at, and too late
  CHECK_FALSE(ask(engine.log(), [](Reader& reader) { return reader.idempotent("another token", "key"); }));
  const auto found = ask(engine.log(), [](Reader& reader) { return reader.idempotent("token", "key"); });
  REQUIRE(found);
  CHECK(found->first == EventId{1});
  CHECK(found->count == 2);
}

TEMPLATE_TEST_CASE("a draft with a wrong field is refused", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  Draft out_with_device = out_lane(ann).next();
  out_with_device.device = device_named("phone");
  CHECK(refusal(log, out_with_device) == Errc::bad_draft);
  Draft security_with_keys = security("odd");
  security_with_keys.keys = {key_named("k")};
  CHECK(refusal(log, security_with_keys) == Errc::bad_draft);
  CHECK(refusal(log, security(std::string(257, 't'))) == Errc::bad_draft);
  CHECK(refusal(log, draft_of(Kind::restored, ann)) == Errc::bad_draft);
  CHECK(refusal(log, draft_of(static_cast<Kind>(0), ann)) == Errc::bad_draft);
  CHECK(refusal(log, intent(ann, {})) == Errc::bad_draft);
  CHECK(refusal(log, epoch({}, "phone", 1)) == Errc::bad_draft);
  commit(log, security(std::string(256, 't')));
}

TEMPLATE_TEST_CASE("what is told of a device is kept and never moves back", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  const Permalink ann = client_named("ann");
  const Device phone = device_named("phone");
  InLane out = out_lane(ann);
  commit(log, {epoch(ann, "phone", 1), out.next(), out.next()});
  log.note_acked(ann, phone, {2});
  log.note_acked(ann, phone, {1});
  log.note_seen(ann, phone, 1000);
  log.note_seen(ann, phone, 900);
  log.note_acked(ann, phone, {2});
  engine.reopen();
  const ClientState state = state_of(engine.log(), ann);
  CHECK(state.devices[0].acked == Seq{2});
  CHECK(state.devices[0].last_seen == 1000);
}

TEMPLATE_TEST_CASE("nothing beyond the head of the out-lane can be acknowledged", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Permalink ann = client_named("ann");
  commit(engine.log(), epoch(ann, "phone", 1), out_lane(ann).next());
  engine.log().note_acked(ann, device_named("phone"), {2});
  commit(engine.log(), security("later"));
  CHECK(state_of(engine.log(), ann).devices[0].acked == Seq{});
}

TEMPLATE_TEST_CASE("a stopped log answers what was queued and refuses the rest", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  std::vector<std::future<Result<Appended>>> queued;
  for (int i = 0; i < 300; ++i) queued.push_back(append_later(log, transaction_of(security("s" + std::to_string(i)))));
  log.stop();
  log.stop();
  for (auto& each : queued) CHECK(wait_for(std::move(each)));
  CHECK(append(log, transaction_of(security("late"))).error() == Errc::stopped);
  log.read([](Reader&) { FAIL("asked after the end"); });
  CHECK(log.health().state == Health::State::stopped);
  CHECK(log.health().head == EventId{300});
}

TEMPLATE_TEST_CASE("appends are answered in the order of the calls", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  InLane out = out_lane(client_named("ann"));
  std::vector<std::int64_t> answered;
  std::promise<void> last;
  for (int i = 1; i <= 1000; ++i)
    engine.log().append(transaction_of(out.next()), [&, i](const Result<Appended>& appended) {
      answered.push_back(appended ? appended->events.front().id().value : -1);
      if (i == 1000) last.set_value();
    });
  wait_for(last.get_future());
  REQUIRE(answered.size() == 1000);
  for (std::size_t i = 0; i < answered.size(); ++i) REQUIRE(answered[i] == static_cast<std::int64_t>(i) + 1);
}

}  // namespace sealpost::log::test
