#include "log/fold.hpp"

namespace sealpost::log {

ErrorCode Fold::add(const Record& record) {
  const ErrorCode verdict = heads_.fold(record.draft, record.id, record.part);
  slice_.push_back(record);
  if (slice_.size() == slice_events) index_slice();
  return verdict;
}

void Fold::finish() {
  index_slice();
  rows_.store(heads_);
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
