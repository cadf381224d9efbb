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

}  // namespace sealpost::log::test
