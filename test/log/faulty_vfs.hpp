#pragma once
// A SQLite VFS over the real one, on which writes and syncs fail as a test says: without a full or broken disk.

#include <sqlite3.h>

#include <atomic>
#include <string>

namespace sealpost::log::test {

class FaultyVfs {
 public:
  enum class Fault { none, full_write, bad_write, bad_sync, bad_read };

  explicit FaultyVfs(std::string name);
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }

  // Lets `after` operations of its kind pass first.
  void fail(Fault fault, int after = 0) {
    left_ = after;
    fault_ = fault;
  }
  void mend() { fault_ = Fault::none; }
  int syncs() const { return syncs_; }
  int writes() const { return writes_; }

  // For the file methods: whether the operation fails now.
  bool fails(Fault kind) {
    const bool fails = fault_ == kind && left_.fetch_sub(1) <= 0;
    if (fails) ++failures_;
    return fails;
  }
  int failures() const { return failures_; }
  bool has_failed(Fault kind) const { return fault_ == kind && left_ < 0; }
  void count_sync() { ++syncs_; }
  void count_write() { ++writes_; }
  sqlite3_vfs* real() const { return real_; }

 private:
  std::string name_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  std::atomic<Fault> fault_{Fault::none};
  std::atomic<int> left_{0};
  std::atomic<int> syncs_{0};
  std::atomic<int> writes_{0};
  std::atomic<int> failures_{0};
};

}  // namespace sealpost::log::test
