#include "log/tail.hpp"

namespace sealpost::log {

const Record& Tail::push(Record record) {
  record.draft.body = nullptr;
  const std::scoped_lock lock(mutex_);
  if (chunks_.empty() || chunks_.back()->records.size() == Chunk::capacity)
    chunks_.push_back(std::make_shared<Chunk>());
  return chunks_.back()->records.emplace_back(std::move(record));
}

void Tail::cut_back(EventId head) {
  const std::scoped_lock lock(mutex_);
  while (!chunks_.empty() && chunks_.back()->records.front().id > head) chunks_.pop_back();
  if (chunks_.empty() || chunks_.back()->records.back().id <= head) return;
  // A reader may be looking at the chunk: a copy of what stays takes its place.
  auto kept = std::make_shared<Chunk>();
  for (const Record& record : chunks_.back()->records)
    if (record.id <= head) kept->records.push_back(record);
  chunks_.back() = std::move(kept);
}

void Tail::drop_to(EventId indexed) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(chunks_, [&](const auto& chunk) {
    return chunk->records.size() == Chunk::capacity && chunk->records.back().id <= indexed;
  });
}

Tail::View Tail::view() const {
  View view;
  const std::scoped_lock lock(mutex_);
  view.parts_.reserve(chunks_.size());
  for (const auto& chunk : chunks_) view.parts_.push_back({chunk, chunk->records.data(), chunk->records.size()});
  return view;
}

}  // namespace sealpost::log
