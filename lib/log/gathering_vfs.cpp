#include "log/gathering_vfs.hpp"

#include <sqlite3.h>

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "base/assert.hpp"
#include "log/database.hpp"

namespace sealpost::log {
namespace {

// Sixteen pages of the write-ahead log. SQLite's own VFS takes less than 128 KiB in one call.
constexpr std::size_t gathered_max = 64 * 1024;

// The file of the VFS below follows in the same piece of memory.
class GatheringFile : public sqlite3_file {
 public:
  GatheringFile() : sqlite3_file{nullptr} { gathered_.reserve(gathered_max); }

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *real()->pMethods; }

  int write(const void* bytes, int size, sqlite3_int64 offset) {
    const auto* first = static_cast<const std::uint8_t*>(bytes);
    const auto end = offset_ + static_cast<sqlite3_int64>(gathered_.size());
    const bool fits = gathered_.size() + static_cast<std::size_t>(size) <= gathered_max;
    if (offset != end || !fits) {
      if (const int code = flush()) return code;
      offset_ = offset;
    }
    if (static_cast<std::size_t>(size) > gathered_max) return methods().xWrite(real(), bytes, size, offset);
    gathered_.insert(gathered_.end(), first, first + size);
    return SQLITE_OK;
  }

  // What could not be written is dropped: who hears of it is the commit that it belongs to, which has failed.
  int flush() {
    if (gathered_.empty()) return SQLITE_OK;
    const int code = methods().xWrite(real(), gathered_.data(), static_cast<int>(gathered_.size()), offset_);
    offset_ += static_cast<sqlite3_int64>(gathered_.size());
    gathered_.clear();
    return code;
  }

 private:
  std::vector<std::uint8_t> gathered_;
  sqlite3_int64 offset_ = 0;  // where they belong
};

GatheringFile& self_of(sqlite3_file* file) {
  return *static_cast<GatheringFile*>(file);
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  return self_of(file).write(bytes, size, offset);
}

int close(sqlite3_file* file) {
  GatheringFile& self = self_of(file);
  const int written = self.flush();
  const int closed = self.methods().xClose(self.real());
  self.~GatheringFile();
  return written != SQLITE_OK ? written : closed;
}

// Any other method: what is gathered is written, then the file below does it.
template <auto Method>
struct After;
template <class... Args, int (*sqlite3_io_methods::*Method)(sqlite3_file*, Args...)>
struct After<Method> {
  static int flush(sqlite3_file* file, Args... args) {
    GatheringFile& self = self_of(file);
    if (const int code = self.flush()) return code;
    return (self.methods().*Method)(self.real(), args...);
  }
};

int sector_size(sqlite3_file* file) {
  return self_of(file).methods().xSectorSize(self_of(file).real());
}

int characteristics(sqlite3_file* file) {
  return self_of(file).methods().xDeviceCharacteristics(self_of(file).real());
}

// Without shared memory and mapped reads, which belong to the database file.
constexpr sqlite3_io_methods file_methods = {
    1,
    close,
    After<&sqlite3_io_methods::xRead>::flush,
    write,
    After<&sqlite3_io_methods::xTruncate>::flush,
    After<&sqlite3_io_methods::xSync>::flush,
    After<&sqlite3_io_methods::xFileSize>::flush,
    After<&sqlite3_io_methods::xLock>::flush,
    After<&sqlite3_io_methods::xUnlock>::flush,
    After<&sqlite3_io_methods::xCheckReservedLock>::flush,
    After<&sqlite3_io_methods::xFileControl>::flush,
    sector_size,
    characteristics,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

class GatheringVfs {
 public:
  explicit GatheringVfs(std::string base_name)
      : base_name_(std::move(base_name)), name_("gathering-" + base_name_), vfs_(*base()) {
    vfs_.zName = name_.c_str();
    vfs_.pNext = nullptr;
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(GatheringFile)) + base()->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = [](sqlite3_vfs* self, const char* path, int sync) {
      return base_of(self)->xDelete(base_of(self), path, sync);
    };
    vfs_.xAccess = [](sqlite3_vfs* self, const char* path, int flags, int* answer) {
      return base_of(self)->xAccess(base_of(self), path, flags, answer);
    };
    vfs_.xFullPathname = [](sqlite3_vfs* self, const char* path, int room, char* full) {
      return base_of(self)->xFullPathname(base_of(self), path, room, full);
    };
    const int code = sqlite3_vfs_register(&vfs_, 0);
    SEALPOST_ASSERT(code == SQLITE_OK);
  }
  GatheringVfs(const GatheringVfs&) = delete;

  const std::string& name() const { return name_; }

 private:
  sqlite3_vfs* base() const {
    sqlite3_vfs* found = sqlite3_vfs_find(base_name_.empty() ? nullptr : base_name_.c_str());
    SEALPOST_ASSERT(found != nullptr);
    return found;
  }
  static sqlite3_vfs* base_of(sqlite3_vfs* self) { return static_cast<GatheringVfs*>(self->pAppData)->base(); }

  // Other files are the base's alone.
  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
    sqlite3_vfs* base = base_of(vfs);
    if ((flags & SQLITE_OPEN_WAL) == 0) return base->xOpen(base, path, file, flags, flags_out);
    auto* self = new (file) GatheringFile;
    const int code = base->xOpen(base, path, self->real(), flags, flags_out);
    if (self->real()->pMethods != nullptr) {
      self->pMethods = &file_methods;
    } else {
      self->~GatheringFile();
      file->pMethods = nullptr;
    }
    return code;
  }

  const std::string base_name_;
  const std::string name_;
  sqlite3_vfs vfs_;
};

}  // namespace

std::string gathering_vfs(const std::string& base) {
  configure_sqlite();  // before its first use, which this may be
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<GatheringVfs>> registered;
  const std::lock_guard lock(mutex);
  auto& vfs = registered[base];
  if (!vfs) vfs = std::make_unique<GatheringVfs>(base);
  return vfs->name();
}

}  // namespace sealpost::log
