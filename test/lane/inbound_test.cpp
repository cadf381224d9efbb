// The decision for an inbound message, row by row in the words of PROTOCOL section 2.

#include "lane/inbound.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <type_traits>

#include "lanes.hpp"

using namespace sealpost;
using namespace sealpost::lane;

namespace {

// Five messages: 1 to 3 are durable, 4 and 5 on their way. The next is 6.
constexpr std::uint64_t next = 6;
constexpr Millis now = noon + 6'000;

InLane five() {
  return lane_of(3, 5);
}

Facts changed(std::uint64_t n, const std::function<void(Facts&)>& change) {
  Facts facts = message(n);
  change(facts);
  return facts;
}

struct Row {
  const char* name;
  std::function<void(InLane&)> lane;
  Facts facts;
  Outcome outcome;
  RejectCode code = {};
  bool security = false;
};

void as_it_is(InLane&) {}
void shut(InLane& lane) {
  lane.set_light(Light::shut);
}
void drain(InLane& lane) {
  lane.set_light(Light::drain);
}
void second_epoch(InLane& lane) {
  lane.begin_epoch({2}, Light::green);
}

const Row rows[] = {
    {"not a well-formed message: reject malformed", as_it_is, changed(next, [](Facts& f) { f.form = Form::malformed; }),
     Outcome::reject, RejectCode::malformed},
    {"number 0: reject malformed", as_it_is, changed(1, [](Facts& f) { f.n = {}; }), Outcome::reject,
     RejectCode::malformed},
    {"too large: reject too_large", as_it_is, changed(next, [](Facts& f) { f.form = Form::too_large; }),
     Outcome::reject, RejectCode::too_large},
    {"author is not the session's identity: reject unknown_author, security event", as_it_is,
     changed(next, [](Facts& f) { f.authorship = Authorship::unknown_author; }), Outcome::reject,
     RejectCode::unknown_author, true},
    {"key or signature wrong: reject bad_signature, security event", as_it_is,
     changed(next, [](Facts& f) { f.authorship = Authorship::bad_signature; }), Outcome::reject,
     RejectCode::bad_signature, true},
    {"the epoch is not the device's newest: taken over", second_epoch, message(next), Outcome::taken_over},
    {"the epoch is one that the device has not begun: taken over", as_it_is, message(next, {2}), Outcome::taken_over},
    {"the lane is shut: reject shut", shut, message(next), Outcome::reject, RejectCode::shut},
    {"already stored, same link: the same ack again", as_it_is, message(3), Outcome::duplicate_durable},
    {"still pending, same link: waits for its commit", as_it_is, message(4), Outcome::duplicate_pending},
    {"already stored, other link: reject fork, security event", as_it_is,
     changed(3, [](Facts& f) { f.link = link_of("other"); }), Outcome::reject, RejectCode::fork, true},
    {"still pending, other link: reject fork, security event", as_it_is,
     changed(5, [](Facts& f) { f.link = link_of("other"); }), Outcome::reject, RejectCode::fork, true},
    {"beyond the next: reject gap", as_it_is, message(next + 1), Outcome::reject, RejectCode::gap},
    {"far beyond the next: reject gap", as_it_is, message(UINT64_MAX), Outcome::reject, RejectCode::gap},
    {"_q is not the lane's head: reject fork, security event", as_it_is,
     changed(next, [](Facts& f) { f.q = link_of("other"); }), Outcome::reject, RejectCode::fork, true},
    {"_q is absent: reject fork, security event", as_it_is, changed(next, [](Facts& f) { f.q = {}; }), Outcome::reject,
     RejectCode::fork, true},
    {"_q is the durable head, others are pending: reject fork, security event", as_it_is,
     changed(next, [](Facts& f) { f.q = link_of(Seq{3}); }), Outcome::reject, RejectCode::fork, true},
    {"_time is the lane's last: reject clock", as_it_is, changed(next, [](Facts& f) { f.time = noon + 5'000; }),
     Outcome::reject, RejectCode::clock},
    {"_time is one above the lane's last: accept", as_it_is, changed(next, [](Facts& f) { f.time = noon + 5'001; }),
     Outcome::accept},
    {"_time is 10 s ahead: accept", as_it_is, changed(next, [](Facts& f) { f.time = now + 10'000; }), Outcome::accept},
    {"_time is more than 10 s ahead: reject clock", as_it_is, changed(next, [](Facts& f) { f.time = now + 10'001; }),
     Outcome::reject, RejectCode::clock},
    {"the light is drain: reject drain_first", drain, message(next), Outcome::reject, RejectCode::drain_first},
    {"otherwise: accept", as_it_is, message(next), Outcome::accept},
};

}  // namespace

// Nothing in it can own memory: deciding allocates nothing.
static_assert(std::is_trivially_copyable_v<Decision> && std::is_trivially_copyable_v<Facts>);

TEST_CASE("each row of the decision table") {
  for (const Row& row : rows) {
    INFO(row.name);
    InLane lane = five();
    row.lane(lane);
    const Decision decision = decide(lane, row.facts, now);
    CHECK(decision.outcome == row.outcome);
    if (row.outcome == Outcome::reject) CHECK(decision.code == row.code);
    CHECK(decision.is_security_event() == row.security);
    CHECK(decision.expected.has_value() == (row.outcome == Outcome::reject && row.code == RejectCode::gap));
  }
}

TEST_CASE("of two rows that apply, the earlier one decides") {
  // Each step mends what the row before found wrong with this message.
  InLane lane = five();
  lane.begin_epoch({2}, Light::drain);
  Facts facts = message(next + 1, {1});
  facts.form = Form::malformed;
  facts.authorship = Authorship::bad_signature;
  facts.time = 0;
  const auto code = [&] { return decide(lane, facts, now).code; };
  const auto outcome = [&] { return decide(lane, facts, now).outcome; };

  CHECK(code() == RejectCode::malformed);
  facts.form = Form::well_formed;
  CHECK(code() == RejectCode::bad_signature);
  facts.authorship = Authorship::proven;
  CHECK(outcome() == Outcome::taken_over);
  facts.epoch = {2};
  CHECK(code() == RejectCode::gap);
  facts.n = {next};
  CHECK(code() == RejectCode::fork);
  facts.q = link_of(Seq{5});
  CHECK(code() == RejectCode::clock);
  facts.time = now;
  CHECK(code() == RejectCode::drain_first);
  lane.set_light(Light::green);
  CHECK(outcome() == Outcome::accept);
}

TEST_CASE("a shut lane rejects duplicates and whatever else is well signed") {
  InLane lane = five();
  shut(lane);
  for (const std::uint64_t n : {1, 3, 4, 6, 9}) CHECK(decide(lane, message(n), now).code == RejectCode::shut);
}

TEST_CASE("a duplicate is answered while the light is drain") {
  InLane lane = five();
  drain(lane);
  CHECK(decide(lane, message(2), now).outcome == Outcome::duplicate_durable);
  CHECK(decide(lane, message(4), now).outcome == Outcome::duplicate_pending);
}

TEST_CASE("a duplicate gets the same ack again") {
  const Decision decision = decide(five(), message(2), now);
  CHECK(decision.receipt.event == receipt_of(Seq{2}).event);
  CHECK(decision.receipt.hash == receipt_of(Seq{2}).hash);
  CHECK(decision.receipt.time == receipt_of(Seq{2}).time);
}

TEST_CASE("a duplicate is one however old its time is") {
  CHECK(decide(five(), message(1), noon + Millis{365} * 86'400'000).outcome == Outcome::duplicate_durable);
}

TEST_CASE("a gap tells which number and link are expected") {
  const Decision decision = decide(five(), message(9), now);
  REQUIRE(decision.expected);
  CHECK(decision.expected->n == Seq{6});
  CHECK(decision.expected->q == link_of(Seq{5}));
}

TEST_CASE("the first message of a lane has number 1 and no _q, and no time before it") {
  const InLane lane = lane_of(0, 0);
  CHECK(decide(lane, message(1), now).outcome == Outcome::accept);
  Facts facts = message(1);
  facts.time = 0;
  CHECK(decide(lane, facts, now).outcome == Outcome::accept);
  facts.q = link_of("other");
  CHECK(decide(lane, facts, now).code == RejectCode::fork);
  const Decision gap = decide(lane, message(2), now);
  REQUIRE(gap.expected);
  CHECK(gap.expected->n == Seq{1});
  CHECK(gap.expected->q.is_none());
}

TEST_CASE("a lane whose last message lies in the future goes on by one") {
  InLane lane({{7}, link_of(Seq{7}), now + 3'600'000}, Light::green, {1});
  Facts facts = message(8);
  facts.time = now + 3'600'001;
  CHECK(decide(lane, facts, now).outcome == Outcome::accept);
  facts.time = now + 3'600'002;
  CHECK(decide(lane, facts, now).code == RejectCode::clock);
}

TEST_CASE("a duplicate older than memory is for a reader to find") {
  const InLane restarted(head_at(50), Light::green, {1});
  for (const std::uint64_t n : {1, 49, 50}) CHECK(decide(restarted, message(n), now).outcome == Outcome::duplicate_old);

  const InLane lane = lane_of(50, 50);
  CHECK(decide(lane, message(18), noon).outcome == Outcome::duplicate_old);
  CHECK(decide(lane, message(19), noon).outcome == Outcome::duplicate_durable);
}

TEST_CASE("what the reader found is a duplicate or a fork") {
  const Stored stored{link_of(Seq{1}), receipt_of(Seq{1})};
  const Decision same = judge_stored(message(1), stored);
  CHECK(same.outcome == Outcome::duplicate_durable);
  CHECK(same.receipt.event == stored.receipt.event);
  Facts other = message(1);
  other.link = link_of("other");
  const Decision fork = judge_stored(other, stored);
  CHECK(fork.code == RejectCode::fork);
  CHECK(fork.is_security_event());
}

TEST_CASE("a fork does not shut the lane") {
  InLane lane = five();
  Facts fork = message(3);
  fork.link = link_of("other");
  REQUIRE(decide(lane, fork, now).code == RejectCode::fork);
  CHECK(decide(lane, message(next), now).outcome == Outcome::accept);
}

TEST_CASE("a failed commit takes what was decided on it along") {
  InLane lane = five();
  lane.fail_from({4});
  CHECK(lane.pending().n == Seq{3});
  CHECK(lane.failing());
  CHECK(decide(lane, message(4), now).outcome == Outcome::unavailable);
  CHECK(decide(lane, message(3), now).outcome == Outcome::unavailable);
  lane.fail_from({5});
  CHECK_FALSE(lane.failing());
  CHECK(lane.idle());
  CHECK(decide(lane, message(4), now).outcome == Outcome::accept);
  CHECK(decide(lane, message(3), now).outcome == Outcome::duplicate_durable);
  CHECK(decide(lane, message(5), now).code == RejectCode::gap);
}

TEST_CASE("another message may stand in the place of one that failed") {
  InLane lane = lane_of(3, 4);
  lane.fail_from({4});
  Facts other = message(4);
  other.link = link_of("other");
  REQUIRE(decide(lane, other, now).outcome == Outcome::accept);
  take(lane, other);
  lane.note_durable({4}, receipt_of(Seq{4}));
  CHECK(decide(lane, other, now).outcome == Outcome::duplicate_durable);
  CHECK(decide(lane, message(4), now).code == RejectCode::fork);
}

TEST_CASE("more messages than a lane remembers are not accepted at once") {
  InLane lane = lane_of(3, 3 + remembered_max);
  CHECK(lane.full());
  CHECK(decide(lane, message(4 + remembered_max), noon + 60'000).outcome == Outcome::unavailable);
  CHECK(decide(lane, message(4), noon + 60'000).outcome == Outcome::duplicate_pending);
  CHECK(decide(lane, message(5 + remembered_max), noon + 60'000).code == RejectCode::gap);
  lane.note_durable({4}, receipt_of(Seq{4}));
  CHECK(decide(lane, message(4 + remembered_max), noon + 60'000).outcome == Outcome::accept);
}

TEST_CASE("a silent lane gives its memory up, a busy one keeps it") {
  InLane busy = five();
  busy.forget_recent();
  CHECK(busy.recent({4}) != nullptr);
  InLane silent = lane_of(3, 3);
  silent.forget_recent();
  CHECK(silent.recent({3}) == nullptr);
  CHECK(decide(silent, message(3), now).outcome == Outcome::duplicate_old);
  CHECK(decide(silent, message(4), now).outcome == Outcome::accept);
}

TEST_CASE("shut is for ever") {
  InLane lane = five();
  shut(lane);
  lane.set_light(Light::green);
  CHECK(lane.light() == Light::shut);
  lane.begin_epoch({9}, Light::green);
  CHECK(lane.light() == Light::shut);
  CHECK(lane.epoch() == Epoch{9});
}

TEST_CASE("codes and lights have the names of the protocol") {
  constexpr std::string_view codes[] = {"malformed", "too_large", "unknown_author", "bad_signature", "shut",
                                        "fork",      "gap",       "clock",          "drain_first"};
  for (const std::string_view text : codes) {
    const auto code = reject_code(text);
    REQUIRE(code);
    CHECK(name(*code) == text);
    CHECK_FALSE(detail(*code).empty());
  }
  CHECK_FALSE(reject_code("not_authorized"));
  CHECK_FALSE(reject_code(""));
  for (const std::string_view text : {"green", "drain", "shut"}) CHECK(name(light(text).value()) == text);
  CHECK_FALSE(light("red"));
}
