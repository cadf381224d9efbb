#include "ledger.hpp"

#include <fmt/format.h>

namespace sealpost::power {

std::size_t Ledger::give(const log::Transaction& transaction, Millis now) {
  entries_.push_back({transaction, now, model_.head().next(), {}, {}});
  model_.apply(transaction);
  return entries_.size() - 1;
}

void Ledger::note(const Permalink& client, const Device& device, Seq seq) {
  noted_.push_back({client, device, seq, entries_.size()});
}

void Ledger::answered(std::size_t place, const Result<log::Appended>& answer, std::size_t now) {
  if (!answer) return;
  Entry& entry = entries_[place];
  const auto& events = answer->events;
  if (events.size() != entry.transaction.drafts.size() || answer->repeated)
    throw Violation(fmt::format("transaction {} is acknowledged with {} events", place, events.size()));
  entry.acked_at = now;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].id().value != entry.first.value + static_cast<std::int64_t>(i))
      throw Violation(fmt::format("transaction {} is acknowledged as event {}, not {}", place, events[i].id().value,
                                  entry.first.value));
    entry.hashes.push_back(events[i].hash());
  }
}

std::size_t Ledger::sure(std::size_t then) const {
  std::size_t count = entries_.size();
  while (count > 0 && (!entries_[count - 1].acked_at || *entries_[count - 1].acked_at > then)) --count;
  return count;
}

void Ledger::settle(std::size_t entries, bool all_sure) {
  entries_.resize(entries);
  model_ = {};
  for (Entry& entry : entries_) {
    if (all_sure) entry.acked_at = 0;
    model_.apply(entry.transaction);
  }
  noted_.clear();
}

void Ledger::settle(const Permalink& client, const Device& device, Seq position) {
  noted_.push_back({client, device, position, 0});
}

}  // namespace sealpost::power
