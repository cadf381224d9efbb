#pragma once
// SQLite behind a small RAII. Errors stick to the connection, as they do to a stream: after the first one its
// statements do nothing, and whoever commits or ends a read looks once. A connection belongs to one thread at a time.

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace sealpost::log {

// Settings of the library that have an effect before its first use only; from then on this does nothing.
void configure_sqlite();

class Database {
 public:
  // `flags` as sqlite3_open_v2 takes them. What went wrong is in error().
  Database(const std::string& path, int flags, const std::string& vfs);

  bool failed() const { return code_ != SQLITE_OK; }
  // The first error, as the log's callers know it.
  ErrorCode error() const;
  int sqlite_code() const { return code_; }
  // Notes an error; the first one stays.
  void fail(int code);

  void execute(const char* sql);
  std::int64_t number(const char* sql);  // the first column of the first row
  std::string text(const char* sql);
  // Forgets the transaction and its error.
  void rollback();

  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
  int code_ = SQLITE_OK;
};

// Stored as NULL where there is nothing.
struct Optional {
  std::string_view text;
};

// A prepared statement, kept as a member beside its SQL. Must not outlive its database.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  // Executes it with the arguments as ?1, ?2, ...; they need to live for the call only.
  template <class... Arguments>
  void run(const Arguments&... arguments) {
    bind_from(0, SQLITE_STATIC, arguments...);
    finish();
  }

  // The same by pieces, for a statement with many rows of arguments; what they refer to lives until execute().
  template <class... Arguments>
  void bind_row(int row, const Arguments&... arguments) {
    bind_from(row * static_cast<int>(sizeof...(arguments)), SQLITE_STATIC, arguments...);
  }
  void execute() { finish(); }

  // The rows of a query: for (auto rows = s.query(a, b); rows.next();) rows.number(0)
  class Rows {
   public:
    explicit Rows(Statement& statement) : statement_(&statement) {}
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    ~Rows() { sqlite3_reset(statement_->handle_.get()); }

    bool next() { return statement_->step(); }
    bool is_null(int column) const { return sqlite3_column_type(handle(), column) == SQLITE_NULL; }
    std::int64_t number(int column) const { return sqlite3_column_int64(handle(), column); }
    template <class Strong>
    Strong strong(int column) const {
      return Strong{static_cast<decltype(Strong::value)>(number(column))};
    }
    std::string_view text(int column) const;
    // 32 bytes; all zero where the column holds anything else.
    Digest digest(int column) const;
    template <class Name>
    Name name(int column) const {
      return Name{digest(column)};
    }
    // The whole row as text: blobs in hex, NULL as -, between bars.
    std::string line() const;
    Device device(int column) const { return Device::parse(text(column)).value_or(Device{}); }

   private:
    sqlite3_stmt* handle() const { return statement_->handle_.get(); }
    Statement* statement_;
  };
  template <class... Arguments>
  Rows query(const Arguments&... arguments) {
    bind_from(0, SQLITE_TRANSIENT, arguments...);
    return Rows(*this);
  }

 private:
  template <class... Arguments>
  void bind_from(int index, sqlite3_destructor_type lifetime, const Arguments&... arguments) {
    if (database_.failed()) return;
    lifetime_ = lifetime;
    (bind(++index, arguments), ...);
  }
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view text);
  void bind(int index, const std::string& text) { bind(index, std::string_view(text)); }
  void bind(int index, Optional optional);
  void bind(int index, BytesView blob);
  void bind(int index, const Digest& digest);  // all zero: NULL
  void bind(int index, const Device& device) { bind(index, std::string_view(device.text())); }
  template <std::integral Value>
  void bind(int index, Value value) {
    bind(index, static_cast<std::int64_t>(value));
  }
  template <class Tag>
  void bind(int index, const Name32<Tag>& name) {
    bind(index, name.bytes);
  }
  template <class Tag, class Value>
  void bind(int index, const Number<Tag, Value>& value) {
    bind(index, static_cast<std::int64_t>(value.value));
  }
  bool step();
  void finish();

  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  Database& database_;
  sqlite3_destructor_type lifetime_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

}  // namespace sealpost::log
