#pragma once
// One process for one log: an flock on <path>.lock, which the system gives back when the process ends, however it ends.
// (The database file itself must not be opened beside SQLite: closing it would drop SQLite's own locks.)

#include <string>

#include "base/files.hpp"
#include "base/result.hpp"

namespace sealpost::log {

class LockFile {
 public:
  // Errc::locked if another holds it, Errc::cannot_open if it cannot be made.
  static Result<LockFile> take(const std::string& database_path);

  // That there is a log now. It stays said after this object: a database file that is empty then has lost its log, and
  // is not one that is about to be made.
  void mark();
  bool is_marked() const;

 private:
  explicit LockFile(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace sealpost::log
