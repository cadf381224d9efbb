#include "log/checkpoints.hpp"

#include <algorithm>

#include "log/errc.hpp"

namespace sealpost::log {

Checkpoints::Checkpoints(Database& database, Clock& clock) : database_(database), clock_(clock) {
  sqlite3_busy_timeout(database.handle(), wait_for_readers_ms);
  sqlite3_wal_hook(
      database.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Checkpoints*>(self)->pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

ErrorCode Checkpoints::after_commit() {
  if (waiting() < threshold_) return {};
  return run(pages_ < restart_pages ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART);
}

ErrorCode Checkpoints::when_idle() {
  return is_due_when_idle() ? run(SQLITE_CHECKPOINT_PASSIVE) : ErrorCode();
}

ErrorCode Checkpoints::at_end() {
  return run(SQLITE_CHECKPOINT_TRUNCATE);
}

ErrorCode Checkpoints::run(int mode) {
  const std::int64_t start = clock_.steady_us();
  int in_wal = 0;
  int in_database = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, mode, &in_wal, &in_database);
  adapt(clock_.steady_us() - start);
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) {
    pages_ = std::max(in_wal, 0);
    done_ = std::max(in_database, 0);
    return {};
  }
  // Try again after as much more, not after every commit.
  done_ = pages_;
  database_.fail(code);
  const ErrorCode error = database_.error();
  if (error != Errc::disk_full) return error;
  database_.rollback();
  return {};
}

// Longer ones write a page that has changed often only once, shorter ones keep the commits behind them waiting less.
void Checkpoints::adapt(std::int64_t took_us) {
  if (took_us > long_us) threshold_ = std::max(threshold_ / 2, pages_min);
  if (took_us < long_us / 2) threshold_ = std::min(threshold_ * 3 / 2, pages_max);
}

}  // namespace sealpost::log
