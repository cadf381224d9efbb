#pragma once
// Events as they come, until the page is full.

#include <utility>

#include "log/reader.hpp"

namespace sealpost::log {

class Page {
 public:
  explicit Page(PageLimit limit) : limit_(limit) {}

  bool is_full() const { return !events_.empty() && (events_.size() >= limit_.events || bytes_ >= limit_.bytes); }
  void add(StoredEvent event) {
    bytes_ += event.draft.body ? event.draft.body->size() : 0;
    events_.push_back(std::move(event));
  }
  bool is_empty() const { return events_.empty(); }
  std::vector<StoredEvent> take() { return std::move(events_); }

 private:
  PageLimit limit_;
  std::size_t bytes_ = 0;
  std::vector<StoredEvent> events_;
};

}  // namespace sealpost::log
