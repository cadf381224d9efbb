#include "log/event_rows.hpp"
#include "log/file_copy.hpp"
#include "log/maintenance.hpp"
#include "log/offline.hpp"
#include "log/wal_damage.hpp"

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

// `path` is a log that no server will open before this is done.
Result<Device> mark(const std::string& path, Clock& clock, Random& random) {
  if (wal_is_damaged(path)) return Errc::wal_damaged;
  auto opened = open_database(path, Access::write, {});
  if (!opened) return opened.error();
  Database& database = **opened;
  const auto log = read_log_row(database);
  if (!log) return log.error();
  Device id = new_log_id(random);
  database.execute("BEGIN IMMEDIATE");
  const Record point = restore_point(*log, id, clock.now());
  EventRows rows(database);
  rows.add(point, point.draft.body);
  rows.flush();
  Statement(database, "UPDATE log SET id = ?1").run(id);
  database.execute("COMMIT");
  database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  if (database.failed()) return database.error();
  return id;
}

void remove_database(const std::string& path) {
  for (const char* const suffix : {"", "-wal", "-shm"}) remove_file(path + suffix);
}

// A copy under a name of its own. The -wal of a backup is a part of it.
ErrorCode copy_database(const std::string& from, const std::string& to, const Ownership& owner) {
  remove_database(to);  // of a restore that was interrupted
  for (const std::string suffix : {"", "-wal"}) {
    if (!suffix.empty() && !file_exists(from + suffix)) continue;
    if (const ErrorCode error = copy_file(from + suffix, to + suffix, owner)) return error;
  }
  return {};
}

// The first name that is free; empty if there is nothing to be kept.
std::string name_to_keep(const std::string& path) {
  if (!file_exists(path)) return {};
  for (int number = 1;; ++number) {
    const std::string kept = path + ".replaced-" + std::to_string(number);
    if (!file_exists(kept) && !file_exists(kept + "-wal")) return kept;
  }
}

// What was there makes way with its -wal, whole: SQLite would replay a -wal that lies beside another file.
ErrorCode put_in_place(const std::string& ready, const std::string& path, const std::string& kept) {
  remove_file(path + "-shm");
  if (!kept.empty()) {
    if (const ErrorCode error = rename_file(path, kept)) return error;
  }
  if (file_exists(path + "-wal")) {
    const std::string wal = (kept.empty() ? path + ".replaced" : kept) + "-wal";
    if (const ErrorCode error = rename_file(path + "-wal", wal)) return error;
  }
  if (const ErrorCode error = sync_folder(path)) return error;
  if (const ErrorCode error = rename_file(ready, path)) return error;
  return sync_folder(path);
}

}  // namespace

Result<Restored> restore(const std::string& backup, const std::string& path, Clock& clock, Random& random) {
  if (!file_exists(backup)) return Errc::cannot_open;
  const auto owner = owner_of(path);
  if (!owner) return owner.error();
  const bool first_lock = !file_exists(path + ".lock");
  const auto lock = LockFile::take(path);
  if (!lock) return lock.error();
  if (first_lock) {
    if (const ErrorCode error = give_file(path + ".lock", *owner)) return error;
  }
  const std::string copy = path + ".restoring";
  const ErrorCode copied = copy_database(backup, copy, *owner);
  const auto id = copied ? Result<Device>(copied) : mark(copy, clock, random);
  if (!id) {
    remove_database(copy);
    return id.error();
  }
  Restored restored{*id, name_to_keep(path)};
  if (const ErrorCode error = put_in_place(copy, path, restored.kept)) return error;
  return restored;
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
