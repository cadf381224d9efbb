#pragma once
// A disk in memory with its page cache: what processes see, and a trace of all that would have changed the platter.
// What a power cut leaves of it is made from the trace afterwards (platter.hpp).

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace sealpost::power {

// The files of a disk, by path.
using Image = std::map<std::string, Bytes>;

// Something that changed a file or the folder, in the order in which it happened. A file keeps its number when its name
// goes; a name that comes again is another file.
struct Operation {
  enum class Kind {
    create,       // `name` is file `file` from now on
    remove,       // `name` is gone
    write,        // `bytes` at `offset`
    truncate,     // to `offset` bytes
    sync,         // what was done to the file is durable
    failed_sync,  // is it? The cache calls it clean, and no later sync will bring it
    sync_folder,  // what was done to names is durable
  };
  Kind kind{};
  int file = 0;
  std::int64_t offset = 0;
  Bytes bytes{};
  std::string name{};
};

std::string line_of(const Operation&);

// What SQLite's locks come to between connections of one process.
struct FileLocks {
  int shared = 0;
  const void* reserved = nullptr;
  const void* pending = nullptr;
  const void* exclusive = nullptr;
};

// The index of a write-ahead log, which processes share in memory. Nothing of it outlives its last user.
struct SharedMemory {
  static constexpr int lock_count = 8;
  int users = 0;
  int holders[lock_count] = {};  // -1: one, exclusively
  std::vector<std::unique_ptr<std::uint8_t[]>> regions;
};

struct File {
  int number = 0;  // 0: a temporary one, which no cut leaves anything of
  Bytes content;
  FileLocks locks;
  SharedMemory shared;
};

// A call to the disk, of whatever kind, as those who watch or disturb it tell them apart.
enum class Call { open, remove, access, read, write, truncate, sync, size, lock, map_shared, lock_shared };
const char* name_of(Call);

// Asked before each call. Any thread.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // SQLITE_OK, or what the call shall fail with instead.
  virtual int before(Call) = 0;
};

class Disk {
 public:
  Disk() = default;
  Disk(const Disk&) = delete;

  // The power comes on: what is there is durable, and nothing has happened yet.
  void load(Image durable);
  // Nothing is changed under the caller while it holds this.
  std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }

  // With the lock held:
  std::shared_ptr<File> find(const std::string& name) const;
  std::shared_ptr<File> create(const std::string& name);
  void remove(const std::string& name);
  void write(File&, const void* bytes, std::size_t size, std::int64_t offset);
  void truncate(File&, std::int64_t size);
  void sync(const File&, bool fails);
  void sync_folder();

  // How much has happened. Any thread.
  std::size_t now() const { return done_; }
  // When nobody uses the disk:
  const Image& at_start() const { return start_; }
  const std::vector<Operation>& trace() const { return trace_; }
  // What a program finds that starts while the machine stays up.
  Image cached() const;

  void watch(Watcher* watcher) { watcher_ = watcher; }
  int before(Call call) {
    Watcher* watcher = watcher_;
    return watcher == nullptr ? 0 : watcher->before(call);
  }

 private:
  void note(Operation);

  std::mutex mutex_;
  std::atomic<Watcher*> watcher_{nullptr};
  Image start_;
  std::map<std::string, std::shared_ptr<File>> names_;
  std::vector<Operation> trace_;
  std::atomic<std::size_t> done_{0};
  int files_ = 0;
};

}  // namespace sealpost::power
