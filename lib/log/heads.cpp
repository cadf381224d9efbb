#include "log/heads.hpp"

#include <algorithm>

#include "log/errc.hpp"
#include "object/object.hpp"

namespace sealpost::log {
namespace {

constexpr std::size_t consumer_bytes_max = 64;

bool has_lane_fields(const Draft& draft) {
  return draft.seq.value > 0 && !draft.link.is_none() && draft.time > 0;
}

bool has_needed_fields(const Draft& draft) {
  const bool client = !draft.client.is_none();
  const bool device = !draft.device.empty();
  switch (draft.kind) {
    case Kind::epoch:
      return client && device && draft.epoch.value > 0;
    case Kind::identity:
      return client && !draft.link.is_none();
    case Kind::in:
      return client && device && has_lane_fields(draft);
    case Kind::out:
      return client && !device && has_lane_fields(draft);
    case Kind::intent:
      return client && !draft.recipient.is_none();
    case Kind::done:
      return client && !draft.consumer.empty();
    case Kind::security:
      return true;
    case Kind::shut:
      return client && device;
    case Kind::restored:
      return false;
  }
  return false;
}

bool well_formed(const Draft& draft) {
  const bool cursor_whole = draft.consumer.empty() == (draft.cause.value == 0);
  const bool cursor_has_client = draft.consumer.empty() || !draft.client.is_none();
  return cursor_whole && cursor_has_client && draft.cause.value >= 0 && draft.time >= 0 &&
         draft.type.size() <= object::type_bytes_max && draft.consumer.size() <= consumer_bytes_max &&
         (draft.keys.empty() || draft.kind == Kind::identity) && has_needed_fields(draft);
}

// Such an epoch says in `seq` where in the out-lane the device starts.
bool starts_device(const Draft& draft) {
  return draft.epoch.value == 1;
}

bool follows(const Draft& draft, const LaneHead& head) {
  return draft.seq == head.seq.next() && draft.prev == head.link && draft.time > head.time;
}

LaneHead head_after(const Draft& draft, EventId id) {
  return {draft.seq, draft.link, draft.time, id};
}

ErrorCode check_in(const Draft& draft, const DeviceHead& device) {
  if (draft.epoch.value == 0 || draft.epoch != device.epoch) return Errc::stale_epoch;
  if (device.shut) return Errc::lane_shut;
  if (!follows(draft, device.in)) return Errc::lane_conflict;
  return {};
}

ErrorCode check_epoch(const Draft& draft, ClientRows& client) {
  if (draft.epoch != client.device(draft.device).epoch.next()) return Errc::stale_epoch;
  if (starts_device(draft) && draft.seq > client.head.out.seq) return Errc::bad_draft;
  return {};
}

}  // namespace

ErrorCode Heads::take(const std::vector<Draft>& drafts, EventId first) {
  undo_.clear();
  moved_.clear();
  EventId id = first;
  for (const Draft& draft : drafts) {
    if (const ErrorCode verdict = check(draft, first)) {
      undo();
      return verdict;
    }
    apply(draft, id);
    id = id.next();
  }
  return {};
}

ErrorCode Heads::fold(const Draft& draft, EventId id, std::size_t part) {
  undo_.clear();
  if (part == 0) moved_.clear();
  if (draft.kind == Kind::restored) return {};
  const ErrorCode verdict = check(draft, {id.value - static_cast<std::int64_t>(part)});
  if (verdict != Errc::bad_draft) apply(draft, id);
  return verdict;
}

ErrorCode Heads::check(const Draft& draft, EventId first) {
  if (!well_formed(draft)) return Errc::bad_draft;
  if (const ErrorCode verdict = check_cursor(draft, first)) return verdict;
  switch (draft.kind) {
    case Kind::epoch:
      return check_epoch(draft, of(draft.client));
    case Kind::identity:
      return check_identity(draft);
    case Kind::in:
      return check_in(draft, of(draft.client).device(draft.device));
    case Kind::out:
      if (!follows(draft, of(draft.client).head.out)) return Errc::lane_conflict;
      return {};
    default:
      return {};
  }
}

ErrorCode Heads::check_identity(const Draft& draft) {
  const bool is_first = draft.prev.is_none() && draft.link.bytes == draft.client.bytes;
  const bool is_next = !draft.prev.is_none();
  if (!(is_first || is_next) || draft.prev != of(draft.client).head.identity) return Errc::identity_conflict;
  for (const PublicKey& key : draft.keys) {
    const auto owner = key_owner(key);
    if (owner && *owner != draft.client) return Errc::key_claimed;
  }
  return {};
}

ErrorCode Heads::check_cursor(const Draft& draft, EventId first) {
  if (draft.consumer.empty()) return {};
  if (draft.cause >= first) return Errc::bad_draft;
  const CursorHead& cursor = of(draft.client).cursor(draft.consumer);
  const auto moved = std::ranges::find(moved_, &cursor, &Moved::cursor);
  const EventId before = moved == moved_.end() ? cursor.at : moved->before;
  if (draft.cause <= before) return Errc::stale_cursor;
  return {};
}

ClientRows& Heads::list(const Permalink& client) {
  ClientRows& rows = of(client);
  if (!std::exchange(rows.listed, true)) changed_.emplace_back(client, &rows);
  return rows;
}

// False: it was dirty before.
template <class Head>
bool Heads::mark_dirty(Head& head) {
  undo_.emplace_back([&head, before = head] { head = before; });
  return !std::exchange(head.dirty, true);
}

template <class Row>
auto& Heads::change_row(Row& row, std::vector<Row*>& changed) {
  if (mark_dirty(row.second)) {
    changed.push_back(&row);
    undo_.emplace_back([&changed] { changed.pop_back(); });
  }
  return row.second;
}

ClientHead& Heads::change_client(const Permalink& client) {
  ClientHead& head = list(client).head;
  mark_dirty(head);
  return head;
}

DeviceHead& Heads::change_device(const Draft& draft) {
  ClientRows& rows = list(draft.client);
  return change_row(*rows.devices.try_emplace(draft.device).first, rows.changed_devices);
}

CursorHead& Heads::change_cursor(const Draft& draft) {
  ClientRows& rows = list(draft.client);
  return change_row(*rows.cursors.try_emplace(draft.consumer).first, rows.changed_cursors);
}

void Heads::apply(const Draft& draft, EventId id) {
  if (!draft.consumer.empty()) move_cursor(draft);
  switch (draft.kind) {
    case Kind::epoch: {
      DeviceHead& device = change_device(draft);
      device.epoch = draft.epoch;
      if (starts_device(draft)) device.start = draft.seq;
      break;
    }
    case Kind::shut:
      change_device(draft).shut = true;
      break;
    case Kind::in:
      change_device(draft).in = head_after(draft, id);
      if (waits_for_bot(draft)) change_client(draft.client).last_in = id;
      break;
    case Kind::out:
      change_client(draft.client).out = head_after(draft, id);
      break;
    case Kind::intent:
      change_client(draft.recipient).last_intent = id;
      break;
    case Kind::identity: {
      ClientHead& head = change_client(draft.client);
      head.identity = draft.link;
      head.identity_event = id;
      for (const PublicKey& key : draft.keys) {
        if (key_owner(key)) continue;
        new_keys_.emplace(key, draft.client);
        undo_.emplace_back([this, key] { new_keys_.erase(key); });
      }
      break;
    }
    default:
      break;
  }
}

void Heads::move_cursor(const Draft& draft) {
  CursorHead& cursor = of(draft.client).cursor(draft.consumer);
  if (std::ranges::find(moved_, &cursor, &Moved::cursor) == moved_.end()) moved_.push_back({&cursor, cursor.at});
  if (draft.cause > cursor.at) change_cursor(draft).at = draft.cause;
}

void Heads::undo() {
  for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) (*step)();
  undo_.clear();
}

std::optional<Permalink> Heads::key_owner(const PublicKey& key) {
  const auto found = new_keys_.find(key);
  if (found != new_keys_.end()) return found->second;
  return source_.key_owner(key);
}

ClientRows& Heads::of(const Permalink& client) {
  if (const auto found = young_.find(client); found != young_.end()) return found->second;
  if (auto node = old_.extract(client)) return young_.insert(std::move(node)).position->second;
  return young_.emplace(client, source_.load(client)).first->second;
}

void Heads::for_each_changed(const std::function<void(const Permalink&, const ClientRows&)>& visit) const {
  for (const auto& [client, rows] : changed_) visit(client, *rows);
}

void Heads::settle() {
  for (const auto& [client, rows] : changed_) {
    rows->listed = false;
    rows->head.stored = rows->head.stored || rows->dirty();
    rows->head.dirty = false;
    for (auto* row : rows->changed_devices) row->second.dirty = false;
    for (auto* row : rows->changed_cursors) row->second.dirty = false;
    rows->changed_devices.clear();
    rows->changed_cursors.clear();
  }
  changed_.clear();
  new_keys_.clear();
  if (young_.size() <= cached_max_ / 2) return;
  old_ = std::move(young_);
  young_.clear();
}

void Heads::forget() {
  changed_.clear();
  new_keys_.clear();
  young_.clear();
  old_.clear();
}

}  // namespace sealpost::log
