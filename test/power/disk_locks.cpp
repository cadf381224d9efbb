#include "disk_locks.hpp"

namespace sealpost::power {

bool LockHolder::take(FileLocks& locks, int level) {
  if (level_ >= level) return true;
  if (level == SQLITE_LOCK_SHARED) {
    if (others_have(locks.pending) || others_have(locks.exclusive)) return false;
    ++locks.shared;
  } else if (level == SQLITE_LOCK_RESERVED) {
    if (others_have(locks.reserved)) return false;
    locks.reserved = this;
  } else {
    if (others_have(locks.reserved) || others_have(locks.pending)) return false;
    locks.pending = this;
    level_ = SQLITE_LOCK_PENDING;
    if (locks.shared > 1) return false;
    locks.exclusive = this;
  }
  level_ = level;
  return true;
}

void LockHolder::release(FileLocks& locks, int level) {
  if (level_ <= level) return;
  for (const void** held : {&locks.reserved, &locks.pending, &locks.exclusive})
    if (*held == this) *held = nullptr;
  if (level == SQLITE_LOCK_NONE) --locks.shared;
  level_ = level;
}

void volatile* SharedHolder::map(SharedMemory& shared, std::size_t region, std::size_t size, bool make) {
  if (!joined_) ++shared.users;
  joined_ = true;
  if (region >= shared.regions.size() && !make) return nullptr;
  while (region >= shared.regions.size()) shared.regions.push_back(std::make_unique<std::uint8_t[]>(size));
  return shared.regions[region].get();
}

void SharedHolder::leave(SharedMemory& shared) {
  if (!joined_) return;
  unlock(shared, 0, SharedMemory::lock_count);
  joined_ = false;
  if (--shared.users == 0) shared.regions.clear();
}

bool SharedHolder::lock(SharedMemory& shared, int first, int count, bool exclusive) {
  for (int i = first; i < first + count; ++i) {
    if (held_[i] != 0) continue;
    if (shared.holders[i] < 0 || (exclusive && shared.holders[i] > 0)) return false;
  }
  for (int i = first; i < first + count; ++i) {
    if (held_[i] != 0) continue;
    held_[i] = exclusive ? -1 : 1;
    shared.holders[i] += held_[i];
  }
  return true;
}

void SharedHolder::unlock(SharedMemory& shared, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    shared.holders[i] -= held_[i];
    held_[i] = 0;
  }
}

}  // namespace sealpost::power
