#include "client/store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/encoding.hpp"

namespace sealpost::client {
namespace {

// `place`: one live message under a number. Standings: 0 waiting, 1 acked, 2 refused, 3 stored, 4 superseded.
constexpr const char* schema = R"sql(
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE entry (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mine INTEGER NOT NULL, lane TEXT NOT NULL, n INTEGER NOT NULL,
  link TEXT NOT NULL, time INTEGER NOT NULL, standing INTEGER NOT NULL, peer TEXT NOT NULL, answers TEXT NOT NULL,
  stored TEXT NOT NULL, note TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX place_mine ON entry (lane, n) WHERE mine = 1 AND standing IN (0, 1);
CREATE UNIQUE INDEX place_theirs ON entry (n) WHERE mine = 0 AND standing = 3;
CREATE INDEX waiting ON entry (lane, n) WHERE mine = 1 AND standing = 0;
CREATE INDEX by_link ON entry (link);
CREATE INDEX by_answers ON entry (answers) WHERE answers <> '';
CREATE INDEX by_peer ON entry (peer, id);
CREATE TABLE relayed (author TEXT, device TEXT, n INTEGER NOT NULL, PRIMARY KEY (author, device)) STRICT;
CREATE TABLE identity (
  permalink TEXT, version INTEGER, stored TEXT NOT NULL, PRIMARY KEY (permalink, version)) STRICT;
PRAGMA application_id = 1397769043;
PRAGMA user_version = 1;
)sql";
constexpr std::int64_t application = 1397769043;  // "SPCS"
constexpr std::int64_t version_known = 1;

constexpr std::string_view columns = "id, mine, lane, n, link, time, standing, peer, answers, stored, note";

std::int64_t number_of(Seq n) {
  return static_cast<std::int64_t>(n.value);
}

Seq seq_of(std::int64_t n) {
  return {static_cast<std::uint64_t>(n)};
}

Entry read_entry(const Statement& row) {
  Entry entry;
  entry.id = row.number(0);
  entry.mine = row.number(1) != 0;
  entry.lane = Device::parse(row.text(2)).value_or(Device());
  entry.n = seq_of(row.number(3));
  entry.link = Link::from_hex(row.text(4)).value_or(Link());
  entry.time = row.number(5);
  entry.standing = static_cast<Standing>(row.number(6));
  entry.peer = Permalink::from_hex(row.text(7)).value_or(Permalink());
  entry.answers = Link::from_hex(row.text(8));
  entry.stored = row.text(9);
  entry.note = row.text(10);
  return entry;
}

std::vector<Entry> read_entries(Statement& rows) {
  std::vector<Entry> entries;
  while (rows.step()) entries.push_back(read_entry(rows));
  return entries;
}

std::optional<Entry> read_one(Statement& rows) {
  if (!rows.step()) return std::nullopt;
  return read_entry(rows);
}

std::string select(std::string_view rest) {
  return std::string("SELECT ").append(columns).append(" FROM entry WHERE ").append(rest);
}

std::int64_t pragma(const Database& database, const char* sql) {
  Statement row(database, sql);
  return row.step() ? row.number(0) : 0;
}

// SQLite would make it readable for the group: messages are nobody else's business. Its log file follows suit.
Result<void> make_private(const std::filesystem::path& path) {
  std::error_code failed;
  const bool made = std::filesystem::create_directories(path.parent_path(), failed);
  if (failed) return Errc::store_failed;
  if (made) std::filesystem::permissions(path.parent_path(), std::filesystem::perms::owner_all, failed);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return Errc::store_failed;
  ::close(file);
  return {};
}

}  // namespace

std::string_view name(Standing standing) {
  switch (standing) {
    case Standing::waiting:
      return "waiting";
    case Standing::acked:
      return "acked";
    case Standing::refused:
      return "refused";
    case Standing::stored:
      return "stored";
    case Standing::superseded:
      return "superseded";
  }
  return "unknown";
}

std::optional<lane::Position> LaneState::position() const {
  if (log.empty()) return std::nullopt;
  return lane::Position{log, sent, received};
}

// Opening -------------------------------------------------------------------------------------------------------------

Result<Store> Store::open(const std::filesystem::path& path, const Permalink& owner, const Device& fresh) {
  const auto file = make_private(path);
  if (!file) return file.error();
  auto database = Database::open(path.string());
  if (!database) return database.error();
  Store store(std::move(*database));
  const std::int64_t version = pragma(store.database_, "PRAGMA user_version");
  const std::int64_t mark = pragma(store.database_, "PRAGMA application_id");
  if (mark != 0 && mark != application) return Errc::store_foreign;
  if (version > version_known) return Errc::store_newer;
  if (version == 0) {
    const auto created = store.create(owner, fresh);
    if (!created) return created.error();
  }
  const auto loaded = store.load(owner);
  if (!loaded) return loaded.error();
  return store;
}

Result<void> Store::create(const Permalink& owner, const Device& fresh) {
  Change change(database_);
  const auto made = database_.execute(schema);
  if (!made) return made;
  const auto owned = put("owner", owner.hex());
  if (!owned) return owned;
  LaneState lane;
  lane.device = fresh;
  return commit(change, lane);
}

Result<void> Store::load(const Permalink& owner) {
  if (get("owner") != owner.hex()) return Errc::store_foreign;
  const auto device = Device::parse(get("device"));
  if (!device) return Errc::store_damaged;
  lane_.device = *device;
  lane_.log = Device::parse(get("log")).value_or(Device());
  lane_.received.n = seq_of(std::atoll(get("received_n").c_str()));
  lane_.received.link = Link::from_hex(get("received_link")).value_or(Link());
  server_ = Permalink::from_hex(get("server"));
  confirmed_ = static_cast<std::size_t>(std::atoll(get("confirmed").c_str()));

  Statement head(database_, select("mine = 1 AND lane = ?1 AND standing IN (0, 1) ORDER BY n DESC LIMIT 1"));
  head.bind(lane_.device.text());
  if (const auto last = read_one(head)) {
    lane_.head = {last->n, last->link};
    lane_.head_time = last->time;
  }
  const auto prefix = acked_prefix();
  if (!prefix) return prefix.error();
  lane_.sent = *prefix;
  return head.status();
}

Result<void> Store::put(std::string_view key, std::string_view value) const {
  Statement put(database_, "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value");
  return put.bind(key).bind(value).run();
}

std::string Store::get(std::string_view key) const {
  Statement get(database_, "SELECT value FROM setting WHERE key = ?1");
  return get.bind(key).step() ? get.text(0) : std::string();
}

// What load() cannot work out from the entries.
Result<void> Store::put_lane(const LaneState& lane) const {
  for (const auto& [key, value] : {std::pair<std::string_view, std::string>{"device", lane.device.text()},
                                   {"log", lane.log.text()},
                                   {"received_n", std::to_string(lane.received.n.value)},
                                   {"received_link", lane.received.link.hex()}}) {
    const auto done = put(key, value);
    if (!done) return done;
  }
  return {};
}

Result<void> Store::commit(Change& change, const LaneState& lane) {
  const auto put = put_lane(lane);
  if (!put) return put;
  const auto done = change.commit();
  if (done) lane_ = lane;
  return done;
}

// Ours ----------------------------------------------------------------------------------------------------------------

Result<void> Store::insert(const Entry& entry) const {
  Statement insert(database_, "INSERT INTO entry VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  insert.bind(std::int64_t{entry.mine}).bind(entry.lane.text()).bind(number_of(entry.n)).bind(entry.link.hex());
  insert.bind(entry.time).bind(static_cast<std::int64_t>(entry.standing)).bind(entry.peer.hex());
  insert.bind(entry.answers ? entry.answers->hex() : std::string()).bind(entry.stored).bind(entry.note);
  return insert.run();
}

Result<void> Store::add_outgoing(const Entry& entry) {
  Change change(database_);
  const auto inserted = insert(entry);
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
  const auto before = outgoing(Seq{from.value - 1});
  lane.head = before ? lane::Mark{before->n, before->link} : lane::Mark{};
  lane.head_time = before ? before->time : 0;
  if (!entries.empty()) {
    lane.head = {entries.back().n, entries.back().link};
    lane.head_time = entries.back().time;
  }
  return commit(change, lane);
}

Result<lane::Mark> Store::acked_prefix() const {
  Statement last(database_, select("mine = 1 AND lane = ?1 AND standing = 1 AND n < coalesce((SELECT min(n) FROM entry "
                                   "WHERE mine = 1 AND lane = ?1 AND standing = 0), 9223372036854775807) "
                                   "ORDER BY n DESC LIMIT 1"));
  last.bind(lane_.device.text());
  const auto entry = read_one(last);
  if (entry) return lane::Mark{entry->n, entry->link};
  const auto status = last.status();
  if (!status) return status.error();
  return lane::Mark{};
}

Result<void> Store::note_acked(Seq n, const Link& link, std::string_view note) {
  const auto entry = outgoing(n);
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

std::vector<Entry> Store::outgoing_after(Seq n, std::size_t most) const {
  Statement rows(database_, select("mine = 1 AND lane = ?1 AND standing IN (0, 1) AND n > ?2 ORDER BY n LIMIT ?3"));
  rows.bind(lane_.device.text()).bind(number_of(n)).bind(static_cast<std::int64_t>(most));
  return read_entries(rows);
}

std::vector<Entry> Store::waiting() const {
  Statement rows(database_, select("mine = 1 AND lane = ?1 AND standing = 0 ORDER BY n"));
  return read_entries(rows.bind(lane_.device.text()));
}

std::optional<Entry> Store::outgoing(Seq n) const {
  Statement row(database_, select("mine = 1 AND lane = ?1 AND standing IN (0, 1) AND n = ?2"));
  return read_one(row.bind(lane_.device.text()).bind(number_of(n)));
}

std::optional<Link> Store::outgoing_link(Seq n) const {
  const auto entry = outgoing(n);
  return entry ? std::optional(entry->link) : std::nullopt;
}

// Theirs --------------------------------------------------------------------------------------------------------------

// A message of a history that was superseded may be delivered again: then it stands once more.
Result<void> Store::keep_incoming(const Entry& entry) const {
  Statement find(database_, "SELECT id FROM entry WHERE mine = 0 AND link = ?1 AND standing = 4");
  if (!find.bind(entry.link.hex()).step()) return insert(entry);
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

std::optional<Entry> Store::incoming(Seq n) const {
  Statement row(database_, select("mine = 0 AND standing = 3 AND n = ?1"));
  return read_one(row.bind(number_of(n)));
}

bool Store::has_incoming(const Link& link) const {
  Statement row(database_, "SELECT 1 FROM entry WHERE mine = 0 AND link = ?1");
  return row.bind(link.hex()).step();
}

std::optional<Entry> Store::answer_to(const Link& link) const {
  Statement row(database_, select("mine = 0 AND answers = ?1 ORDER BY id LIMIT 1"));
  return read_one(row.bind(link.hex()));
}

Seq Store::relayed_position(const Permalink& author, const Device& device) const {
  Statement row(database_, "SELECT n FROM relayed WHERE author = ?1 AND device = ?2");
  return row.bind(author.hex()).bind(device.text()).step() ? seq_of(row.number(0)) : Seq{};
}

// Both ----------------------------------------------------------------------------------------------------------------

std::vector<Entry> Store::history(const std::optional<Permalink>& peer, std::size_t most) const {
  Statement rows(database_, select("(?1 = '' OR peer = ?1) AND (mine = 0 OR standing <> 4) AND id IN (SELECT id FROM "
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
    const auto inserted = insert(entry);
    if (!inserted) return inserted;
    lane.head = {entry.n, entry.link};
    lane.head_time = entry.time;
  }
  return commit(change, lane);
}

// Identities ----------------------------------------------------------------------------------------------------------

Result<void> Store::set_server(const Permalink& server) {
  const auto done = put("server", server.hex());
  if (done) server_ = server;
  return done;
}

std::vector<std::string> Store::identity(const Permalink& permalink) const {
  Statement rows(database_, "SELECT stored FROM identity WHERE permalink = ?1 ORDER BY version");
  rows.bind(permalink.hex());
  std::vector<std::string> versions;
  while (rows.step()) versions.push_back(rows.text(0));
  return versions;
}

Result<void> Store::add_identity_version(const object::Identity& identity) {
  Statement insert(database_, "INSERT INTO identity VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING");
  insert.bind(identity.permalink().hex()).bind(static_cast<std::int64_t>(identity.version())).bind(identity.stored());
  return insert.run();
}

Result<void> Store::set_confirmed_versions(std::size_t versions) {
  const auto done = put("confirmed", std::to_string(versions));
  if (done) confirmed_ = versions;
  return done;
}

}  // namespace sealpost::client
