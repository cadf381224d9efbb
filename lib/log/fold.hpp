#pragma once
// The views as they follow from the events alone: heads, cursors and keys by the law of heads.hpp, and the indexes,
// made in whatever database is given.

#include <set>
#include <unordered_map>

#include "log/head_rows.hpp"
#include "log/indexer.hpp"

namespace sealpost::log {

class Fold final : private HeadSource {
 public:
  // Each index gets the events up to `index_to`.
  Fold(Database& target, const IndexedTo& index_to) : target_(target), index_to_(index_to) {}

  // Gives what the law says of the event, and goes on as if it were lawful.
  ErrorCode add(const Record&);
  // Writes what is left.
  void finish();
  // The intents that intents_consumer has left behind without having done anything about them, in log order.
  std::vector<EventId> passed_over() const;

 private:
  // Of one recipient.
  struct Intents {
    std::set<EventId> open;
    EventId cursor;
  };
  void note_intent(const Record&);
  ClientRows load(const Permalink&) override { return {}; }
  std::optional<Permalink> key_owner(const PublicKey&) override { return std::nullopt; }
  void index_slice();

  static constexpr std::size_t slice_events = 4096;

  Database& target_;
  IndexedTo index_to_;
  Indexer indexer_{target_};
  HeadRows rows_{target_};
  Heads heads_{*this, SIZE_MAX};  // never settled: all of them count as changed
  std::vector<Record> slice_;
  std::unordered_map<Permalink, Intents> intents_;
};

}  // namespace sealpost::log
