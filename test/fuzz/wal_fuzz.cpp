// Write-ahead logs as a disk may leave them, made by a script: what was written and synced, what a power cut made of
// the last commit, remains of commits that never were, and then perhaps a byte that has gone bad. Damage that takes
// back a commit which others stand upon is noticed; what a power cut leaves is not taken for damage. And any bytes at
// all.

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/files.hpp"
#include "log/wal_damage.hpp"
#include "script.hpp"

using namespace sealpost;

namespace {

constexpr std::size_t header_size = 32;
constexpr std::size_t page_size = 512;
constexpr std::size_t frame_size = 24 + page_size;

// Files of this process in memory, under names that can be opened.
class Folder {
 public:
  Folder() { SEALPOST_ASSERT(::mkdtemp(path_) != nullptr); }
  ~Folder() {
    for (const char* const suffix : {"", "-wal", "-shm"}) ::unlink((path() + suffix).c_str());
    ::rmdir(path_);
  }
  std::string path() const { return std::string(path_) + "/log.db"; }
  void write(const char* suffix, BytesView bytes) const {
    const Descriptor file(::open((path() + suffix).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    SEALPOST_ASSERT(file && write_all(file.get(), bytes));
  }
  void remove(const char* suffix) const { ::unlink((path() + suffix).c_str()); }

 private:
  char path_[40] = "/dev/shm/sealpost-fuzz-XXXXXX";
};

void put(Bytes& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

// The checksum of SQLite's file format, section 4.2, as that has it for the magic number with the lowest bit set:
// big-endian words.
struct Sums {
  std::uint32_t first = 0, second = 0;
  void add(BytesView bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      first += word(bytes, at) + second;
      second += word(bytes, at + 4) + first;
    }
  }
  static std::uint32_t word(BytesView bytes, std::size_t at) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) word = word << 8 | bytes[at + i];
    return word;
  }
};

class WalFile {
 public:
  WalFile() {
    for (const std::uint32_t number : {0x377f0683U, 3007000U, std::uint32_t{page_size}, 0U, 77U, 99U})
      put(bytes_, number);
    sums_.add(bytes_);
    put(bytes_, sums_.first);
    put(bytes_, sums_.second);
  }

  // Frames of one commit; the last one says so.
  void commit(std::size_t frames, std::uint8_t fill) {
    for (std::size_t i = 1; i <= frames; ++i) frame(fill, i == frames);
    ends_.push_back(bytes_.size());
    ends_with_commit_ = true;
  }
  // The next commit takes the place of what follows here.
  void take_back_last() {
    SEALPOST_ASSERT(!ends_.empty());
    ends_.pop_back();
    ends_with_commit_ = false;
    const std::size_t size = ends_.empty() ? header_size : ends_.back();
    remains_.resize(std::max(remains_.size(), bytes_.size()));
    std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(size), bytes_.end(),
              remains_.begin() + static_cast<std::ptrdiff_t>(size));
    bytes_.resize(size);
    sums_ = sums_at_.empty() ? Sums{} : sums_at_[(size - header_size) / frame_size];
    sums_at_.resize((size - header_size) / frame_size + 1);
  }

  std::size_t commits() const { return ends_.size(); }
  // Else the last commit was synced before what has left its remains here.
  bool ends_with_commit() const { return ends_with_commit_; }
  std::size_t begin_of(std::size_t commit) const { return commit == 0 ? header_size : ends_[commit - 1]; }
  std::size_t end() const { return bytes_.size(); }
  // With what earlier writes have left behind the end.
  Bytes all() const {
    Bytes all = bytes_;
    if (remains_.size() > all.size())
      all.insert(all.end(), remains_.begin() + static_cast<std::ptrdiff_t>(all.size()), remains_.end());
    return all;
  }

 private:
  void frame(std::uint8_t fill, bool last) {
    if (sums_at_.empty()) sums_at_.push_back(sums_);
    Bytes frame;
    put(frame, 1 + fill);
    put(frame, last ? 9 : 0);
    const Bytes page(page_size, fill);
    sums_.add(frame);
    sums_.add(page);
    for (const std::uint32_t number : {77U, 99U, sums_.first, sums_.second}) put(frame, number);
    bytes_.insert(bytes_.end(), frame.begin(), frame.end());
    bytes_.insert(bytes_.end(), page.begin(), page.end());
    sums_at_.push_back(sums_);
  }

  Bytes bytes_;
  Bytes remains_;
  Sums sums_;
  std::vector<Sums> sums_at_;  // before the first frame, after the first, ...
  std::vector<std::size_t> ends_;
  bool ends_with_commit_ = false;
};

// What happened before: commits, and such as a power cut has torn, which the next ones have taken the place of.
WalFile history(test::Script& script) {
  WalFile wal;
  for (int left = script.byte() % 8; left > 0; --left) {
    const std::uint8_t what = script.byte();
    wal.commit(1 + what % 5U, script.byte());
    if (what >= 192) wal.take_back_last();
  }
  return wal;
}

// A power cut during the last commit: any of its sectors may be missing.
void tear(const WalFile& wal, Bytes& bytes, test::Script& script) {
  const std::size_t begin = wal.begin_of(wal.commits() - 1);
  for (std::size_t at = begin; at < wal.end(); at += 512)
    if (script.byte() % 2 == 1)
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::min<std::size_t>(512, wal.end() - at), 0);
}

void check_history(const Folder& folder, test::Script& script) {
  const WalFile wal = history(script);
  Bytes bytes = wal.all();
  folder.write("-wal", bytes);
  SEALPOST_ASSERT(!log::wal_is_damaged(folder.path()));
  if (wal.commits() == 0) return;
  if (script.byte() % 2 == 0) {
    if (!wal.ends_with_commit()) return;
    tear(wal, bytes, script);
    folder.write("-wal", bytes);
    SEALPOST_ASSERT(!log::wal_is_damaged(folder.path()));
    return;
  }
  // A byte of a commit which at least two stand upon, so that also a commit's own mark may be what is bad.
  if (wal.commits() < 3) return;
  const std::size_t end = wal.begin_of(wal.commits() - 2);
  const std::size_t at = header_size + (script.byte() * std::size_t{256} + script.byte()) % (end - header_size);
  const std::uint8_t change = script.byte();
  if (change == 0) return;
  bytes[at] ^= change;
  folder.write("-wal", bytes);
  SEALPOST_ASSERT(log::wal_is_damaged(folder.path()));
}

void check_any(const Folder& folder, test::Script& script) {
  const std::size_t shared = script.byte() % 137U;
  folder.write("", script.bytes(script.byte() % 33U));
  folder.write("-shm", script.bytes(shared));
  folder.write("-wal", script.bytes(1 << 16));
  (void)log::wal_is_damaged(folder.path());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  test::Script script({data, size});
  folder.remove("-shm");
  if (script.byte() % 4 == 0) {
    check_any(folder, script);
  } else {
    check_history(folder, script);
  }
  return 0;
}
