#pragma once
// When the WAL goes back into the database: between commits, by the writer's connection alone (SQLite before 3.51.3 may
// damage the file if two connections checkpoint).

#include "base/ports.hpp"
#include "log/database.hpp"

namespace sealpost::log {

class Checkpoints {
 public:
  Checkpoints(Database&, Clock&);

  // Each gives a disk error that must stop the log; too little room is not one, the WAL then stays as it is.
  ErrorCode after_commit();  // if the WAL has grown long enough
  ErrorCode when_idle();     // if there is anything worth it
  ErrorCode at_end();        // leaves an empty WAL

  bool is_due_when_idle() const { return waiting() >= idle_pages_min; }

 private:
  int waiting() const { return pages_ < done_ ? pages_ : pages_ - done_; }
  ErrorCode run(int mode);
  void adapt(std::int64_t took_us);

  static constexpr int idle_pages_min = 64;
  static constexpr int pages_min = 256;          // 1 MiB
  static constexpr int pages_max = 4096;         // 16 MiB
  static constexpr int restart_pages = 16384;    // 64 MiB: readers have kept it from starting again
  static constexpr std::int64_t long_us = 8000;  // of the 10 ms that commit and checkpoint may take
  static constexpr int wait_for_readers_ms = 5;

  Database& database_;
  Clock& clock_;
  int threshold_ = 1024;
  int pages_ = 0;  // in the WAL
  int done_ = 0;   // of them, in the database too
};

}  // namespace sealpost::log
