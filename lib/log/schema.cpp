#include "log/schema.hpp"

#include "base/encoding.hpp"
#include "log/errc.hpp"
#include "log/gathering_vfs.hpp"

namespace sealpost::log {
namespace {

constexpr const char* tables = R"sql(
-- The truth. Dense ids from 1; NULL where there is nothing.
CREATE TABLE event (
  id INTEGER PRIMARY KEY, part INTEGER NOT NULL, time INTEGER NOT NULL, logged INTEGER NOT NULL, kind INTEGER NOT NULL,
  client BLOB, device TEXT, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, link BLOB, prev BLOB, author BLOB,
  recipient BLOB, object BLOB, type TEXT, consumer TEXT, cause INTEGER NOT NULL, keys BLOB, body_hash BLOB,
  hash BLOB NOT NULL) STRICT;
CREATE TRIGGER event_keep BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'events never change'); END;
CREATE TRIGGER event_stay BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'events are never deleted'); END;
-- Partial, so that they cost an ordinary append nothing.
CREATE INDEX event_security ON event(id) WHERE kind = 7;
CREATE INDEX event_restored ON event(id) WHERE kind = 9;

-- What may be erased: text becomes NULL.
CREATE TABLE body (event INTEGER PRIMARY KEY, text TEXT) STRICT;

-- One row: the log's id (32 hex digits), and up to which event each of the tables from `lane` on follows.
CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, created INTEGER NOT NULL,
  lane_to INTEGER NOT NULL, feed_to INTEGER NOT NULL, link_to INTEGER NOT NULL, type_to INTEGER NOT NULL,
  author_to INTEGER NOT NULL) STRICT;

-- Heads, in the same transaction as the event.
CREATE TABLE client (client BLOB PRIMARY KEY, identity BLOB, identity_event INTEGER NOT NULL, out_seq INTEGER NOT NULL,
  out_link BLOB, out_time INTEGER NOT NULL, out_event INTEGER NOT NULL, last_in INTEGER NOT NULL,
  last_intent INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE device (client BLOB, device TEXT, epoch INTEGER NOT NULL, in_seq INTEGER NOT NULL, in_link BLOB,
  in_time INTEGER NOT NULL, in_event INTEGER NOT NULL, shut INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (client, device))
  STRICT, WITHOUT ROWID;
CREATE TABLE cursor (client BLOB, consumer TEXT, event INTEGER NOT NULL, PRIMARY KEY (client, consumer))
  STRICT, WITHOUT ROWID;
CREATE TABLE key (key BLOB PRIMARY KEY, client BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- Observations; they do not follow from events.
CREATE TABLE position (client BLOB, device TEXT, acked INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  PRIMARY KEY (client, device)) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (scope TEXT, key TEXT, request BLOB NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  time INTEGER NOT NULL, PRIMARY KEY (scope, key)) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_time ON idempotency(time);

-- Indexes that follow behind. A lane without a device is an out-lane; object_link has the first 8 bytes of the link,
-- as a number; object_author leaves out what a client wrote in its own lanes.
CREATE TABLE lane (client BLOB, device TEXT, seq INTEGER, event INTEGER NOT NULL, PRIMARY KEY (client, device, seq))
  STRICT, WITHOUT ROWID;
CREATE TABLE feed (client BLOB, kind INTEGER, event INTEGER, PRIMARY KEY (client, kind, event)) STRICT, WITHOUT ROWID;
CREATE TABLE object_link (link INTEGER, event INTEGER, PRIMARY KEY (link, event)) STRICT, WITHOUT ROWID;
CREATE TABLE object_type (type TEXT, event INTEGER, PRIMARY KEY (type, event)) STRICT, WITHOUT ROWID;
CREATE TABLE object_author (author BLOB, event INTEGER, PRIMARY KEY (author, event)) STRICT, WITHOUT ROWID;
CREATE TABLE object_permalink (permalink BLOB, event INTEGER, PRIMARY KEY (permalink, event)) STRICT, WITHOUT ROWID;

-- For people.
CREATE VIEW inbox AS SELECT id, logged, time, lower(hex(client)) AS client, device, seq, lower(hex(link)) AS link, type,
  text FROM event LEFT JOIN body ON body.event = id WHERE kind = 3;
CREATE VIEW outbox AS SELECT id, logged, time, lower(hex(client)) AS client, seq, lower(hex(link)) AS link, type, text
  FROM event LEFT JOIN body ON body.event = id WHERE kind = 4;
)sql";

constexpr int mqtt_tables_since = 3;
constexpr const char* mqtt_tables = R"sql(
-- What MQTT keeps: beside the events, not of them. NULL for bytes and identifiers where there are none.
CREATE TABLE mqtt_session (id INTEGER PRIMARY KEY, key TEXT NOT NULL, expiry INTEGER NOT NULL,
  detached_at INTEGER NOT NULL) STRICT;
CREATE TABLE mqtt_subscription (session INTEGER, filter TEXT, options INTEGER NOT NULL, identifier INTEGER NOT NULL,
  PRIMARY KEY (session, filter)) STRICT, WITHOUT ROWID;
CREATE TABLE mqtt_message (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, properties BLOB, payload BLOB,
  qos INTEGER NOT NULL, retain INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
CREATE TABLE mqtt_delivery (session INTEGER, number INTEGER, message INTEGER NOT NULL, qos INTEGER NOT NULL,
  retain INTEGER NOT NULL, released INTEGER NOT NULL, identifiers BLOB, PRIMARY KEY (session, number))
  STRICT, WITHOUT ROWID;
-- Who else waits for a message, when a session ends.
CREATE INDEX mqtt_delivery_message ON mqtt_delivery(message);
CREATE TABLE mqtt_received (session INTEGER, packet_id INTEGER, PRIMARY KEY (session, packet_id)) STRICT, WITHOUT ROWID;
CREATE TABLE mqtt_retained (topic TEXT PRIMARY KEY, properties BLOB, payload BLOB, qos INTEGER NOT NULL,
  retain INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
)sql";

int flags_of(Access access) {
  return access == Access::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
}

void set_pragmas(Database& database, Access access) {
  // A checkpoint belongs to the writer alone, also when another connection is the last to close.
  if (access == Access::inspect) {
    sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    database.execute("PRAGMA query_only = 1");
  }
  sqlite3_busy_timeout(database.handle(), 1000);
  // `synchronous = FULL` is what gathering_vfs relies on. 4 MiB of pages: the kernel has the file, and a larger cache
  // was no faster.
  database.execute(
      "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
      "PRAGMA trusted_schema = 0; PRAGMA cache_size = -4096; PRAGMA cell_size_check = 1");
  // The writer's transactions are bounded, and may take more memory, so that none of their pages is written twice;
  // those of a tool write tables of any size.
  if (access == Access::create) database.execute("PRAGMA cache_spill = 0");
  if (access == Access::write) database.execute("PRAGMA cache_size = -32768");
  if (access != Access::inspect) database.execute("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864");
}

ErrorCode check_version(Database& database) {
  const std::int64_t application = database.number("PRAGMA application_id");
  const std::int64_t version = database.number("PRAGMA user_version");
  if (database.failed()) return database.error();
  if (application != application_id) return Errc::not_a_log;
  if (version > schema_version) return Errc::newer_schema;
  if (version < oldest_schema_version) return Errc::older_schema;
  return {};
}

void set_version(Database& database) {
  database.execute(("PRAGMA user_version = " + std::to_string(schema_version)).c_str());
}

// Adds what a log of an earlier version lacks: whole, or not at all.
ErrorCode upgrade(Database& database) {
  if (database.number("PRAGMA user_version") == schema_version || database.failed()) return database.error();
  database.execute("BEGIN IMMEDIATE");
  database.execute(mqtt_tables);
  set_version(database);
  database.execute("COMMIT");
  return database.error();
}

// Nothing but SQLite's own first page: a file of several pages whose list of tables is empty has lost it.
bool is_empty(Database& database) {
  const bool no_tables = database.number("SELECT count(*) FROM sqlite_schema") == 0;
  return no_tables && database.number("PRAGMA page_count") <= 1 && !database.failed();
}

}  // namespace

Result<std::unique_ptr<Database>> open_database(const std::string& path, Access access, const std::string& vfs) {
  auto database =
      std::make_unique<Database>(path, flags_of(access), access == Access::inspect ? vfs : gathering_vfs(vfs));
  if (database->failed()) return database->error();
  // The first look at the file comes before anything is written to it.
  const bool fresh = access == Access::create && is_empty(*database);
  if (!fresh) {
    if (const ErrorCode error = check_version(*database)) return error;
  }
  set_pragmas(*database, access);
  if (database->failed()) return database->error();
  return database;
}

ErrorCode create_schema(Database& database, Clock& clock, Random& random) {
  if (!is_empty(database)) return upgrade(database);
  database.execute("BEGIN IMMEDIATE");
  database.execute(tables);
  database.execute(mqtt_tables);
  Statement(database, "INSERT INTO log VALUES (1, ?1, ?2, 0, 0, 0, 0, 0)").run(new_log_id(random), clock.now());
  database.execute(("PRAGMA application_id = " + std::to_string(application_id)).c_str());
  set_version(database);
  database.execute("COMMIT");
  return database.error();
}

bool has_mqtt_tables(Database& database) {
  return database.number("PRAGMA user_version") >= mqtt_tables_since;
}

Result<std::unique_ptr<Database>> open_scratch() {
  auto database = std::make_unique<Database>("", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "");
  database->execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536");
  database->execute(tables);
  database->execute("INSERT INTO log VALUES (1, '', 0, 0, 0, 0, 0, 0); BEGIN");
  if (database->failed()) return database->error();
  return database;
}

std::string select_sorted(const ViewTable& table) {
  std::string order = "1";
  for (int column = 2; column <= table.key_columns; ++column) order += ", " + std::to_string(column);
  return std::string("SELECT * FROM ") + table.name + " ORDER BY " + order;
}

Device new_log_id(Random& random) {
  return Device::parse(to_hex(random.bytes<16>())).value_or(Device{});
}

}  // namespace sealpost::log
