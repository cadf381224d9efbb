#include "log/indexer.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

namespace sealpost::log {
namespace {

// Events with one key stay in log order.
template <class Key>
void sort_by(std::vector<const Record*>& events, Key key) {
  std::ranges::sort(events, [&](const Record* a, const Record* b) {
    const auto key_a = key(*a);
    const auto key_b = key(*b);
    return key_a < key_b || (key_a == key_b && a->id < b->id);
  });
}

template <class Predicate>
std::vector<const Record*> those(std::span<const Record* const> events, Predicate belongs) {
  std::vector<const Record*> found;
  for (const Record* event : events)
    if (belongs(event->draft)) found.push_back(event);
  return found;
}

}  // namespace

bool in_lane(const Draft& draft) {
  return draft.kind == Kind::in || draft.kind == Kind::out;
}

bool in_feed(const Draft& draft) {
  return draft.kind == Kind::identity || waits_for_bot(draft) || draft.kind == Kind::intent;
}

const Permalink& feed_client(const Draft& draft) {
  return draft.kind == Kind::intent ? draft.recipient : draft.client;
}

bool is_object(const Draft& draft) {
  return (in_lane(draft) || draft.kind == Kind::identity) && !draft.link.is_none();
}

const Permalink& permalink_of(const Draft& draft) {
  // The client of an identity is its permalink.
  return draft.kind == Kind::identity && !draft.prev.is_none() ? draft.client : draft.object;
}

bool in_author_index(const Draft& draft) {
  const bool own = draft.kind == Kind::in && draft.author == draft.client;
  return is_object(draft) && !draft.author.is_none() && !own;
}

std::int64_t number_of(const Digest& digest) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
  return static_cast<std::int64_t>(number);
}

EventId IndexedTo::least() const {
  return *std::ranges::min_element(to_);
}

EventId IndexedTo::most() const {
  return *std::ranges::max_element(to_);
}

Index IndexedTo::slowest() const {
  return static_cast<Index>(std::ranges::min_element(to_) - to_.begin());
}

IndexedTo indexed_to_of(const Statement::Rows& row) {
  IndexedTo indexed;
  for (int column = 0; column < static_cast<int>(index_count); ++column)
    indexed[static_cast<Index>(column)] = row.strong<EventId>(column);
  return indexed;
}

void Indexer::index(Index index, std::span<const Record* const> events) {
  if (events.empty()) return;
  const EventId last = events.back()->id;
  auto objects = those(events, is_object);
  switch (index) {
    case Index::lane: {
      auto lanes = those(events, in_lane);
      index_lanes(lanes);
      return lane_to_.run(last);
    }
    case Index::feed: {
      auto feeds = those(events, in_feed);
      index_feeds(feeds);
      return feed_to_.run(last);
    }
    case Index::link:
      index_links(objects);
      return link_to_.run(last);
    case Index::type:
      index_types(objects);
      return type_to_.run(last);
    case Index::author:
      index_authors(objects);
      return author_to_.run(last);
  }
}

void Indexer::index_lanes(Events& events) {
  sort_by(events, [](const Record& e) { return std::tie(e.draft.client, e.draft.device); });
  lane_.insert<const Record*>(
      events, [](const Record* e, auto bind) { bind(e->draft.client, e->draft.device, e->draft.seq, e->id); });
}

void Indexer::index_feeds(Events& events) {
  sort_by(events, [](const Record& e) { return std::pair(feed_client(e.draft), e.draft.kind); });
  feed_.insert<const Record*>(
      events, [](const Record* e, auto bind) { bind(feed_client(e->draft), static_cast<int>(e->draft.kind), e->id); });
}

void Indexer::index_links(Events& events) {
  sort_by(events, [](const Record& e) { return number_of(e.draft.link.bytes); });
  link_.insert<const Record*>(events, [](const Record* e, auto bind) { bind(number_of(e->draft.link.bytes), e->id); });
  const Events named = those(events, [](const Draft& draft) { return !permalink_of(draft).is_none(); });
  permalink_.insert<const Record*>(named, [](const Record* e, auto bind) { bind(permalink_of(e->draft), e->id); });
}

void Indexer::index_types(Events& events) {
  std::erase_if(events, [](const Record* e) { return e->draft.type.empty(); });
  sort_by(events, [](const Record& e) { return std::tie(e.draft.type); });
  type_.insert<const Record*>(events, [](const Record* e, auto bind) { bind(e->draft.type, e->id); });
}

void Indexer::index_authors(Events& events) {
  std::erase_if(events, [](const Record* e) { return !in_author_index(e->draft); });
  sort_by(events, [](const Record& e) { return std::tie(e.draft.author); });
  author_.insert<const Record*>(events, [](const Record* e, auto bind) { bind(e->draft.author, e->id); });
}

}  // namespace sealpost::log
