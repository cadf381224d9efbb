#include "client/store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "client/entry_rows.hpp"

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

Result<std::int64_t> pragma(const Database& database, const char* sql) {
  Statement row(database, sql);
  const std::int64_t value = row.step() ? row.number(0) : 0;
  const auto read = row.status();
  if (!read) return read.error();
  return value;
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
  const auto version = pragma(store.database_, "PRAGMA user_version");
  if (!version) return version.error();
  const auto mark = pragma(store.database_, "PRAGMA application_id");
  if (!mark) return mark.error();
  if (*mark != 0 && *mark != application) return Errc::store_foreign;
  if (*version > version_known) return Errc::store_newer;
  if (*version == 0) {
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
  std::map<std::string, std::string> settings;
  Statement rows(database_, "SELECT key, value FROM setting");
  while (rows.step()) settings[rows.text(0)] = rows.text(1);
  const auto read = rows.status();
  if (!read) return read;
  if (settings["owner"] != owner.hex()) return Errc::store_foreign;
  const auto device = Device::parse(settings["device"]);
  if (!device) return Errc::store_damaged;
  lane_.device = *device;
  lane_.log = Device::parse(settings["log"]).value_or(Device());
  lane_.received.n = seq_of(std::atoll(settings["received_n"].c_str()));
  lane_.received.link = Link::from_hex(settings["received_link"]).value_or(Link());
  server_ = Permalink::from_hex(settings["server"]);
  confirmed_ = static_cast<std::size_t>(std::atoll(settings["confirmed"].c_str()));
  return load_head();
}

Result<void> Store::load_head() {
  Statement row(database_, select_entries("mine = 1 AND lane = ?1 AND standing IN (0, 1) ORDER BY n DESC LIMIT 1"));
  const auto last = read_one(row.bind(lane_.device.text()));
  if (!last) return last.error();
  if (*last) {
    lane_.head = {(*last)->n, (*last)->link};
    lane_.head_time = (*last)->time;
  }
  const auto prefix = acked_prefix();
  if (!prefix) return prefix.error();
  lane_.sent = *prefix;
  return {};
}

Result<void> Store::put(std::string_view key, std::string_view value) const {
  Statement put(database_, "INSERT INTO setting VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value");
  return put.bind(key).bind(value).run();
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

// Identities ----------------------------------------------------------------------------------------------------------

Result<void> Store::set_server(const Permalink& server) {
  const auto done = put("server", server.hex());
  if (done) server_ = server;
  return done;
}

Result<std::vector<std::string>> Store::identity(const Permalink& permalink) const {
  Statement rows(database_, "SELECT stored FROM identity WHERE permalink = ?1 ORDER BY version");
  rows.bind(permalink.hex());
  std::vector<std::string> versions;
  while (rows.step()) versions.push_back(rows.text(0));
  const auto read = rows.status();
  if (!read) return read.error();
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
