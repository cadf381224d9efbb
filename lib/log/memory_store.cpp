#include "log/memory_store.hpp"

#include <algorithm>

#include "log/errc.hpp"
#include "log/gate.hpp"
#include "log/indexer.hpp"
#include "log/object_match.hpp"
#include "object/identity.hpp"

namespace sealpost::log {
namespace {

LaneHead lane_head(const Record& record) {
  return {record.draft.seq, record.draft.link, record.draft.time, record.id};
}

}  // namespace

Result<Appended> MemoryStore::append(Transaction transaction, Millis now) {
  forget_requests(now);
  if (transaction.idempotency) {
    const auto before = idempotent(transaction.idempotency->scope, transaction.idempotency->key);
    if (before) return answer_again(*transaction.idempotency, *before);
  }
  const EventId first = head_.id.next();
  if (const ErrorCode verdict = heads_.take(transaction.drafts, first)) return verdict;
  Appended appended;
  for (std::size_t part = 0; part < transaction.drafts.size(); ++part)
    appended.events.push_back(add(std::move(transaction.drafts[part]), part, now));
  if (const auto& request = transaction.idempotency) {
    requests_[{request->scope, request->key}] = {request->request, first, appended.events.size()};
    requests_by_time_.push_back({now, {request->scope, request->key}});
  }
  mqtt_.apply(transaction.mqtt);
  settle();
  return appended;
}

Committed MemoryStore::go_on_as(const Device& id, Millis now) {
  Draft point;
  point.kind = Kind::restored;
  point.device = id;
  point.type = id_.text();
  point.cause = head_.id;
  restore_points_.push_back({id_, head_.id});
  id_ = id;
  return add(std::move(point), 0, now);
}

Result<Appended> MemoryStore::answer_again(const Idempotency& request, const IdempotentResult& before) {
  if (before.request != request.request) return Errc::idempotency_mismatch;
  Appended again{{}, true};
  EventId id = before.first;
  for (std::size_t i = 0; i < before.count; ++i, id = id.next()) again.events.push_back(Gate::committed(record(id)));
  return again;
}

void MemoryStore::forget_requests(Millis now) {
  while (!requests_by_time_.empty() && requests_by_time_.front().first <= now - requests_kept_ms) {
    requests_.erase(requests_by_time_.front().second);
    requests_by_time_.pop_front();
  }
}

Committed MemoryStore::add(Draft draft, std::size_t part, Millis now) {
  Record made{head_.id.next(), part, std::move(draft), now, {}, {}};
  if (made.draft.time == 0) made.draft.time = now;
  made.body_hash = hash_of_body(made.draft.body);
  made.hash = chain_hash(head_.hash, made);
  head_ = {made.id, made.hash};
  if (in_lane(made.draft)) lanes_[{made.draft.client, made.draft.device}].push_back(made.id);
  if (in_feed(made.draft)) feeds_[{feed_client(made.draft), made.draft.kind}].push_back(made.id);
  records_.push_back(std::move(made));
  return Gate::committed(records_.back());
}

void MemoryStore::settle() {
  heads_.for_each_changed([this](const Permalink& client, const ClientRows& rows) {
    if (rows.dirty()) clients_.insert(client);
  });
  keys_.insert(heads_.new_keys().begin(), heads_.new_keys().end());
  heads_.settle();
}

void MemoryStore::note(const Permalink& client, const Device& device, const Note& note) {
  Note& noted = notes_[{client, device}];
  if (note.acked <= heads_.of(client).head.out.seq) noted.acked = std::max(noted.acked, note.acked);
  noted.seen = std::max(noted.seen, note.seen);
}

StoredEvent MemoryStore::stored(const Record& record) const {
  return {Gate::committed(record), record.draft, false};
}

std::optional<ClientState> MemoryStore::client(const Permalink& client) {
  if (!clients_.contains(client)) return std::nullopt;
  const ClientRows& rows = heads_.of(client);
  ClientState state;
  state.client = client;
  state.identity = rows.head.identity;
  state.identity_event = rows.head.identity_event;
  state.out = rows.head.out;
  state.last_in = rows.head.last_in;
  state.last_intent = rows.head.last_intent;
  for (const auto& [device, head] : rows.devices) {
    if (head == DeviceHead{}) continue;  // only asked for
    const auto found = notes_.find({client, device});
    const Note note = found == notes_.end() ? Note{} : found->second;
    state.devices.push_back({device, head.epoch, head.in, head.shut, std::max(head.start, note.acked), note.seen});
  }
  for (const auto& [consumer, cursor] : rows.cursors)
    if (cursor.at.value > 0) state.cursors.emplace(consumer, cursor.at);
  return state;
}

std::vector<ClientState> MemoryStore::clients(const Permalink& after, std::size_t limit) {
  std::vector<ClientState> found;
  for (auto each = clients_.upper_bound(after); each != clients_.end() && found.size() < limit; ++each)
    if (auto state = client(*each)) found.push_back(*std::move(state));
  return found;
}

std::optional<Permalink> MemoryStore::key_owner(const PublicKey& key) {
  const auto found = keys_.find(key);
  return found == keys_.end() ? std::nullopt : std::optional(found->second);
}

template <class Matches>
std::vector<StoredEvent> MemoryStore::those(EventId after, PageLimit limit, Matches matches) {
  Page page(limit);
  for (EventId id = after.next(); id <= head_.id && !page.is_full(); id = id.next())
    if (matches(record(id).draft)) page.add(stored(record(id)));
  return page.take();
}

std::vector<StoredEvent> MemoryStore::page_of(const std::vector<EventId>& ids, EventId after, PageLimit limit) {
  Page page(limit);
  for (auto id = std::ranges::upper_bound(ids, after); id != ids.end() && !page.is_full(); ++id)
    page.add(stored(record(*id)));
  return page.take();
}

std::vector<StoredEvent> MemoryStore::lane(const Lane& lane, Seq from, PageLimit limit) {
  const auto& ids = lanes_[lane];
  const std::uint64_t first = std::max<std::uint64_t>(from.value, 1);
  if (first > ids.size()) return {};
  return page_of(ids, {ids[first - 1].value - 1}, limit);
}

std::optional<StoredEvent> MemoryStore::at(const Lane& lane, Seq seq) {
  const auto& ids = lanes_[lane];
  if (seq.value == 0 || seq.value > ids.size()) return std::nullopt;
  return stored(record(ids[seq.value - 1]));
}

LaneHead MemoryStore::head_at(const Lane& lane, EventId upto) {
  const auto& ids = lanes_[lane];
  const auto beyond = std::ranges::upper_bound(ids, upto);
  return beyond == ids.begin() ? LaneHead{} : lane_head(record(*std::prev(beyond)));
}

std::vector<StoredEvent> MemoryStore::feed(Feed feed, const Permalink& client, EventId after, PageLimit limit) {
  return page_of(feeds_[{client, feed == Feed::in ? Kind::in : Kind::intent}], after, limit);
}

std::vector<Work> MemoryStore::work(Feed feed, const std::string& consumer, const Permalink& after, std::size_t limit) {
  std::vector<Work> found;
  for (auto each = clients_.upper_bound(after); each != clients_.end() && found.size() < limit; ++each) {
    const auto state = client(*each);
    const Work work{*each, feed == Feed::in ? state->last_in : state->last_intent, state->cursor(consumer)};
    if (work.newest > work.cursor) found.push_back(work);
  }
  return found;
}

std::optional<StoredEvent> MemoryStore::event(EventId id) {
  if (id.value < 1 || id > head_.id) return std::nullopt;
  return stored(record(id));
}

EventPage MemoryStore::events_after(EventId after, const std::vector<Kind>& kinds, PageLimit limit) {
  EventPage found{{}, std::max(after, head_.id)};
  Page page(limit);
  for (EventId id = after.next(); id <= head_.id && !page.is_full(); id = id.next()) {
    if (kinds.empty() || std::ranges::count(kinds, record(id).draft.kind) > 0) page.add(stored(record(id)));
    found.scanned_to = id;
  }
  found.events = page.take();
  return found;
}

std::vector<StoredEvent> MemoryStore::security_after(EventId after, PageLimit limit) {
  return those(after, limit, [](const Draft& draft) { return draft.kind == Kind::security; });
}

std::vector<StoredEvent> MemoryStore::identity_versions(const Permalink& client) {
  return page_of(feeds_[{client, Kind::identity}], {}, {object::identity_versions_max, SIZE_MAX});
}

std::optional<StoredEvent> MemoryStore::identity(const Permalink& client) {
  return event(heads_.of(client).head.identity_event);
}

std::optional<StoredEvent> MemoryStore::object(const Link& link) {
  auto found = those({}, {1, 0}, [&](const Draft& draft) { return is_object(draft) && draft.link == link; });
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::vector<StoredEvent> MemoryStore::objects(const ObjectFilter& filter, EventId after, PageLimit limit) {
  return those(after, limit, [&](const Draft& draft) { return matches(draft, filter); });
}

std::optional<IdempotentResult> MemoryStore::idempotent(const std::string& scope, const std::string& key) {
  const auto found = requests_.find({scope, key});
  return found == requests_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace sealpost::log
