#pragma once
// The newest events, which the indexes do not cover yet, in memory. The writer adds an event before the commit that
// makes it visible, so a reader whose snapshot ends at event H finds every unindexed event up to H here, and leaves out
// later ones.

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "log/chain.hpp"

namespace sealpost::log {

class Tail {
  // Never grows beyond what it reserved, so that readers may look at the first `count` while the writer adds one.
  struct Chunk {
    Chunk() { records.reserve(capacity); }
    static constexpr std::size_t capacity = 256;
    std::vector<Record> records;
  };
  struct Part {
    std::shared_ptr<const Chunk> chunk;
    const Record* begin;
    std::size_t count;
  };

 public:
  // What was there at one moment, by id.
  class View {
   public:
    // The id of the first event; 0: none.
    EventId first() const { return parts_.empty() ? EventId{} : parts_.front().begin->id; }
    template <class Visit>
    void for_each(EventId after, EventId upto, Visit visit) const {
      for (const Part& part : parts_)
        for (const Record* record = part.begin; record != part.begin + part.count; ++record)
          if (record->id > after && record->id <= upto) visit(*record);
    }

   private:
    friend class Tail;
    std::vector<Part> parts_;
  };

  // The writer's.
  const Record& push(Record record);  // drops the body; the record stays where it is until cut_back() or drop_to()
  void cut_back(EventId head);        // the events beyond it did not happen
  void drop_to(EventId indexed);      // the events up to it are in the indexes

  View view() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Chunk>> chunks_;
};

}  // namespace sealpost::log
