#include "log/sqlite_reader.hpp"

#include <algorithm>

#include "log/gate.hpp"
#include "log/mqtt_rows.hpp"
#include "log/object_match.hpp"
#include "object/identity.hpp"

namespace sealpost::log {
namespace {

// Events that events_after() looks at in one call, so that a rare kind does not hold the snapshot for long.
constexpr std::int64_t scanned_max = 4096;

StoredEvent stored(const Statement::Rows& row) {
  const Record record = record_of(row);
  StoredEvent event{Gate::committed(record), record.draft, false};
  event.draft.body = body_of(row);
  event.erased = !event.draft.body && record.body_hash != Digest{};
  return event;
}

LaneHead lane_head(const Draft& draft, EventId id) {
  return {draft.seq, draft.link, draft.time, id};
}

ClientState client_of(const Statement::Rows& row) {
  ClientState state;
  state.client = row.name<Permalink>(0);
  state.identity = row.name<Link>(1);
  state.identity_event = row.strong<EventId>(2);
  state.out = {row.strong<Seq>(3), row.name<Link>(4), row.number(5), row.strong<EventId>(6)};
  state.last_in = row.strong<EventId>(7);
  state.last_intent = row.strong<EventId>(8);
  return state;
}

}  // namespace

void SqliteReader::begin() {
  look();
  // The indexes may have moved on between the snapshot and the look at the tail; then both are taken again.
  while (!tail_reaches_the_indexes()) {
    end();
    look();
  }
}

void SqliteReader::look() {
  begin_.run();
  Device log_id;
  if (auto row = get_log_.query(); row.next()) log_id = row.device(0);
  if (auto row = get_indexed_to_.query(); row.next()) indexed_to_ = indexed_to_of(row);
  head_ = {EventId{}, Digest{}};
  if (auto row = get_head_.query(); row.next()) head_ = {row.strong<EventId>(0), row.digest(1)};
  if (head_.id.value == 0) head_.hash = genesis(log_id);
  view_ = tail_.view();
  check();
}

void SqliteReader::end() {
  view_ = {};
  database_.rollback();
}

bool SqliteReader::tail_reaches_the_indexes() const {
  const EventId least = indexed_to_.least();
  if (head_.id <= least) return true;
  return view_.first().value != 0 && view_.first() <= least.next();
}

void SqliteReader::check() const {
  if (database_.failed()) throw ReadFailed{database_.error()};
}

void SqliteReader::indexed(Page& page, Statement::Rows rows) {
  while (!page.is_full() && rows.next()) page.add(stored(rows));
  check();
}

template <class Matches>
void SqliteReader::unindexed(Page& page, EventId indexed_to, EventId after, Matches matches) {
  std::vector<EventId> found;
  view_.for_each(std::max(after, indexed_to), head_.id, [&](const Record& record) {
    if (matches(record.draft)) found.push_back(record.id);
  });
  for (const EventId id : found) {
    if (page.is_full()) return;
    if (auto newer = event(id)) page.add(*std::move(newer));
  }
}

std::vector<RestorePoint> SqliteReader::restore_points() {
  std::vector<RestorePoint> points;
  for (auto row = restored_.query(); row.next();) points.push_back({row.device(0), row.strong<EventId>(1)});
  check();
  return points;
}

std::optional<ClientState> SqliteReader::client(const Permalink& client) {
  std::optional<ClientState> state;
  if (auto row = get_client_.query(client); row.next()) state = client_of(row);
  check();
  if (state) add_details(*state);
  return state;
}

void SqliteReader::add_details(ClientState& state) {
  for (auto row = devices_.query(state.client); row.next();)
    state.devices.push_back({row.device(0),
                             row.strong<Epoch>(1),
                             {row.strong<Seq>(2), row.name<Link>(3), row.number(4), row.strong<EventId>(5)},
                             row.number(6) != 0,
                             row.strong<Seq>(7),
                             row.number(8)});
  for (auto row = cursors_.query(state.client); row.next();) state.cursors.emplace(row.text(0), row.strong<EventId>(1));
  check();
}

std::vector<ClientState> SqliteReader::clients(const Permalink& after, std::size_t limit) {
  std::vector<ClientState> found;
  for (auto row = clients_.query(after.view(), limit); row.next();) found.push_back(client_of(row));
  for (ClientState& state : found) add_details(state);
  check();
  return found;
}

std::optional<Permalink> SqliteReader::key_owner(const PublicKey& key) {
  std::optional<Permalink> owner;
  if (auto row = key_.query(key); row.next()) owner = row.name<Permalink>(0);
  check();
  return owner;
}

std::vector<StoredEvent> SqliteReader::lane(const Lane& lane, Seq from, PageLimit limit) {
  Page page(limit);
  indexed(page, lane_.query(lane.client, lane.device, from));
  unindexed(page, indexed_to_[Index::lane], {}, [&](const Draft& draft) {
    return in_lane(draft) && draft.client == lane.client && draft.device == lane.device && draft.seq >= from;
  });
  return page.take();
}

std::optional<StoredEvent> SqliteReader::at(const Lane& lane_of, Seq seq) {
  auto found = lane(lane_of, seq, {1, 0});
  if (found.empty() || found.front().committed.seq() != seq) return std::nullopt;
  return std::move(found.front());
}

LaneHead SqliteReader::head_at(const Lane& lane, EventId upto) {
  LaneHead head;
  if (auto row = lane_back_.query(lane.client, lane.device, upto); row.next()) {
    const Record record = record_of(row);
    head = lane_head(record.draft, record.id);
  }
  check();
  view_.for_each(indexed_to_[Index::lane], std::min(upto, head_.id), [&](const Record& record) {
    if (in_lane(record.draft) && record.draft.client == lane.client && record.draft.device == lane.device)
      head = lane_head(record.draft, record.id);
  });
  return head;
}

std::vector<StoredEvent> SqliteReader::feed(Feed feed, const Permalink& client, EventId after, PageLimit limit) {
  return feed_of_kind(feed == Feed::in ? Kind::in : Kind::intent, client, after, limit);
}

std::vector<StoredEvent> SqliteReader::feed_of_kind(Kind kind, const Permalink& client, EventId after,
                                                    PageLimit limit) {
  Page page(limit);
  indexed(page, feed_.query(client, static_cast<int>(kind), after));
  unindexed(page, indexed_to_[Index::feed], after,
            [&](const Draft& draft) { return in_feed(draft) && draft.kind == kind && feed_client(draft) == client; });
  return page.take();
}

std::vector<Work> SqliteReader::work(Feed feed, const std::string& consumer, const Permalink& after,
                                     std::size_t limit) {
  std::vector<Work> found;
  Statement& statement = feed == Feed::in ? work_in_ : work_intents_;
  for (auto row = statement.query(consumer, after.view(), limit); row.next();)
    found.push_back({row.name<Permalink>(0), row.strong<EventId>(1), row.strong<EventId>(2)});
  check();
  return found;
}

std::optional<StoredEvent> SqliteReader::event(EventId id) {
  std::optional<StoredEvent> found;
  if (auto row = event_.query(id); row.next()) found = stored(row);
  check();
  return found;
}

EventPage SqliteReader::events_after(EventId after, const std::vector<Kind>& kinds, PageLimit limit) {
  const EventId last{std::min(head_.id.value, after.value + scanned_max)};
  EventPage found{{}, std::max(after, last)};
  Page page(limit);
  for (auto row = events_.query(after, last); row.next();) {
    const auto kind = static_cast<Kind>(row.number(4));
    if (kinds.empty() || std::ranges::find(kinds, kind) != kinds.end()) page.add(stored(row));
    if (!page.is_full()) continue;
    found.scanned_to = row.strong<EventId>(0);
    break;
  }
  check();
  found.events = page.take();
  return found;
}

std::vector<StoredEvent> SqliteReader::security_after(EventId after, PageLimit limit) {
  Page page(limit);
  indexed(page, security_.query(after));
  return page.take();
}

std::vector<StoredEvent> SqliteReader::identity_versions(const Permalink& client) {
  return feed_of_kind(Kind::identity, client, {}, {object::identity_versions_max, SIZE_MAX});
}

std::optional<StoredEvent> SqliteReader::identity(const Permalink& client) {
  EventId newest;
  if (auto row = get_client_.query(client); row.next()) newest = row.strong<EventId>(2);
  check();
  return newest.value == 0 ? std::nullopt : event(newest);
}

std::optional<StoredEvent> SqliteReader::object(const Link& link) {
  Page page({1, 0});
  indexed(page, by_link_.query(number_of(link.bytes), link));
  unindexed(page, indexed_to_[Index::link], {},
            [&](const Draft& draft) { return is_object(draft) && draft.link == link; });
  if (page.is_empty()) return std::nullopt;
  return std::move(page.take().front());
}

std::vector<StoredEvent> SqliteReader::objects(const ObjectFilter& filter, EventId after, PageLimit limit) {
  Page page(limit);
  const auto add = [&](Statement::Rows rows, EventId indexed_to) {
    EventId last = after;
    while (!page.is_full() && rows.next()) {
      last = rows.strong<EventId>(0);
      if (StoredEvent event = stored(rows); matches(event.draft, filter)) page.add(std::move(event));
    }
    check();
    unindexed(page, indexed_to, last, [&](const Draft& draft) { return matches(draft, filter); });
  };
  if (!filter.permalink.is_none()) {
    const Permalink& permalink = filter.permalink;
    add(by_permalink_.query(after, permalink, number_of(permalink.bytes)), indexed_to_[Index::link]);
  } else if (!filter.author.is_none()) {
    const EventId whole = std::min(indexed_to_[Index::author], indexed_to_[Index::lane]);
    add(by_author_.query(after, filter.author, whole), whole);
  } else if (!filter.type.empty()) {
    add(by_type_.query(after, filter.type), indexed_to_[Index::type]);
  } else {
    add(by_nothing_.query(after), head_.id);
  }
  return page.take();
}

std::optional<IdempotentResult> SqliteReader::idempotent(const std::string& scope, const std::string& key) {
  std::optional<IdempotentResult> found;
  if (auto row = idempotent_.query(scope, key); row.next())
    found = {row.digest(0), row.strong<EventId>(1), static_cast<std::size_t>(row.number(2))};
  check();
  return found;
}

MqttState SqliteReader::mqtt_state() {
  MqttState state = read_mqtt_state(database_);
  check();
  return state;
}

}  // namespace sealpost::log
