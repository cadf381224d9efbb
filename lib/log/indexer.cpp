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

void Indexer::index(std::span<const Record* const> events) {
  if (events.empty()) return;
  auto lanes = those(events, in_lane);
  auto feeds = those(events, in_feed);
  auto objects = those(events, is_object);
  index_lanes(lanes);
  index_feeds(feeds);
  index_objects(objects);
  indexed_to_.run(events.back()->id);
}

void Indexer::index_lanes(std::vector<const Record*>& events) {
  sort_by(events, [](const Record& e) { return std::tie(e.draft.client, e.draft.device); });
  for (const Record* e : events) lane_.run(e->draft.client, e->draft.device, e->draft.seq, e->id);
}

void Indexer::index_feeds(std::vector<const Record*>& events) {
  sort_by(events, [](const Record& e) { return std::pair(feed_client(e.draft), e.draft.kind); });
  for (const Record* e : events) feed_.run(feed_client(e->draft), static_cast<int>(e->draft.kind), e->id);
}

void Indexer::index_objects(std::vector<const Record*>& events) {
  sort_by(events, [](const Record& e) { return std::tie(e.draft.type); });
  for (const Record* e : events)
    if (!e->draft.type.empty()) type_.run(e->draft.type, e->id);
  sort_by(events, [](const Record& e) { return std::tie(e.draft.author); });
  for (const Record* e : events)
    if (!e->draft.author.is_none()) author_.run(e->draft.author, e->id);
  sort_by(events, [](const Record& e) { return std::tie(e.draft.link); });
  for (const Record* e : events) link_.run(e->draft.link, e->id);
  for (const Record* e : events)
    if (!permalink_of(e->draft).is_none()) permalink_.run(permalink_of(e->draft), e->id);
}

}  // namespace sealpost::log
