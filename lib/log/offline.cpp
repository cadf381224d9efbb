#include "log/offline.hpp"

#include <unistd.h>

#include "log/chain.hpp"
#include "log/errc.hpp"
#include "log/wal_damage.hpp"

namespace sealpost::log {

Result<Offline> open_offline(const std::string& path, Access access) {
  // Before the lock file is made beside it.
  if (::access(path.c_str(), R_OK | W_OK) != 0) return Errc::cannot_open;
  auto lock = LockFile::take(path);
  if (!lock) return lock.error();
  if (wal_is_damaged(path)) return Errc::wal_damaged;
  auto database = open_database(path, access, {});
  if (!database) return database.error();
  return Offline{*std::move(lock), *std::move(database)};
}

Result<LogRow> read_log_row(Database& database) {
  LogRow log;
  log.id = Device::parse(database.text("SELECT id FROM log")).value_or(Device{});
  {
    Statement indexed(database, SEALPOST_INDEXED_TO);
    auto row = indexed.query();
    if (row.next()) log.indexed_to = indexed_to_of(row);
  }
  {
    Statement newest(database, "SELECT id, hash FROM event ORDER BY id DESC LIMIT 1");
    auto row = newest.query();
    log.head = row.next() ? LogHead{row.strong<EventId>(0), row.digest(1)} : LogHead{{}, genesis(log.id)};
  }
  if (database.failed()) return database.error();
  if (log.id.empty()) return Errc::corrupt;
  return log;
}

}  // namespace sealpost::log
