#include "client/sqlite.hpp"

#include <sqlite3.h>

namespace sealpost::client {

ErrorCode error_of_sqlite(int result) {
  switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return {};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::store_locked;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Errc::store_damaged;
    default:
      return Errc::store_failed;
  }
}

Statement::Statement(const Database& database, std::string_view sql) : database_(database.handle()) {
  result_ = sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(std::string_view text) {
  if (result_ == SQLITE_OK) {
    // A null pointer would bind NULL instead of the empty text.
    const char* const bytes = text.data() ? text.data() : "";
    result_ = sqlite3_bind_text(statement_, ++bound_, bytes, static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  if (result_ == SQLITE_OK) result_ = sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

bool Statement::step() {
  if (result_ != SQLITE_OK && result_ != SQLITE_ROW) return false;
  result_ = sqlite3_step(statement_);
  return result_ == SQLITE_ROW;
}

Result<void> Statement::run() {
  while (step()) {
  }
  return status();
}

Result<void> Statement::status() const {
  const ErrorCode error = error_of_sqlite(result_);
  if (error) return error;
  return {};
}

std::string Statement::text(int column) const {
  const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (!bytes) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database;
  database.handle_.reset(handle);
  if (result != SQLITE_OK) return error_of_sqlite(result);
  // EXCLUSIVE: the first transaction takes the file's lock and keeps it until the process ends, however it ends. FULL:
  // in WAL mode each commit is synced.
  const auto set = database.execute(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
      "BEGIN IMMEDIATE; COMMIT;");
  if (!set) return set.error();
  return database;
}

Result<void> Database::execute(const char* sql) const {
  const ErrorCode error = error_of_sqlite(sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr));
  if (error) return error;
  return {};
}

Change::Change(const Database& database) : database_(database), begun_(database.execute("BEGIN IMMEDIATE")) {
  open_ = begun_.has_value();
}

Change::~Change() {
  // What cannot be rolled back was rolled back by SQLite already.
  if (open_) (void)database_.execute("ROLLBACK");
}

Result<void> Change::commit() {
  if (!begun_) return begun_;
  const auto done = database_.execute("COMMIT");
  if (done) open_ = false;
  return done;
}

}  // namespace sealpost::client
