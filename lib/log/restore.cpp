#include "log/event_rows.hpp"
#include "log/maintenance.hpp"
#include "log/offline.hpp"

namespace sealpost::log {
namespace {

Record restore_point(const LogRow& log, const Device& id, Millis now) {
  Record record;
  record.id = log.head.id.next();
  record.draft.kind = Kind::restored;
  record.draft.device = id;
  record.draft.type = log.id.text();
  record.draft.cause = log.head.id;
  record.draft.time = record.logged = now;
  record.hash = chain_hash(log.head.hash, record);
  return record;
}

}  // namespace

Result<Device> mark_restored(const std::string& path, Clock& clock, Random& random) {
  auto opened = open_offline(path, Access::write);
  if (!opened) return opened.error();
  Database& database = *opened->database;
  const auto log = read_log_row(database);
  if (!log) return log.error();
  const Device id = new_log_id(random);
  database.execute("BEGIN IMMEDIATE");
  EventRows(database).insert(restore_point(*log, id, clock.now()));
  Statement(database, "UPDATE log SET id = ?1").run(id);
  database.execute("COMMIT");
  database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  if (database.failed()) return database.error();
  return id;
}

Result<std::string> dump_views(const std::string& path) {
  auto opened = open_offline(path, Access::inspect);
  if (!opened) return opened.error();
  Database& database = *opened->database;
  std::string dump;
  for (const ViewTable& table : view_tables) {
    Statement select(database, select_sorted(table));
    for (auto row = select.query(); row.next();) dump.append(table.name).append(" ").append(row.line()).append("\n");
  }
  if (database.failed()) return database.error();
  return dump;
}

}  // namespace sealpost::log
