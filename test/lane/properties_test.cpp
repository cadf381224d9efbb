// What holds for lanes, windows and settlements whatever comes in whatever order.

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <map>

#include "lane/outbound.hpp"
#include "lane/position.hpp"
#include "lanes.hpp"

using namespace sealpost;
using namespace sealpost::lane;

namespace {

constexpr Millis now = noon + Millis{3'600'000};

std::uint64_t draw(std::uint64_t from, std::uint64_t to) {
  return *rc::gen::inRange<std::uint64_t>(from, to + 1);
}

// RC_ASSERT takes its expression apart, and || and && in it do not stop early: hence the double parentheses.

// A lane, and beside it the log that it stands for: what was committed, and what is on its way there.
struct World {
  InLane lane{{}, Light::green, {1}};
  std::map<std::uint64_t, Link> log;
  std::deque<Facts> on_the_way;
  std::size_t to_fail = 0;  // of the first on the way
  int signed_so_far = 0;

  Facts follow_up() {
    Facts facts;
    facts.n = lane.pending().n.next();
    facts.q = lane.pending().link;
    facts.link = link_of("signed " + std::to_string(++signed_so_far));
    facts.time = lane.pending().n == Seq{} ? noon : lane.pending().time + 1;
    facts.epoch = lane.epoch();
    return facts;
  }

  Link link_under(std::uint64_t n) const {
    if (const auto found = log.find(n); found != log.end()) return found->second;
    for (const Facts& facts : on_the_way)
      if (facts.n.value == n) return facts.link;
    return {};
  }

  void send_next() {
    const Facts facts = follow_up();
    const Decision decision = decide(lane, facts, now);
    if (to_fail > 0 || on_the_way.size() == remembered_max) {
      RC_ASSERT(decision.outcome == Outcome::unavailable);
      return;
    }
    RC_ASSERT(decision.outcome == Outcome::accept);
    take(lane, facts);
    on_the_way.push_back(facts);
  }

  void send_again() {
    const std::uint64_t last = log.size() + (to_fail > 0 ? 0 : on_the_way.size());
    if (last == 0) return;
    Facts facts = follow_up();
    facts.n = {draw(1, last)};
    const bool fork = *rc::gen::arbitrary<bool>();
    if (!fork) facts.link = link_under(facts.n.value);
    Decision decision = decide(lane, facts, now);
    if (to_fail > 0) {
      RC_ASSERT(decision.outcome == Outcome::unavailable);
      return;
    }
    if (decision.outcome == Outcome::duplicate_old)
      decision = judge_stored(facts, {log.at(facts.n.value), receipt_of(facts.n)});
    if (fork) {
      RC_ASSERT((decision.outcome == Outcome::reject && decision.code == RejectCode::fork));
    } else if (facts.n.value <= log.size()) {
      RC_ASSERT(decision.outcome == Outcome::duplicate_durable);
      RC_ASSERT(decision.receipt.event == receipt_of(facts.n).event);
    } else {
      RC_ASSERT(decision.outcome == Outcome::duplicate_pending);
    }
  }

  void skip_some() {
    if (to_fail > 0) return;
    Facts facts = follow_up();
    facts.n.value += draw(1, 5);
    const Decision decision = decide(lane, facts, now);
    RC_ASSERT((decision.code == RejectCode::gap && decision.expected));
    RC_ASSERT((decision.expected->n == lane.pending().n.next() && decision.expected->q == lane.pending().link));
  }

  // The writer finishes the first on its way; after a failure, all that were decided on it fail too.
  void finish_one() {
    if (on_the_way.empty()) return;
    if (to_fail == 0 && draw(0, 3) == 0) to_fail = on_the_way.size();
    const Facts facts = on_the_way.front();
    on_the_way.pop_front();
    if (to_fail > 0) {
      lane.fail_from(facts.n);
      --to_fail;
    } else {
      lane.note_durable(facts.n, receipt_of(facts.n));
      log[facts.n.value] = facts.link;
    }
  }

  void check() const {
    RC_ASSERT(lane.durable().n.value == log.size());
    RC_ASSERT((log.empty() || lane.durable().link == log.rbegin()->second));
    RC_ASSERT(lane.failing() == (to_fail > 0));
    const std::size_t pending = to_fail > 0 ? 0 : on_the_way.size();
    RC_ASSERT(lane.pending().n.value == log.size() + pending);
    RC_ASSERT(lane.pending().link == link_under(lane.pending().n.value));
    RC_ASSERT(lane.idle() == (on_the_way.empty()));
  }
};

// A window, and beside it what each packet in flight carries.
struct Delivery {
  Window window;
  std::map<std::uint16_t, std::uint64_t> in_flight;
  std::map<std::uint64_t, bool> acked_by_peer;
  std::uint64_t sent;
  std::uint16_t next_packet = 1;

  Delivery(std::uint64_t acked, std::uint64_t head, std::size_t size) : window({acked}, {head}, size), sent(acked) {}

  void send() {
    const auto n = window.next_to_send();
    RC_ASSERT((n.has_value() == (sent < window.head().value && window.in_flight() < window.size())));
    if (!n) return;
    RC_ASSERT(n->value == ++sent);  // in order, nothing twice
    in_flight[next_packet] = n->value;
    window.on_sent(*n, next_packet++);
  }

  void acknowledge() {
    if (in_flight.empty()) return;
    auto packet = in_flight.begin();
    std::advance(packet, draw(0, in_flight.size() - 1));
    acked_by_peer[packet->second] = true;
    const Seq before = window.acked();
    const auto moved = window.on_ack(packet->first);
    in_flight.erase(packet);
    RC_ASSERT(moved.has_value() == (window.acked() > before));
  }

  void check(std::uint64_t start) const {
    std::uint64_t whole = start;
    while (acked_by_peer.contains(whole + 1)) ++whole;
    RC_ASSERT(window.acked().value == whole);
    RC_ASSERT((window.acked() <= window.sent() && window.sent() <= window.head()));
    RC_ASSERT(window.in_flight() <= window.size());
  }
};

const LogId ours = *Device::parse("log-b");
const LogId before = *Device::parse("log-a");
const LogId strange = *Device::parse("log-x");

std::optional<Mark> draw_mark(std::uint64_t head) {
  if (draw(0, 3) == 0) return std::nullopt;
  const std::uint64_t n = draw(0, head + 3);
  if (n > 0 && draw(0, 5) == 0) return Mark{{n}, link_of("other")};
  return Mark{{n}, link_of(Seq{n})};
}

ServerView draw_view() {
  ServerView view;
  view.log = ours;
  view.in_head = {{draw(0, 9)}, {}};
  view.in_head.link = link_of(view.in_head.n);
  view.out_head = {{draw(0, 9)}, {}};
  view.out_head.link = link_of(view.out_head.n);
  view.earlier = {{before, {draw(0, view.out_head.n.value)}}};
  if (*rc::gen::arbitrary<bool>()) view.acked = Seq{draw(0, view.out_head.n.value)};
  view.from_first = *rc::gen::arbitrary<bool>();
  view.shut = draw(0, 9) == 0;
  return view;
}

}  // namespace

TEST_CASE("a lane and the log agree after any interleaving of sending, repeating, forking, committing and failing") {
  CHECK(rc::check([] {
    World world;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 10));
    for (const int step : steps) {
      if (step < 4) world.send_next();
      if (step == 4 || step == 5) world.send_again();
      if (step == 6) world.skip_some();
      if (step > 6) world.finish_one();
      world.check();
    }
  }));
}

TEST_CASE("a long lane keeps its memory in order") {
  CHECK(rc::check([] {
    World world;
    for (std::uint64_t left = draw(40, 120); left > 0; --left) {
      for (std::uint64_t burst = draw(1, remembered_max + 2); burst > 0; --burst) world.send_next();
      for (std::uint64_t back = draw(0, 3); back > 0; --back) world.send_again();
      for (std::uint64_t done = draw(0, remembered_max); done > 0; --done) world.finish_one();
      world.check();
    }
  }));
}

TEST_CASE("a window delivers in order, nothing twice, and counts no ack before its turn") {
  CHECK(rc::check([] {
    const std::uint64_t start = draw(0, 100);
    Delivery delivery(start, start + draw(0, 40), draw(1, Window::size_max));
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8));
    for (const int step : steps) {
      if (step < 4) delivery.send();
      if (step >= 4 && step < 7) delivery.acknowledge();
      if (step == 7) delivery.window.raise_head({delivery.window.head().value + draw(0, 3)});
      delivery.check(start);
    }
    while (!delivery.window.drained()) {
      delivery.send();
      delivery.acknowledge();
    }
    RC_ASSERT(delivery.window.acked() == delivery.window.head());
  }));
}

TEST_CASE("a settlement never skips a message, moves acked back, or goes on over a difference") {
  CHECK(rc::check([] {
    const ServerView view = draw_view();
    const LogId log = *rc::gen::element(ours, before, strange);
    std::optional<Position> position;
    if (draw(0, 4) > 0) position = Position{log, draw_mark(view.in_head.n.value), draw_mark(view.out_head.n.value)};
    const Wanted wanted = lane::wanted(position, view);
    RC_ASSERT((!wanted.in || (*wanted.in > Seq{} && *wanted.in <= view.in_head.n)));
    RC_ASSERT((!wanted.out || (*wanted.out > Seq{} && *wanted.out <= view.out_head.n)));
    Found found;
    if (wanted.in) found.in = link_of(*wanted.in);
    if (wanted.out) found.out = link_of(*wanted.out);
    const Settlement settlement = settle(position, view, found);

    const bool lies = position && ((wanted.in && position->sent->link != *found.in) ||
                                   (wanted.out && position->received->link != *found.out));
    if (lies || view.shut) RC_ASSERT(settlement.light == Light::shut);
    RC_ASSERT((settlement.light == Light::shut) == (settlement.differs != Differs::nothing));
    RC_ASSERT(settlement.acked >= view.acked.value_or(Seq{}));
    RC_ASSERT(settlement.acked <= view.out_head.n);
    RC_ASSERT(settlement.deliver_after <= view.out_head.n);
    if (settlement.light == Light::shut) {
      RC_ASSERT(!settlement.acked_moved);
      return;
    }
    RC_ASSERT((settlement.light == Light::green) == (settlement.deliver_after == view.out_head.n));
    if (!position || !position->received || position->received->n == Seq{}) return;
    // Nothing between what the client holds and what it is given next.
    RC_ASSERT(settlement.deliver_after <= position->received->n);
  }));
}

TEST_CASE("a decision takes less than a microsecond", "[.][bench]") {
  const InLane lane = lane_of(30, 60);
  Facts facts = message(61);
  facts.time = noon + 60'001;
  constexpr int rounds = 1'000'000;
  std::uint64_t accepted = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    facts.link.bytes[0] = static_cast<std::uint8_t>(i);
    accepted += decide(lane, facts, noon + 60'000).outcome == Outcome::accept ? 1 : 0;
  }
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  WARN("ns for each: " << spent.count() / rounds);
  CHECK(accepted == rounds);
}
