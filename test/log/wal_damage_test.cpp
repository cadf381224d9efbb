// Written for the one promise: what was acknowledged is not lost without a word.
#include "log/wal_damage.hpp"

#include <fstream>
#include <iterator>

#include "conformance.hpp"
#include "log/maintenance.hpp"

namespace sealpost::log::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t wal_header = 32;

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// What lies on disk when a server with six commits in its write-ahead log is killed.
class Killed {
 public:
  Killed() {
    SqliteEngine engine;
    const Permalink ann = client_named("ann");
    InLane out = out_lane(ann);
    commit(engine.log(), epoch(ann, "phone", 1));
    for (int i = 0; i < 5; ++i) {
      commits_.push_back(bytes_of(engine.path() + "-wal").size());
      commit(engine.log(), out.next(std::string(6000, 'x')));
    }
    for (const char* const suffix : {"", "-wal", "-shm"}) fs::copy_file(engine.path() + suffix, path() + suffix);
  }

  std::string path() const { return folder_ / "log.db"; }
  std::string wal() const { return bytes_of(path() + "-wal"); }
  void wal(const std::string& bytes) const { write(path() + "-wal", bytes); }
  void lose_shared_memory() const { fs::remove(path() + "-shm"); }
  // Where the commit with this number begins in the file: 1 to 5.
  std::size_t commit(std::size_t number) const { return commits_.at(number - 1); }
  void flip(std::size_t at) const {
    std::string bytes = wal();
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
    wal(bytes);
  }
  template <class... Drafts>
  static Committed commit(EventLog& log, Drafts... drafts) {
    return test::commit(log, std::move(drafts)...);
  }

  ErrorCode refusal() const {
    TestClock clock;
    CountingRandom random;
    QuietSink sink;
    Counters counters;
    const auto log = open_sqlite_log({path(), clock, random, sink, counters});
    return log ? ErrorCode() : log.error();
  }

 private:
  Folder folder_;
  std::vector<std::size_t> commits_;
};

}  // namespace

TEST_CASE("a write-ahead log that nobody has touched is whole, with its shared memory and without") {
  const Killed killed;
  CHECK_FALSE(wal_is_damaged(killed.path()));
  killed.lose_shared_memory();
  CHECK_FALSE(wal_is_damaged(killed.path()));
  CHECK_FALSE(killed.refusal());
}

TEST_CASE("a byte that has gone bad before other commits is not the end of the log") {
  const Killed killed;
  if (GENERATE(false, true)) killed.lose_shared_memory();
  killed.flip(killed.commit(GENERATE(1U, 3U, 4U)) + GENERATE(0U, 3U, 5U, 9U, 17U, 24U, 2000U));
  CHECK(wal_is_damaged(killed.path()));
  CHECK(verify(killed.path(), {}).error() == Errc::wal_damaged);
  CHECK(killed.refusal() == Errc::wal_damaged);
}

TEST_CASE("a write-ahead log whose header has gone bad is not an empty one") {
  const Killed killed;
  if (GENERATE(false, true)) killed.lose_shared_memory();
  killed.flip(GENERATE(range(0U, 32U)));
  CHECK(killed.refusal() == Errc::wal_damaged);
}

TEST_CASE("what a power cut leaves of the last commit is the end of the log") {
  const Killed killed;
  killed.lose_shared_memory();
  SECTION("a part of it") {
    killed.wal(killed.wal().substr(0, killed.commit(5) + 4500));
  }
  SECTION("its end without its beginning") {
    killed.flip(killed.commit(5) + 100);
  }
  SECTION("nothing but zeroes") {
    std::string bytes = killed.wal();
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(killed.commit(5)), bytes.end(), '\0');
    killed.wal(bytes);
  }
  CHECK_FALSE(wal_is_damaged(killed.path()));
  CHECK_FALSE(killed.refusal());
}

TEST_CASE("the shared memory knows how many frames were synced") {
  const Killed killed;
  SECTION("the last commit is cut off") {
    killed.wal(killed.wal().substr(0, killed.commit(5)));
  }
  SECTION("a byte of it has gone bad") {
    killed.flip(killed.commit(5) + 100);
  }
  SECTION("all of them are cut off") {
    killed.wal(killed.wal().substr(0, wal_header));
  }
  CHECK(killed.refusal() == Errc::wal_damaged);
}

TEST_CASE("shared memory of other times, or damaged, says nothing") {
  const Killed killed;
  killed.wal(killed.wal().substr(0, killed.commit(5)));
  std::string shared = bytes_of(killed.path() + "-shm");
  SECTION("of another write-ahead log") {
    SqliteEngine other;
    shared = bytes_of(other.path() + "-shm");
  }
  SECTION("damaged") {
    shared[20] ^= 1;
  }
  SECTION("cut short") {
    shared.resize(70);
  }
  write(killed.path() + "-shm", shared);
  CHECK_FALSE(wal_is_damaged(killed.path()));
}

// What earlier crashes left behind the end: a commit that never was, whole but for its first frame, and behind that the
// rest of a longer one.
TEST_CASE("remains of commits that never were are no damage") {
  const Killed killed;
  killed.lose_shared_memory();
  const std::string whole = killed.wal();
  const std::size_t frame = 24 + 4096;
  const std::string last = whole.substr(killed.commit(5));
  REQUIRE(last.size() > 2 * frame);
  killed.wal(whole.substr(0, killed.commit(5)) + std::string(frame, '\0') + last.substr(frame) +
             whole.substr(killed.commit(3) + frame, frame));
  CHECK_FALSE(wal_is_damaged(killed.path()));
  CHECK_FALSE(killed.refusal());
}

TEST_CASE("a backup with such damage is not restored") {
  const Killed killed;
  killed.flip(killed.commit(2) + 500);
  const Folder place;
  TestClock clock;
  CountingRandom random;
  CHECK(restore(killed.path(), place / "log.db", clock, random).error() == Errc::wal_damaged);
  CHECK_FALSE(fs::exists(place / "log.db"));
}

}  // namespace sealpost::log::test
