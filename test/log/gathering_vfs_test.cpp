// Writes that go to the system together, and in time.

#include "log/gathering_vfs.hpp"

#include <rapidcheck.h>
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <vector>

#include "faulty_vfs.hpp"
#include "log/database.hpp"
#include "log/errc.hpp"
#include "verbs.hpp"

namespace sealpost::log::test {
namespace {

// A write-ahead log as SQLite's pager sees it. It asks for the database beside it.
class OpenFile {
 public:
  OpenFile(const std::string& vfs_name, std::string path) : path_(std::move(path)) {
    std::ofstream(path_.substr(0, path_.size() - std::string_view("-wal").size())).close();
    sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_name.c_str());
    REQUIRE(vfs != nullptr);
    memory_.resize(static_cast<std::size_t>(vfs->szOsFile) / sizeof(std::max_align_t) + 1);
    const int flags = SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    REQUIRE(vfs->xOpen(vfs, path_.c_str(), file(), flags, nullptr) == SQLITE_OK);
  }
  ~OpenFile() {
    if (file()->pMethods != nullptr) close();
  }
  OpenFile(const OpenFile&) = delete;

  int write(const std::string& text, sqlite3_int64 at) {
    return file()->pMethods->xWrite(file(), text.data(), static_cast<int>(text.size()), at);
  }
  std::string read(int size, sqlite3_int64 at) {
    std::string text(static_cast<std::size_t>(size), '?');
    const int code = file()->pMethods->xRead(file(), text.data(), size, at);
    CHECK((code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ));
    return text;
  }
  sqlite3_int64 size() {
    sqlite3_int64 bytes = -1;
    CHECK(file()->pMethods->xFileSize(file(), &bytes) == SQLITE_OK);
    return bytes;
  }
  int truncate(sqlite3_int64 size) { return file()->pMethods->xTruncate(file(), size); }
  int sync() { return file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL); }
  int close() {
    const int code = file()->pMethods->xClose(file());
    file()->pMethods = nullptr;
    return code;
  }

 private:
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }

  std::string path_;
  std::vector<std::max_align_t> memory_;
};

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What a file without any gathering would hold.
struct Plain {
  std::string text;

  void write(const std::string& bytes, std::size_t at) {
    if (text.size() < at + bytes.size()) text.resize(at + bytes.size(), '\0');
    text.replace(at, bytes.size(), bytes);
  }
  std::string read(std::size_t size, std::size_t at) const {
    std::string bytes = at < text.size() ? text.substr(at, size) : "";
    bytes.resize(size, '\0');  // as xRead does beyond the end
    return bytes;
  }
};

TEST_CASE("a file whose writes are gathered holds, at every moment, what a plain one would") {
  const Folder folder;
  int run = 0;
  CHECK(rc::check([&] {
    const std::string path = folder / ("file" + std::to_string(++run) + "-wal");
    OpenFile file(gathering_vfs(""), path);
    Plain plain;
    std::size_t next = 0;  // after the last write
    const int steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      const std::size_t at = *rc::gen::weightedOneOf<std::size_t>(
          {{4, rc::gen::just(next)}, {1, rc::gen::inRange<std::size_t>(0, 200'000)}});
      const int size =
          *rc::gen::weightedOneOf<int>({{6, rc::gen::element(24, 4096)}, {1, rc::gen::inRange(1, 100'000)}});
      const int what = *rc::gen::inRange(0, 20);
      if (what < 15) {
        const std::string bytes(static_cast<std::size_t>(size), static_cast<char>('a' + step % 26));
        RC_ASSERT(file.write(bytes, static_cast<sqlite3_int64>(at)) == SQLITE_OK);
        plain.write(bytes, at);
        next = at + bytes.size();
      } else if (what < 17) {
        const std::string expected = plain.read(static_cast<std::size_t>(size), at);
        RC_ASSERT(file.read(size, static_cast<sqlite3_int64>(at)) == expected);
      } else if (what < 18) {
        RC_ASSERT(file.sync() == SQLITE_OK);
        RC_ASSERT(contents_of(path) == plain.text);
      } else if (what < 19) {
        RC_ASSERT(file.size() == static_cast<sqlite3_int64>(plain.text.size()));
      } else {
        const std::size_t shorter = std::min(at, plain.text.size());
        RC_ASSERT(file.truncate(static_cast<sqlite3_int64>(shorter)) == SQLITE_OK);
        plain.text.resize(shorter);
      }
    }
    RC_ASSERT(file.close() == SQLITE_OK);
    RC_ASSERT(contents_of(path) == plain.text);
  }));
}

TEST_CASE("writes that follow one another are one, and are made before the sync") {
  const Folder folder;
  FaultyVfs below("below-gathering");
  OpenFile file(gathering_vfs(below.name()), folder / "file-wal");
  for (int i = 0; i < 10; ++i) REQUIRE(file.write(std::string(100, 'x'), 100 * i) == SQLITE_OK);
  CHECK(below.writes() == 0);
  REQUIRE(file.sync() == SQLITE_OK);
  CHECK(below.writes() == 1);
  CHECK(below.syncs() == 1);
  CHECK(contents_of(folder / "file-wal") == std::string(1000, 'x'));
  REQUIRE(file.write("one", 2000) == SQLITE_OK);
  REQUIRE(file.write("two", 500) == SQLITE_OK);
  CHECK(below.writes() == 2);
}

TEST_CASE("what cannot be written fails the sync that it was for, and is not written later") {
  using Fault = FaultyVfs::Fault;
  const Folder folder;
  FaultyVfs below("failing-gathering");
  OpenFile file(gathering_vfs(below.name()), folder / "file-wal");
  const auto [fault, code] =
      GENERATE(std::pair(Fault::full_write, SQLITE_FULL), std::pair(Fault::bad_write, SQLITE_IOERR_WRITE));
  REQUIRE(file.write("never", 0) == SQLITE_OK);
  below.fail(fault);
  CHECK(file.sync() == code);
  CHECK(below.syncs() == 0);
  below.mend();
  CHECK(file.sync() == SQLITE_OK);
  CHECK(file.size() == 0);
  REQUIRE(file.write("again", 0) == SQLITE_OK);
  REQUIRE(file.sync() == SQLITE_OK);
  CHECK(contents_of(folder / "file-wal") == "again");
}

TEST_CASE("a transaction of many pages is a few writes") {
  const Folder folder;
  FaultyVfs below("counting-gathering");
  Database database(folder / "db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, gathering_vfs(below.name()));
  database.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)");
  REQUIRE_FALSE(database.failed());
  const int before = below.writes();
  database.execute(
      "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
      "INSERT INTO t SELECT i, printf('%.2000c', 'x') FROM n; COMMIT");  // 50 pages
  REQUIRE_FALSE(database.failed());
  CHECK(below.writes() - before <= 5);
  CHECK(below.writes() > before);
}

// A database in which `bytes` wait for a checkpoint, which will make its file grow.
void prepare(Database& database, int bytes) {
  database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
  database.execute("CREATE TABLE t (x); PRAGMA wal_checkpoint(TRUNCATE)");
  database.execute(("INSERT INTO t VALUES (zeroblob(" + std::to_string(bytes) + "))").c_str());
  REQUIRE_FALSE(database.failed());
}

TEST_CASE("a checkpoint whose writes fail keeps what has been committed") {
  using Fault = FaultyVfs::Fault;
  const Folder folder;
  FaultyVfs below("checkpoint-gathering");
  const Fault fault = GENERATE(Fault::full_write, Fault::bad_write);
  const int after = GENERATE(0, 1, 5, 12);  // writes that succeed before
  const bool passive = GENERATE(false, true);
  const char* const checkpoint = passive ? "PRAGMA wal_checkpoint(PASSIVE)" : "PRAGMA wal_checkpoint(TRUNCATE)";
  {
    Database database(folder / "db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, gathering_vfs(below.name()));
    prepare(database, 50'000);
    below.fail(fault, after);
    database.execute(checkpoint);
    CHECK(below.failures() > 0);
    CHECK(database.error() == (fault == Fault::full_write ? ErrorCode(Errc::disk_full) : ErrorCode(Errc::io)));
    below.mend();
    database.rollback();
    database.execute("INSERT INTO t VALUES ('after'); PRAGMA wal_checkpoint(TRUNCATE)");
    REQUIRE_FALSE(database.failed());
  }
  Database database(folder / "db", SQLITE_OPEN_READWRITE, "");
  CHECK(database.number("SELECT count(*) FROM t") == 2);
  CHECK(database.number("SELECT sum(length(x)) FROM t") == 50'005);
  CHECK(database.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") == 1);
}

TEST_CASE("a checkpoint that a reader holds back keeps what has been committed, when its writes fail") {
  const Folder folder;
  FaultyVfs below("held-gathering");
  {
    Database database(folder / "db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, gathering_vfs(below.name()));
    prepare(database, 50'000);
    Database reader(folder / "db", SQLITE_OPEN_READWRITE, below.name());
    reader.execute("BEGIN; SELECT count(*) FROM t");
    REQUIRE(reader.number("SELECT count(*) FROM t") == 1);
    database.execute("INSERT INTO t VALUES ('newer')");
    below.fail(FaultyVfs::Fault::full_write);
    database.execute("PRAGMA wal_checkpoint(PASSIVE)");
    CHECK(database.error() == Errc::disk_full);
    below.mend();
    database.rollback();
    reader.execute("COMMIT");
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    REQUIRE_FALSE(database.failed());
  }
  Database database(folder / "db", SQLITE_OPEN_READWRITE, "");
  CHECK(database.number("SELECT sum(length(x)) FROM t") == 50'005);
}

}  // namespace
}  // namespace sealpost::log::test
