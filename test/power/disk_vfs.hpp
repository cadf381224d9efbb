#pragma once
// SQLite's default VFS from here on: the disk in memory, as SQLite's own VFS would use a Linux disk. The log's
// gathering VFS stands on it as it stands on the real one.

#include <sqlite3.h>

#include "disk.hpp"

namespace sealpost::power {

// What is wrong with the disk, or with what stands on it, where a test of the tests wants it so.
struct Plant {
  bool no_syncs = false;      // every sync says yes and does nothing
  bool no_log_syncs = false;  // those of the write-ahead log
  bool no_database_syncs = false;
  bool no_folder_syncs = false;  // the folder's
  bool no_shared_locks = false;  // the locks of the shared memory exclude nobody
  bool normal = false;           // PRAGMA synchronous = FULL is taken for NORMAL
  int lost_log_write = 0;        // every so manyth write to the write-ahead log does not happen
  std::size_t early_by = 0;      // an ack counts as given so many operations before it was
};

class DiskVfs {
 public:
  explicit DiskVfs(Disk&);
  ~DiskVfs();
  DiskVfs(const DiskVfs&) = delete;

  Disk& disk() { return disk_; }
  sqlite3_vfs& real() { return *real_; }
  // SQLite's random numbers (salts of the write-ahead log, names) begin again.
  void seed(std::uint64_t);
  std::uint8_t next_random();

  Plant plant;
  std::atomic<int> log_writes{0};

 private:
  Disk& disk_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  std::uint64_t random_ = 1;
};

}  // namespace sealpost::power
