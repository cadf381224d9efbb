#include "failing_disk.hpp"

#include <sqlite3.h>

namespace sealpost::power {
namespace {

int error_of(Call call) {
  switch (call) {
    case Call::open:
      return SQLITE_CANTOPEN;
    case Call::remove:
      return SQLITE_IOERR_DELETE;
    case Call::access:
      return SQLITE_IOERR_ACCESS;
    case Call::read:
      return SQLITE_IOERR_READ;
    case Call::write:
      return SQLITE_IOERR_WRITE;
    case Call::truncate:
      return SQLITE_IOERR_TRUNCATE;
    case Call::sync:
      return SQLITE_IOERR_FSYNC;
    case Call::size:
      return SQLITE_IOERR_FSTAT;
    case Call::lock:
      return SQLITE_IOERR_LOCK;
    case Call::map_shared:
      return SQLITE_IOERR_SHMMAP;
    case Call::lock_shared:
      return SQLITE_IOERR_SHMLOCK;
  }
  return SQLITE_IOERR;
}

}  // namespace

const char* name_of(Failing failing) {
  constexpr const char* names[] = {"once", "for good", "full once", "full for good"};
  return names[static_cast<std::size_t>(failing)];
}

void Breakage::arm(std::uint64_t call, Failing failing) {
  calls_ = 0;
  failures_ = 0;
  call_ = call;
  failing_ = failing;
  armed_ = true;
}

bool Breakage::fails() {
  const std::uint64_t number = ++calls_;
  return armed_ && number >= call_;
}

int FailingDisk::before(Call call) {
  if (!fails()) return SQLITE_OK;
  const bool full = failing() == Failing::full_once || failing() == Failing::full_for_good;
  const bool once = failing() == Failing::once || failing() == Failing::full_once;
  // A disk is full at the first write from there on.
  if (full && call != Call::write) return SQLITE_OK;
  if (failures_++ == 0) {
    failed_ = call;
  } else if (once) {
    return SQLITE_OK;
  }
  return full ? SQLITE_FULL : error_of(call);
}

}  // namespace sealpost::power
