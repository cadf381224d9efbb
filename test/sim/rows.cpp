// Counts the rows of the decision table and the cases of positions where they are decided: the linker puts these
// functions between the pipeline and lib/lane (--wrap, see CMakeLists.txt). They change nothing.

#include "coverage.hpp"
#include "lane/inbound.hpp"
#include "lane/position.hpp"

namespace sealpost::sim {

using lane::Decision;
using lane::Facts;
using lane::InLane;
using lane::Outcome;
using lane::RejectCode;

using Place = std::optional<lane::Position>;
Decision real_decide(const InLane&, const Facts&,
                     Millis) asm("__real__ZN8sealpost4lane6decideERKNS0_6InLaneERKNS0_5FactsEl");
Decision counted_decide(const InLane&, const Facts&,
                        Millis) asm("__wrap__ZN8sealpost4lane6decideERKNS0_6InLaneERKNS0_5FactsEl");
Decision real_judge_stored(const Facts&, const lane::Stored&) asm(
    "__real__ZN8sealpost4lane12judge_storedERKNS0_5FactsERKNS0_6StoredE");
Decision counted_judge_stored(const Facts&, const lane::Stored&) asm(
    "__wrap__ZN8sealpost4lane12judge_storedERKNS0_5FactsERKNS0_6StoredE");
lane::Settlement real_settle(const Place&, const lane::ServerView&, const lane::Found&) asm(
    "__real__ZN8sealpost4lane6settleERKSt8optionalINS0_8PositionEERKNS0_10ServerViewERKNS0_5FoundE");
lane::Settlement counted_settle(const Place&, const lane::ServerView&, const lane::Found&) asm(
    "__wrap__ZN8sealpost4lane6settleERKSt8optionalINS0_8PositionEERKNS0_10ServerViewERKNS0_5FoundE");

namespace {

void count(Row row) {
  if (counting != nullptr) counting->add(row);
}

Row row_of(RejectCode code, const InLane& lane, const Facts& facts) {
  switch (code) {
    case RejectCode::malformed:
      return Row::malformed;
    case RejectCode::too_large:
      return Row::too_large;
    case RejectCode::unknown_author:
      return Row::unknown_author;
    case RejectCode::bad_signature:
      return Row::bad_signature;
    case RejectCode::shut:
      return Row::shut;
    case RejectCode::fork:
      return facts.n <= lane.pending().n ? Row::fork_taken : Row::fork_previous;
    case RejectCode::gap:
      return Row::gap;
    case RejectCode::clock:
      return facts.time <= lane.pending().time ? Row::clock_behind : Row::clock_ahead;
    case RejectCode::drain_first:
      return Row::drain_first;
  }
  return Row::count;
}

void count_decision(const Decision& decision, const InLane& lane, const Facts& facts) {
  switch (decision.outcome) {
    case Outcome::accept:
      return count(Row::accept);
    case Outcome::duplicate_durable:
      return count(Row::duplicate_durable);
    case Outcome::duplicate_pending:
      return count(Row::duplicate_pending);
    case Outcome::duplicate_old:
      return;  // judge_stored() says what it is
    case Outcome::reject:
      return count(row_of(decision.code, lane, facts));
    case Outcome::taken_over:
      return count(Row::taken_over);
    case Outcome::unavailable:  // beyond the window, which MQTT keeps before
      return;
  }
}

void count_light(const lane::Settlement& settled) {
  count(settled.light == lane::Light::green   ? Row::light_green
        : settled.light == lane::Light::drain ? Row::light_drain
                                              : Row::light_shut);
}

void count_difference(lane::Differs differs) {
  constexpr Row rows[] = {Row::count,
                          Row::shut_before,
                          Row::sent_mismatch,
                          Row::received_mismatch,
                          Row::received_beyond_head,
                          Row::received_of_no_log};
  const Row row = rows[static_cast<std::size_t>(differs)];
  if (row != Row::count) count(row);
}

void count_place(const lane::Position& place, const lane::ServerView& view) {
  const Seq sent = place.sent ? place.sent->n : Seq{};
  count(sent == view.in_head.n ? Row::sent_equal : sent < view.in_head.n ? Row::sent_behind : Row::sent_ahead);
  if (place.received && view.acked) {
    const Seq received = place.received->n;
    count(received == *view.acked  ? Row::received_equal
          : received < *view.acked ? Row::received_behind
                                   : Row::received_ahead);
  }
}

}  // namespace

Decision counted_decide(const InLane& lane, const Facts& facts, Millis now) {
  const Decision decision = real_decide(lane, facts, now);
  count_decision(decision, lane, facts);
  return decision;
}

Decision counted_judge_stored(const Facts& facts, const lane::Stored& stored) {
  const Decision decision = real_judge_stored(facts, stored);
  count(decision.outcome == Outcome::reject ? Row::fork_old : Row::duplicate_old);
  return decision;
}

lane::Settlement counted_settle(const Place& place, const lane::ServerView& view, const lane::Found& found) {
  lane::Settlement settled = real_settle(place, view, found);
  count_light(settled);
  count_difference(settled.differs);
  if (settled.restored) count(Row::earlier_log);
  if (place) count_place(*place, view);
  if (!place) count(view.acked ? Row::no_position_known : Row::no_position_new);
  if (!view.acked && view.from_first) count(Row::from_first);
  return settled;
}

}  // namespace sealpost::sim
