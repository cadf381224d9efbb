#pragma once
// As much of SQLite as the store needs. Not safe for several threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/errc.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace sealpost::client {

class Database;

// One statement, prepared for one use. A failure in any step stays: ok() tells in the end.
class Statement {
 public:
  Statement(const Database&, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Values for ?1, ?2 and so on. Texts are copied.
  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);

  // The next row, if there is one.
  bool step();
  // Runs to the end.
  Result<void> run();
  Result<void> status() const;

  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int result_;
};

class Database {
 public:
  // Opens or makes the file, for this process alone, and durably: a commit that returned has been synced.
  static Result<Database> open(const std::string& path);

  Result<void> execute(const char* sql) const;
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3*) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

// Rolls back unless committed.
class Change {
 public:
  explicit Change(const Database&);
  ~Change();
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  Result<void> commit();

 private:
  const Database& database_;
  Result<void> begun_;
  bool open_ = false;
};

ErrorCode error_of_sqlite(int result);

}  // namespace sealpost::client
