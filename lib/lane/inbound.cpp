#include "lane/inbound.hpp"

#include <algorithm>

namespace sealpost::lane {
namespace {

struct LightName {
  Light light;
  std::string_view name;
};
constexpr LightName light_names[] = {{Light::green, "green"}, {Light::drain, "drain"}, {Light::shut, "shut"}};

}  // namespace

std::string_view name(Light light) {
  for (const LightName& known : light_names)
    if (known.light == light) return known.name;
  return "";
}

std::optional<Light> light(std::string_view name) {
  for (const LightName& known : light_names)
    if (known.name == name) return known.light;
  return std::nullopt;
}

void InLane::begin_epoch(Epoch epoch, Light light) {
  SEALPOST_ASSERT(epoch > epoch_);
  epoch_ = epoch;
  set_light(light);
}

void InLane::set_light(Light light) {
  if (light_ != Light::shut) light_ = light;
}

void InLane::note_pending(Seq n, const Link& link, Millis time) {
  SEALPOST_ASSERT(!full());
  // What may fail comes first: the heads and the memory of the message belong together.
  if (recent_.empty()) recent_.resize(remembered_max);
  heads_.note_pending({n, link, time});
  slot(n) = {n, link, time, {}};
}

void InLane::note_durable(Seq n, const Receipt& receipt) {
  SEALPOST_ASSERT(!recent_.empty() && slot(n).n == n);
  Recent& message = slot(n);
  heads_.note_durable({n, message.link, message.time});
  message.receipt = receipt;
}

void InLane::fail_from(Seq n) {
  SEALPOST_ASSERT(!recent_.empty() && slot(n).n == n);
  heads_.note_failed(n);
}

void InLane::forget_recent() {
  if (idle()) std::vector<Recent>().swap(recent_);
}

const InLane::Recent* InLane::recent(Seq n) const {
  if (recent_.empty() || n == Seq{} || n > pending().n) return nullptr;
  const Recent& remembered = recent_[n.value % remembered_max];
  return remembered.n == n ? &remembered : nullptr;
}

namespace {

Decision rejected(RejectCode code) {
  return {Outcome::reject, code, {}, {}};
}

// The guards, in the order of the table. Each but `unready` and `overloaded` is the row of its name; those two stand
// for the sentence below the table, that a temporary failure is never a reject.

std::optional<Decision> unready(const InLane& lane) {
  if (!lane.failing()) return std::nullopt;
  return Decision{Outcome::unavailable, {}, {}, {}};
}

std::optional<Decision> ill_formed(const Facts& facts) {
  if (facts.form == Form::too_large) return rejected(RejectCode::too_large);
  if (facts.form == Form::malformed || facts.n == Seq{}) return rejected(RejectCode::malformed);
  return std::nullopt;
}

std::optional<Decision> not_the_authors(const Facts& facts) {
  if (facts.authorship == Authorship::unknown_author) return rejected(RejectCode::unknown_author);
  if (facts.authorship == Authorship::bad_signature) return rejected(RejectCode::bad_signature);
  return std::nullopt;
}

std::optional<Decision> of_an_older_epoch(const InLane& lane, const Facts& facts) {
  if (facts.epoch == lane.epoch()) return std::nullopt;
  return Decision{Outcome::taken_over, {}, {}, {}};
}

std::optional<Decision> lane_is_shut(const InLane& lane) {
  if (lane.light() != Light::shut) return std::nullopt;
  return rejected(RejectCode::shut);
}

// Both rows for a number that is taken already.
std::optional<Decision> already_taken(const InLane& lane, const Facts& facts) {
  if (facts.n > lane.pending().n) return std::nullopt;
  const InLane::Recent* taken = lane.recent(facts.n);
  if (taken == nullptr) return Decision{Outcome::duplicate_old, {}, {}, {}};
  if (taken->link != facts.link) return rejected(RejectCode::fork);
  if (facts.n > lane.durable().n) return Decision{Outcome::duplicate_pending, {}, {}, {}};
  return Decision{Outcome::duplicate_durable, {}, {}, taken->receipt};
}

std::optional<Decision> beyond_the_next(const InLane& lane, const Facts& facts) {
  const Seq next = lane.pending().n.next();
  if (facts.n == next) return std::nullopt;
  Decision decision = rejected(RejectCode::gap);
  decision.expected = Expected{next, lane.pending().link};
  return decision;
}

std::optional<Decision> not_on_the_head(const InLane& lane, const Facts& facts) {
  if (facts.q == lane.pending().link) return std::nullopt;
  return rejected(RejectCode::fork);
}

std::optional<Decision> out_of_time(const InLane& lane, const Facts& facts, Millis now) {
  const Head& last = lane.pending();
  const bool too_early = last.n != Seq{} && facts.time <= last.time;
  const bool too_late = facts.time > std::max(now + clock_tolerance_ms, last.time + 1);
  if (!too_early && !too_late) return std::nullopt;
  return rejected(RejectCode::clock);
}

std::optional<Decision> drain_comes_first(const InLane& lane) {
  if (lane.light() != Light::drain) return std::nullopt;
  return rejected(RejectCode::drain_first);
}

std::optional<Decision> overloaded(const InLane& lane) {
  if (!lane.full()) return std::nullopt;
  return Decision{Outcome::unavailable, {}, {}, {}};
}

}  // namespace

Decision decide(const InLane& lane, const Facts& facts, Millis now) {
  if (const auto decision = unready(lane)) return *decision;
  if (const auto decision = ill_formed(facts)) return *decision;
  if (const auto decision = not_the_authors(facts)) return *decision;
  if (const auto decision = of_an_older_epoch(lane, facts)) return *decision;
  if (const auto decision = lane_is_shut(lane)) return *decision;
  if (const auto decision = already_taken(lane, facts)) return *decision;
  if (const auto decision = beyond_the_next(lane, facts)) return *decision;
  if (const auto decision = not_on_the_head(lane, facts)) return *decision;
  if (const auto decision = out_of_time(lane, facts, now)) return *decision;
  if (const auto decision = drain_comes_first(lane)) return *decision;
  if (const auto decision = overloaded(lane)) return *decision;
  return {};
}

Decision judge_stored(const Facts& facts, const Stored& stored) {
  if (stored.link != facts.link) return rejected(RejectCode::fork);
  return {Outcome::duplicate_durable, {}, {}, stored.receipt};
}

}  // namespace sealpost::lane
