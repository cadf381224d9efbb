#include "log/database.hpp"

#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "log/errc.hpp"

namespace sealpost::log {
namespace {

int last_errno(sqlite3_file* file) {
  int number = 0;
  if (file != nullptr && file->pMethods != nullptr)
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
  return number;
}

// What the system said of the read or write that failed: of the write-ahead log, else of the database.
int errno_of_failure(sqlite3* handle) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&file));
  if (const int number = last_errno(file)) return number;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file));
  return last_errno(file);
}

}  // namespace

// No statistics of memory, which nobody reads: they take one mutex of the process for each allocation, of which a
// message has some forty where SQLite is built without lookaside, as Debian's is. Without effect, and without harm,
// where somebody has used SQLite before.
void configure_sqlite() {
  static std::once_flag once;
  std::call_once(once, [] {
    const int code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    SEALPOST_ASSERT(code == SQLITE_OK || code == SQLITE_MISUSE);
  });
}

Database::Database(const std::string& path, int flags, const std::string& vfs) {
  configure_sqlite();
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                   vfs.empty() ? nullptr : vfs.c_str());
  handle_.reset(handle);
  fail(code);
}

void Database::fail(int code) {
  if (failed() || code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  code_ = code;
  const bool write = code == SQLITE_IOERR_WRITE;
  const bool damage = (code & 0xff) == SQLITE_CORRUPT;
  if (!write && !damage) return;
  const int number = errno_of_failure(handle());
  // No room too, which SQLite knows of ENOSPC alone: a quota, or a file at the size that the process may write.
  if (write && (number == EDQUOT || number == EFBIG)) code_ = SQLITE_FULL;
  // A file system that cannot read, which SQLite takes for damage of the file, may well have it whole.
  if (damage && (number == EIO || number == ENXIO)) code_ = SQLITE_IOERR_READ;
}

ErrorCode Database::error() const {
  // The shared-memory file of the WAL grows too: without room it reports an I/O error before anything was written.
  if (code_ == SQLITE_IOERR_SHMSIZE) return Errc::disk_full;
  switch (code_ & 0xff) {
    case SQLITE_OK:
      return {};
    case SQLITE_FULL:
      return Errc::disk_full;
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:  // a table or column that the version promises is not there
      return Errc::corrupt;
    case SQLITE_NOTADB:
      return Errc::not_a_log;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return Errc::cannot_open;
    default:
      return Errc::io;
  }
}

void Database::execute(const char* sql) {
  if (!failed()) fail(sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr));
}

std::int64_t Database::number(const char* sql) {
  Statement statement(*this, sql);
  auto rows = statement.query();
  return rows.next() ? rows.number(0) : 0;
}

std::string Database::text(const char* sql) {
  Statement statement(*this, sql);
  auto rows = statement.query();
  return rows.next() ? std::string(rows.text(0)) : std::string();
}

void Database::rollback() {
  if (sqlite3_get_autocommit(handle()) == 0) sqlite3_exec(handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  code_ = SQLITE_OK;
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  if (database.failed()) return;
  sqlite3_stmt* handle = nullptr;
  database.fail(sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                   SQLITE_PREPARE_PERSISTENT, &handle, nullptr));
  handle_.reset(handle);
}

bool Statement::step() {
  if (database_.failed()) return false;
  const int code = sqlite3_step(handle_.get());
  database_.fail(code);
  return code == SQLITE_ROW;
}

void Statement::finish() {
  if (database_.failed()) return;
  while (step()) {
  }
  sqlite3_reset(handle_.get());
}

void Statement::bind(int index, std::int64_t value) {
  database_.fail(sqlite3_bind_int64(handle_.get(), index, value));
}

void Statement::bind(int index, std::string_view text) {
  // A null pointer would be NULL, which an empty text is not.
  const char* bytes = text.data() == nullptr ? "" : text.data();
  database_.fail(sqlite3_bind_text64(handle_.get(), index, bytes, text.size(), lifetime_, SQLITE_UTF8));
}

void Statement::bind(int index, Optional optional) {
  if (optional.text.empty()) {
    database_.fail(sqlite3_bind_null(handle_.get(), index));
  } else {
    bind(index, optional.text);
  }
}

void Statement::bind(int index, BytesView blob) {
  database_.fail(sqlite3_bind_blob64(handle_.get(), index, blob.data(), blob.size(), lifetime_));
}

void Statement::bind(int index, const Digest& digest) {
  if (digest == Digest{}) {
    database_.fail(sqlite3_bind_null(handle_.get(), index));
  } else {
    bind(index, BytesView(digest));
  }
}

std::string_view Statement::Rows::text(int column) const {
  // The pointer first: asking for it may convert the value, which the length must follow.
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle(), column));
  const int size = sqlite3_column_bytes(handle(), column);
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, static_cast<std::size_t>(size));
}

std::string Statement::Rows::line() const {
  std::string line;
  for (int column = 0; column < sqlite3_column_count(handle()); ++column) {
    if (column > 0) line += '|';
    const int type = sqlite3_column_type(handle(), column);
    if (type == SQLITE_NULL) {
      line += '-';
    } else if (type == SQLITE_INTEGER) {
      line += std::to_string(number(column));
    } else {
      line += type == SQLITE_BLOB ? to_hex(as_bytes(text(column))) : std::string(text(column));
    }
  }
  return line;
}

Digest Statement::Rows::digest(int column) const {
  Digest digest{};
  const std::string_view bytes = text(column);
  if (bytes.size() == digest.size()) std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

}  // namespace sealpost::log
