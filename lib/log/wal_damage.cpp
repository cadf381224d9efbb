#include "log/wal_damage.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/files.hpp"

namespace sealpost::log {
namespace {

// SQLite's file format, sections 4.1 and 4.2. Numbers are big-endian, in the shared memory native.
constexpr std::size_t header_size = 32;
constexpr std::size_t frame_header_size = 24;
constexpr std::size_t summed_of_header = 24;  // of the file's
constexpr std::size_t summed_of_frame = 8;    // of a frame's, and the page
constexpr std::uint32_t magic = 0x377f0682;   // the lowest bit: sums of big-endian numbers
constexpr std::uint32_t version = 3007000;
constexpr std::size_t page_size_min = 512;
constexpr std::size_t page_size_max = 65536;

using Salts = std::array<std::uint32_t, 2>;
using Sums = std::array<std::uint32_t, 2>;

std::uint32_t number_at(BytesView bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

std::array<std::uint32_t, 2> pair_at(BytesView bytes, std::size_t at) {
  return {number_at(bytes, at), number_at(bytes, at + 4)};
}

Sums summed(Sums sums, BytesView bytes, bool big_endian) {
  const bool swap = big_endian != (std::endian::native == std::endian::big);
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    std::uint32_t words[2];
    std::memcpy(words, bytes.data() + at, sizeof words);
    if (swap)
      for (std::uint32_t& word : words) word = __builtin_bswap32(word);
    sums[0] += words[0] + sums[1];
    sums[1] += words[1] + sums[0];
  }
  return sums;
}

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  // False where the file ends before.
  bool read(std::size_t offset, std::span<std::uint8_t> out) const {
    if (!descriptor_) return false;
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t size =
          ::pread(descriptor_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (size <= 0) return false;
      done += static_cast<std::size_t>(size);
    }
    return true;
  }

 private:
  Descriptor descriptor_;
};

struct Frame {
  Salts salts{};
  Sums stored{};
  Sums sums{};  // as they would be after the frame before
  bool is_commit = false;
  bool names_page = false;
};

class Wal {
 public:
  explicit Wal(const std::string& path) : file_(path + "-wal") {
    std::array<std::uint8_t, header_size> header{};
    if (!file_.read(0, header)) return;
    is_there_ = true;
    big_endian_ = (number_at(header, 0) & 1) != 0;
    page_size_ = number_at(header, 8);
    salts_ = pair_at(header, 16);
    header_sums_ = pair_at(header, 24);
    header_fits_ = (number_at(header, 0) & ~1U) == magic && number_at(header, 4) == version && page_size_is_one() &&
                   summed({}, BytesView(header).first(summed_of_header), big_endian_) == header_sums_;
    if (!header_fits_) take_from_elsewhere(path);
  }

  bool is_there() const { return is_there_; }
  const Salts& salts() const { return salts_; }

  // Frames that SQLite would take, up to the last commit among them; the rest is `ends_at` on.
  std::size_t committed() {
    std::size_t last = 0;
    Sums sums = header_sums_;
    for (at_ = 1; header_fits_; ++at_) {
      const auto frame = read(at_, sums);
      if (!frame || !fits(*frame)) break;
      if (frame->is_commit) last = at_;
      sums = frame->stored;
    }
    before_ = sums;
    return last;
  }

  // After committed(): whether there is a commit behind the end that something builds on.
  bool has_commits_behind_the_end() const {
    auto frame = read(at_, before_);
    // What the first bad frame should have left: its own sums may be what is bad.
    std::optional<Sums> also = frame ? std::optional(frame->sums) : std::nullopt;
    for (std::size_t at = at_ + 1; frame; ++at) {
      auto next = read(at, frame->stored);
      const bool follows = next && (fits(*next) || (also && fits_after(at, *also)));
      if (follows && frame->is_commit) return true;
      also.reset();
      frame = next;
    }
    return false;
  }

 private:
  bool page_size_is_one() const {
    return page_size_ >= page_size_min && page_size_ <= page_size_max && std::has_single_bit(page_size_);
  }

  // Of a header that has gone bad: what the database and the first frame say.
  void take_from_elsewhere(const std::string& path) {
    std::array<std::uint8_t, header_size> database{};
    std::array<std::uint8_t, frame_header_size> frame{};
    is_there_ = File(path).read(0, database) && file_.read(header_size, frame);
    if (!is_there_) return;
    page_size_ = std::size_t{database[16]} << 8 | database[17];
    if (page_size_ == 1) page_size_ = page_size_max;
    is_there_ = page_size_is_one();
    big_endian_ = std::endian::native == std::endian::big;  // as SQLite writes it
    salts_ = pair_at(frame, 8);
  }

  std::optional<Frame> read(std::size_t number, const Sums& before) const {
    std::vector<std::uint8_t> bytes(frame_header_size + page_size_);
    if (!file_.read(header_size + (number - 1) * bytes.size(), bytes)) return std::nullopt;
    Frame frame{pair_at(bytes, 8), pair_at(bytes, 16), {}, number_at(bytes, 4) != 0, number_at(bytes, 0) != 0};
    frame.sums = summed(before, BytesView(bytes).first(summed_of_frame), big_endian_);
    frame.sums = summed(frame.sums, BytesView(bytes).subspan(frame_header_size), big_endian_);
    return frame;
  }

  bool fits(const Frame& frame) const {
    return frame.salts == salts_ && frame.names_page && frame.sums == frame.stored;
  }
  bool fits_after(std::size_t number, const Sums& before) const {
    const auto frame = read(number, before);
    return frame && fits(*frame);
  }

  File file_;
  bool is_there_ = false;
  bool header_fits_ = false;
  bool big_endian_ = false;
  std::size_t page_size_ = 0;
  Salts salts_{};
  Sums header_sums_{};
  std::size_t at_ = 1;  // the first frame that does not fit
  Sums before_{};       // what the frame before it has left
};

// The head of the shared memory, of which there are two copies.
struct SharedHeader {
  std::uint32_t version, unused, change;
  std::uint8_t is_ready, big_endian_sums;
  std::uint16_t page_size;
  std::uint32_t frames, pages;
  Sums frame_sums;
  std::uint8_t salts[8];  // as in the file
  Sums sums;              // of all before
};
static_assert(sizeof(SharedHeader) == 48);

// How many frames of this log were synced, as far as the shared memory knows; 0 where it does not.
std::size_t synced_frames(const std::string& path, const Salts& salts) {
  std::array<std::uint8_t, 2 * sizeof(SharedHeader)> bytes{};
  if (!File(path + "-shm").read(0, bytes)) return 0;
  const BytesView first = BytesView(bytes).first(sizeof(SharedHeader));
  if (!std::ranges::equal(first, BytesView(bytes).subspan(sizeof(SharedHeader)))) return 0;
  SharedHeader header;
  std::memcpy(&header, first.data(), sizeof header);
  const bool native_is_big = std::endian::native == std::endian::big;
  const bool whole = header.version == version && header.is_ready != 0 &&
                     summed({}, first.first(offsetof(SharedHeader, sums)), native_is_big) == header.sums;
  return whole && pair_at(BytesView(header.salts), 0) == salts ? header.frames : 0;
}

}  // namespace

bool wal_is_damaged(const std::string& path) {
  Wal wal(path);
  if (!wal.is_there()) return false;
  const std::size_t committed = wal.committed();
  return committed < synced_frames(path, wal.salts()) || wal.has_commits_behind_the_end();
}

}  // namespace sealpost::log
