#pragma once
// SQLite's two kinds of locks, between the connections of one process: those of the file (SHARED to EXCLUSIVE), and the
// eight of a write-ahead log's shared memory. Called with the disk held.

#include <sqlite3.h>

#include "disk.hpp"

namespace sealpost::power {

// What one connection has of a file's locks.
class LockHolder {
 public:
  bool take(FileLocks&, int level);
  void release(FileLocks&, int level);

 private:
  bool others_have(const void* holder) const { return holder != nullptr && holder != this; }
  int level_ = SQLITE_LOCK_NONE;
};

// What one connection has of the shared memory.
class SharedHolder {
 public:
  // Null where the region is not there and `make` is not given.
  void volatile* map(SharedMemory&, std::size_t region, std::size_t size, bool make);
  void leave(SharedMemory&);
  bool lock(SharedMemory&, int first, int count, bool exclusive);
  void unlock(SharedMemory&, int first, int count);

 private:
  bool joined_ = false;
  int held_[SharedMemory::lock_count] = {};  // 1: shared; -1: exclusively
};

}  // namespace sealpost::power
