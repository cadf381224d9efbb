#include "log/fold.hpp"

namespace sealpost::log {

ErrorCode Fold::add(const Record& record) {
  const ErrorCode verdict = heads_.fold(record.draft, record.id, record.part);
  if (record.id <= index_to_) slice_.push_back(record);
  if (slice_.size() == slice_events) index_slice();
  return verdict;
}

void Fold::finish() {
  index_slice();
  rows_.store(heads_);
}

void Fold::index_slice() {
  std::vector<const Record*> events;
  events.reserve(slice_.size());
  for (const Record& record : slice_) events.push_back(&record);
  indexer_.index(events);
  slice_.clear();
}

}  // namespace sealpost::log
