// The store's messages: ours, theirs, and both.

#include "client/entry_rows.hpp"

namespace sealpost::client {

// Ours ----------------------------------------------------------------------------------------------------------------

Result<void> Store::add_outgoing(const Entry& entry) {
  Change change(database_);
  const auto inserted = insert_entry(database_, entry);
  if (!inserted) return inserted;
  LaneState lane = lane_;
  lane.head = {entry.n, entry.link};
  lane.head_time = entry.time;
  return commit(change, lane);
}

Result<void> Store::resign(Seq from, const std::vector<Entry>& entries, std::optional<std::int64_t> dropped,
                           std::string_view note) {
  Change change(database_);
  Statement drop(database_, "UPDATE entry SET standing = 2, note = ?1 WHERE id = ?2 AND standing = 0");
  const auto refused = drop.bind(note).bind(dropped.value_or(0)).run();
  if (!refused) return refused;
  for (const Entry& entry : entries) {  // in order, so that each number is free when it is given anew
    Statement update(database_, "UPDATE entry SET n = ?1, link = ?2, time = ?3, stored = ?4 WHERE id = ?5");
    update.bind(number_of(entry.n)).bind(entry.link.hex()).bind(entry.time).bind(entry.stored).bind(entry.id);
    const auto updated = update.run();
    if (!updated) return updated;
  }
  LaneState lane = lane_;
  const auto read = outgoing(Seq{from.value - 1});
  if (!read) return read.error();
  const auto& before = *read;
  lane.head = before ? lane::Mark{before->n, before->link} : lane::Mark{};
  lane.head_time = before ? before->time : 0;
  if (!entries.empty()) {
    lane.head = {entries.back().n, entries.back().link};
    lane.head_time = entries.back().time;
  }
  return commit(change, lane);
}

Result<lane::Mark> Store::acked_prefix() const {
  Statement last(database_,
                 select_entries("mine = 1 AND lane = ?1 AND standing = 1 AND n < coalesce((SELECT min(n) FROM entry "
                                "WHERE mine = 1 AND lane = ?1 AND standing = 0), 9223372036854775807) "
                                "ORDER BY n DESC LIMIT 1"));
  last.bind(lane_.device.text());
  const auto entry = read_one(last);
  if (!entry) return entry.error();
  return *entry ? lane::Mark{(*entry)->n, (*entry)->link} : lane::Mark{};
}

Result<void> Store::note_acked(Seq n, const Link& link, std::string_view note) {
  const auto read = outgoing(n);
  if (!read) return read.error();
  const auto& entry = *read;
  if (!entry || entry->link != link) return Errc::protocol;
  if (entry->standing == Standing::acked) return {};
  Change change(database_);
  Statement update(database_, "UPDATE entry SET standing = 1, note = iif(?1 = '', note, ?1) WHERE id = ?2");
  const auto updated = update.bind(note).bind(entry->id).run();
  if (!updated) return updated;
  const auto prefix = acked_prefix();
  if (!prefix) return prefix.error();
  LaneState lane = lane_;
  lane.sent = *prefix;
  return commit(change, lane);
}

Result<void> Store::annotate(const Link& link, std::string_view note) {
  Statement update(database_, "UPDATE entry SET note = ?1 WHERE link = ?2 AND mine = 1");
  return update.bind(note).bind(link.hex()).run();
}

Result<std::vector<Entry>> Store::waiting() const {
  Statement rows(database_, select_entries("mine = 1 AND lane = ?1 AND standing = 0 ORDER BY n"));
  return read_entries(rows.bind(lane_.device.text()));
}

Result<std::optional<Entry>> Store::outgoing(Seq n) const {
  Statement row(database_, select_entries("mine = 1 AND lane = ?1 AND standing IN (0, 1) AND n = ?2"));
  return read_one(row.bind(lane_.device.text()).bind(number_of(n)));
}

Result<std::optional<Link>> Store::outgoing_link(Seq n) const {
  const auto entry = outgoing(n);
  if (!entry) return entry.error();
  return *entry ? std::optional((*entry)->link) : std::nullopt;
}

// Theirs --------------------------------------------------------------------------------------------------------------

// A message of a history that was superseded may be delivered again: then it stands once more.
Result<void> Store::keep_incoming(const Entry& entry) const {
  Statement find(database_, "SELECT id FROM entry WHERE mine = 0 AND link = ?1 AND standing = 4");
  const bool known = find.bind(entry.link.hex()).step();
  const auto found = find.status();
  if (!found) return found;
  if (!known) return insert_entry(database_, entry);
  Statement update(database_, "UPDATE entry SET standing = 3, lane = ?1 WHERE id = ?2");
  return update.bind(entry.lane.text()).bind(find.number(0)).run();
}

Result<void> Store::add_incoming(const Entry& entry, const std::optional<Relayed>& relayed) {
  Change change(database_);
  Statement cut(database_, "UPDATE entry SET standing = 4 WHERE mine = 0 AND standing = 3 AND n >= ?1");
  const auto superseded = cut.bind(number_of(entry.n)).run();
  if (!superseded) return superseded;
  const auto kept = keep_incoming(entry);
  if (!kept) return kept;
  if (relayed) {
    Statement move(database_,
                   "INSERT INTO relayed VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = max(n, excluded.n)");
    const auto moved = move.bind(relayed->author.hex()).bind(relayed->device.text()).bind(number_of(relayed->n)).run();
    if (!moved) return moved;
  }
  LaneState lane = lane_;
  lane.received = {entry.n, entry.link};
  if (!entry.lane.empty()) lane.log = entry.lane;
  return commit(change, lane);
}

Result<std::optional<Entry>> Store::incoming(Seq n) const {
  Statement row(database_, select_entries("mine = 0 AND standing = 3 AND n = ?1"));
  return read_one(row.bind(number_of(n)));
}

Result<std::optional<Entry>> Store::incoming(const Link& link) const {
  Statement row(database_, select_entries("mine = 0 AND link = ?1"));
  return read_one(row.bind(link.hex()));
}

Result<std::optional<Entry>> Store::answer_to(const Link& link) const {
  Statement row(database_, select_entries("mine = 0 AND answers = ?1 AND note = '' ORDER BY id LIMIT 1"));
  return read_one(row.bind(link.hex()));
}

Result<Seq> Store::relayed_position(const Permalink& author, const Device& device) const {
  Statement row(database_, "SELECT n FROM relayed WHERE author = ?1 AND device = ?2");
  const Seq n = row.bind(author.hex()).bind(device.text()).step() ? seq_of(row.number(0)) : Seq{};
  const auto read = row.status();
  if (!read) return read.error();
  return n;
}

// Both ----------------------------------------------------------------------------------------------------------------

Result<std::vector<Entry>> Store::history(const std::optional<Permalink>& peer, std::size_t most) const {
  Statement rows(database_,
                 select_entries("(?1 = '' OR peer = ?1) AND (mine = 0 OR standing <> 4) AND id IN (SELECT id FROM "
                                "entry WHERE (?1 = '' OR peer = ?1) AND (mine = 0 OR standing <> 4) "
                                "ORDER BY id DESC LIMIT ?2) ORDER BY id"));
  rows.bind(peer ? peer->hex() : std::string()).bind(static_cast<std::int64_t>(most));
  return read_entries(rows);
}

Result<void> Store::note_welcome(const lane::LogId& log, const lane::Mark& sent) {
  Change change(database_);
  Statement ours(database_,
                 "UPDATE entry SET standing = (n <= ?1) WHERE mine = 1 AND lane = ?2 AND standing IN (0, 1) AND "
                 "standing <> (n <= ?1)");
  const auto settled = ours.bind(number_of(sent.n)).bind(lane_.device.text()).run();
  if (!settled) return settled;
  LaneState lane = lane_;
  if (lane.received.n == Seq{}) lane.log = log;
  lane.sent = sent;
  return commit(change, lane);
}

Result<void> Store::start_over(const Device& fresh, const std::vector<Entry>& again, std::string_view why) {
  Change change(database_);
  Statement ours(database_, "UPDATE entry SET standing = 4, note = ?1 WHERE mine = 1 AND lane = ?2 AND standing = 0");
  const auto kept = ours.bind(why).bind(lane_.device.text()).run();
  if (!kept) return kept;
  const auto cut = database_.execute("UPDATE entry SET standing = 4 WHERE mine = 0 AND standing = 3");
  if (!cut) return cut;
  const auto noted = put("shut:" + lane_.device.text(), why);
  if (!noted) return noted;
  LaneState lane;
  lane.device = fresh;
  for (const Entry& entry : again) {
    const auto inserted = insert_entry(database_, entry);
    if (!inserted) return inserted;
    lane.head = {entry.n, entry.link};
    lane.head_time = entry.time;
  }
  return commit(change, lane);
}

}  // namespace sealpost::client
