#include "log/errc.hpp"
#include "log/walk.hpp"

namespace sealpost::log {

Result<EventId> rebuild(const std::string& path, const Progress& progress) {
  auto opened = open_offline(path, Access::write);
  if (!opened) return opened.error();
  Database& database = *opened->database;
  const auto log = read_log_row(database);
  if (!log) return log.error();

  // One transaction: until it is whole the old views stand.
  database.execute("BEGIN IMMEDIATE");
  for (const ViewTable& table : view_tables) database.execute((std::string("DELETE FROM ") + table.name).c_str());
  VerifyReport report;
  Fold fold(database, IndexedTo(log->head.id));
  walk(database, *log, fold, report, progress);
  fold.finish();
  if (database.failed()) {
    const ErrorCode error = database.error();
    database.rollback();
    return error;
  }
  if (report.fault_count > 0) {
    database.rollback();
    return Errc::corrupt;
  }
  database.execute("COMMIT");
  database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  if (database.failed()) return database.error();
  return log->head.id;
}

}  // namespace sealpost::log
