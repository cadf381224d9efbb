#include "log/fold.hpp"

#include <algorithm>

namespace sealpost::log {

ErrorCode Fold::add(const Record& record) {
  const ErrorCode verdict = heads_.fold(record.draft, record.id, record.part);
  note_intent(record);
  slice_.push_back(record);
  if (slice_.size() == slice_events) index_slice();
  return verdict;
}

void Fold::finish() {
  index_slice();
  rows_.store(heads_);
}

// One transaction may name its causes in any order, so only the end shows what is left.
void Fold::note_intent(const Record& record) {
  const Draft& draft = record.draft;
  if (draft.kind == Kind::intent) intents_[draft.recipient].open.insert(record.id);
  if (draft.consumer != intents_consumer) return;
  Intents& mine = intents_[draft.client];
  mine.open.erase(draft.cause);
  mine.cursor = std::max(mine.cursor, draft.cause);
}

std::vector<EventId> Fold::passed_over() const {
  std::vector<EventId> found;
  for (const auto& [client, intents] : intents_)
    found.insert(found.end(), intents.open.begin(), intents.open.upper_bound(intents.cursor));
  std::ranges::sort(found);
  return found;
}

void Fold::index_slice() {
  for (std::size_t i = 0; i < index_count; ++i) {
    const auto index = static_cast<Index>(i);
    std::vector<const Record*> events;
    for (const Record& record : slice_)
      if (record.id <= index_to_[index]) events.push_back(&record);
    indexer_.index(index, events);
  }
  slice_.clear();
}

}  // namespace sealpost::log
