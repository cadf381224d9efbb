#include "disk_vfs.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "disk_locks.hpp"

namespace sealpost::power {
namespace {

// SQLite gives memory for this.
struct Handle : sqlite3_file {
  Handle() : sqlite3_file{nullptr} {}
  DiskVfs* vfs = nullptr;
  std::shared_ptr<File> file;
  LockHolder lock;
  SharedHolder shared;
  bool is_log = false;
  bool sync_folder = false;  // with the next sync: the file may be new

  Disk& disk() { return vfs->disk(); }
};

Handle& of(sqlite3_file* file) {
  return *static_cast<Handle*>(file);
}

int close_file(sqlite3_file* given) {
  Handle& handle = of(given);
  {
    const auto held = handle.disk().hold();
    handle.shared.leave(handle.file->shared);
    handle.lock.release(handle.file->locks, SQLITE_LOCK_NONE);
  }
  handle.~Handle();
  given->pMethods = nullptr;
  return SQLITE_OK;
}

int read_file(sqlite3_file* given, void* to, int size, sqlite3_int64 offset) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::read)) return code;
  const auto held = handle.disk().hold();
  const Bytes& content = handle.file->content;
  const auto wanted = static_cast<std::size_t>(size);
  const auto at = static_cast<std::size_t>(offset);
  const std::size_t there = at >= content.size() ? 0 : std::min(wanted, content.size() - at);
  if (there > 0) std::memcpy(to, content.data() + at, there);
  std::memset(static_cast<std::uint8_t*>(to) + there, 0, wanted - there);
  return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* given, const void* from, int size, sqlite3_int64 offset) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::write)) return code;
  const int lost = handle.vfs->plant.lost_log_write;
  if (lost > 0 && handle.is_log && ++handle.vfs->log_writes % lost == 0) return SQLITE_OK;
  const auto held = handle.disk().hold();
  handle.disk().write(*handle.file, from, static_cast<std::size_t>(size), offset);
  return SQLITE_OK;
}

int truncate_file(sqlite3_file* given, sqlite3_int64 size) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::truncate)) return code;
  const auto held = handle.disk().hold();
  handle.disk().truncate(*handle.file, size);
  return SQLITE_OK;
}

int sync_file(sqlite3_file* given, int) {
  Handle& handle = of(given);
  const Plant& plant = handle.vfs->plant;
  const int code = handle.disk().before(Call::sync);
  if (plant.no_syncs || (handle.is_log ? plant.no_log_syncs : plant.no_database_syncs)) return code;
  const auto held = handle.disk().hold();
  handle.disk().sync(*handle.file, code != SQLITE_OK);
  if (code != SQLITE_OK) return code;
  // As SQLite does on Linux for a journal or write-ahead log that it may have made.
  if (std::exchange(handle.sync_folder, false) && !plant.no_folder_syncs) handle.disk().sync_folder();
  return SQLITE_OK;
}

int size_of_file(sqlite3_file* given, sqlite3_int64* size) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::size)) return code;
  const auto held = handle.disk().hold();
  *size = static_cast<sqlite3_int64>(handle.file->content.size());
  return SQLITE_OK;
}

int lock_file(sqlite3_file* given, int level) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::lock)) return code;
  const auto held = handle.disk().hold();
  return handle.lock.take(handle.file->locks, level) ? SQLITE_OK : SQLITE_BUSY;
}

int unlock_file(sqlite3_file* given, int level) {
  Handle& handle = of(given);
  const auto held = handle.disk().hold();
  handle.lock.release(handle.file->locks, level);
  return SQLITE_OK;
}

int is_reserved(sqlite3_file* given, int* answer) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::lock)) return code;
  const auto held = handle.disk().hold();
  *answer = handle.file->locks.reserved != nullptr;
  return SQLITE_OK;
}

int control_file(sqlite3_file* given, int operation, void* argument) {
  if (operation != SQLITE_FCNTL_PRAGMA || !of(given).vfs->plant.normal) return SQLITE_NOTFOUND;
  auto** words = static_cast<char**>(argument);
  if (std::strcmp(words[1], "synchronous") == 0 && words[2] != nullptr) std::strcpy(words[2], "1");
  return SQLITE_NOTFOUND;
}

int sector_size(sqlite3_file*) {
  return 4096;
}
int characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

int map_shared(sqlite3_file* given, int region, int size, int extend, void volatile** memory) {
  Handle& handle = of(given);
  if (const int code = handle.disk().before(Call::map_shared)) return code;
  const auto held = handle.disk().hold();
  *memory = handle.shared.map(handle.file->shared, static_cast<std::size_t>(region), static_cast<std::size_t>(size),
                              extend != 0);
  return SQLITE_OK;
}

int lock_shared(sqlite3_file* given, int first, int count, int flags) {
  Handle& handle = of(given);
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    const auto held = handle.disk().hold();
    handle.shared.unlock(handle.file->shared, first, count);
    return SQLITE_OK;
  }
  if (const int code = handle.disk().before(Call::lock_shared)) return code;
  if (handle.vfs->plant.no_shared_locks) return SQLITE_OK;
  const auto held = handle.disk().hold();
  return handle.shared.lock(handle.file->shared, first, count, exclusive) ? SQLITE_OK : SQLITE_BUSY;
}

void shared_barrier(sqlite3_file* given) {
  const auto held = of(given).disk().hold();
}

int unmap_shared(sqlite3_file* given, int) {
  Handle& handle = of(given);
  const auto held = handle.disk().hold();
  handle.shared.leave(handle.file->shared);
  return SQLITE_OK;
}

constexpr sqlite3_io_methods methods{
    2,           close_file,     read_file,    write_file,   truncate_file, sync_file,       size_of_file,
    lock_file,   unlock_file,    is_reserved,  control_file, sector_size,   characteristics, map_shared,
    lock_shared, shared_barrier, unmap_shared, nullptr,      nullptr};

DiskVfs& vfs_of(sqlite3_vfs* vfs) {
  return *static_cast<DiskVfs*>(vfs->pAppData);
}

// The disk has one folder.
std::string base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

std::shared_ptr<File> find_or_create(Handle& handle, const char* name, int flags) {
  if (name == nullptr || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0) return std::make_shared<File>();
  const bool may_create = (flags & SQLITE_OPEN_CREATE) != 0;
  handle.sync_folder = may_create && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  if (auto found = handle.disk().find(base_name(name))) return found;
  if (!may_create) return nullptr;
  return handle.disk().create(base_name(name));
}

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* given, int flags, int* out_flags) {
  given->pMethods = nullptr;
  DiskVfs& self = vfs_of(vfs);
  if (const int code = self.disk().before(Call::open)) return code;
  auto* handle = new (given) Handle;
  handle->vfs = &self;
  handle->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  const auto held = self.disk().hold();
  handle->file = find_or_create(*handle, name, flags);
  if (handle->file == nullptr) {
    handle->~Handle();
    given->pMethods = nullptr;
    return SQLITE_CANTOPEN;
  }
  handle->pMethods = &methods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  DiskVfs& self = vfs_of(vfs);
  if (const int code = self.disk().before(Call::remove)) return code;
  const auto held = self.disk().hold();
  if (self.disk().find(base_name(name)) == nullptr) return SQLITE_IOERR_DELETE_NOENT;
  self.disk().remove(base_name(name));
  if (sync_folder != 0 && !self.plant.no_folder_syncs) self.disk().sync_folder();
  return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* answer) {
  DiskVfs& self = vfs_of(vfs);
  if (const int code = self.disk().before(Call::access)) return code;
  const auto held = self.disk().hold();
  const auto file = self.disk().find(base_name(name));
  // As SQLite's own: an empty file does not exist.
  *answer = file != nullptr && (flags != SQLITE_ACCESS_EXISTS || !file->content.empty());
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int room, char* full) {
  sqlite3_snprintf(room, full, "%s", name);
  return SQLITE_OK;
}

}  // namespace

DiskVfs::DiskVfs(Disk& disk) : disk_(disk), real_(sqlite3_vfs_find("unix")), vfs_(*real_) {
  vfs_.szOsFile = static_cast<int>(sizeof(Handle));
  vfs_.zName = "power";
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = open_file;
  vfs_.xDelete = delete_file;
  vfs_.xAccess = access_file;
  vfs_.xFullPathname = full_path;
  vfs_.xRandomness = [](sqlite3_vfs* vfs, int size, char* to) {
    for (int i = 0; i < size; ++i) to[i] = static_cast<char>(vfs_of(vfs).next_random());
    return size;
  };
  sqlite3_vfs_register(&vfs_, 1);
}

DiskVfs::~DiskVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

void DiskVfs::seed(std::uint64_t seed) {
  random_ = seed * 2 + 1;
  sqlite3_randomness(0, nullptr);  // it asks xRandomness for a new beginning
}

std::uint8_t DiskVfs::next_random() {
  random_ = random_ * 6364136223846793005U + 1442695040888963407U;
  return static_cast<std::uint8_t>(random_ >> 56);
}

}  // namespace sealpost::power
