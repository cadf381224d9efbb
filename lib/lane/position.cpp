#include "lane/position.hpp"

#include <algorithm>
#include <array>

namespace sealpost::lane {
namespace {

constexpr std::array differs_names = {"nothing",           "shut_before",          "sent_mismatch",
                                      "received_mismatch", "received_beyond_head", "received_of_no_log"};
static_assert(differs_names.size() == static_cast<std::size_t>(Differs::received_of_no_log) + 1);

const EarlierLog* earlier(const LogId& log, const ServerView& view) {
  const auto found = std::ranges::find(view.earlier, log, &EarlierLog::id);
  return found == view.earlier.end() || log == view.log ? nullptr : &*found;
}

// Up to where the client's log and ours tell the same story of the out-lane. Of an unknown log nothing is known, so all
// of it is open to comparison.
Seq shared_until(const Position& position, const ServerView& view) {
  const EarlierLog* named = earlier(position.log, view);
  return named == nullptr ? view.out_head.n : std::min(named->out_head, view.out_head.n);
}

// The number under which the client's mark can be compared with ours.
std::optional<Seq> comparable(const std::optional<Mark>& mark, Seq until) {
  if (!mark || mark->n == Seq{} || mark->n > until) return std::nullopt;
  return mark->n;
}

// Where the delivery to a device goes on that has said nothing about it.
Seq default_start(const ServerView& view) {
  if (view.acked) return *view.acked;
  return view.from_first ? Seq{} : view.out_head.n;
}

// The last message of ours that the device holds, by its own word: already compared, or of an earlier log and cut down
// to what both logs share. A new device that holds nothing says no more than a silent one.
Seq held(const std::optional<Position>& position, const ServerView& view) {
  if (!position || !position->received) return default_start(view);
  if (position->received->n == Seq{} && !view.acked) return default_start(view);
  return std::min(position->received->n, shared_until(*position, view));
}

struct Difference {
  Differs differs = Differs::nothing;
  Mark theirs;
  Link ours;
};

Difference compare_sent(const Position& position, const ServerView& view, const Found& found) {
  if (!comparable(position.sent, view.in_head.n)) return {};
  SEALPOST_ASSERT(found.in);
  if (position.sent->link == *found.in) return {};
  return {Differs::sent_mismatch, *position.sent, *found.in};
}

Difference compare_received(const Position& position, const ServerView& view, const Found& found) {
  if (!position.received) return {};
  if (comparable(position.received, shared_until(position, view))) {
    SEALPOST_ASSERT(found.out);
    if (position.received->link == *found.out) return {};
    return {Differs::received_mismatch, *position.received, *found.out};
  }
  if (position.received->n == Seq{} || earlier(position.log, view) != nullptr) return {};
  const bool same_log = position.log == view.log;
  return {same_log ? Differs::received_beyond_head : Differs::received_of_no_log, *position.received, {}};
}

Difference compare(const std::optional<Position>& position, const ServerView& view, const Found& found) {
  if (view.shut) return {Differs::shut_before, {}, {}};
  if (!position) return {};
  const Difference sent = compare_sent(*position, view, found);
  return sent.differs != Differs::nothing ? sent : compare_received(*position, view, found);
}

}  // namespace

std::string_view name(Differs differs) {
  return differs_names.at(static_cast<std::size_t>(differs));
}

Wanted wanted(const std::optional<Position>& position, const ServerView& view) {
  if (!position || view.shut) return {};
  return {comparable(position->sent, view.in_head.n), comparable(position->received, shared_until(*position, view))};
}

Settlement settle(const std::optional<Position>& position, const ServerView& view, const Found& found) {
  Settlement settlement;
  settlement.resume_in = view.in_head;
  settlement.out_head = view.out_head;
  settlement.restored = position && earlier(position->log, view) != nullptr;

  const Difference difference = compare(position, view, found);
  settlement.differs = difference.differs;
  settlement.theirs = difference.theirs;
  settlement.ours = difference.ours;
  if (difference.differs != Differs::nothing) {
    settlement.light = Light::shut;
    settlement.acked = default_start(view);
    settlement.deliver_after = settlement.acked;
    return settlement;
  }

  settlement.deliver_after = held(position, view);
  settlement.acked = std::max(settlement.deliver_after, view.acked.value_or(Seq{}));
  settlement.acked_moved = settlement.acked != view.acked;
  settlement.light = settlement.deliver_after < view.out_head.n ? Light::drain : Light::green;
  return settlement;
}

bool fits(const Mark& welcome_received, const std::optional<Link>& own) {
  return welcome_received.n == Seq{} || own == welcome_received.link;
}

}  // namespace sealpost::lane
