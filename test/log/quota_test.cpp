// Room that is missing by a limit rather than by the disk: RLIMIT_FSIZE gives EFBIG, as a quota gives EDQUOT.

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "conformance.hpp"
#include "log/database.hpp"
#include "log/maintenance.hpp"

namespace sealpost::log::test {
namespace {

// While it lives no file of this process may grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uintmax_t bytes) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{static_cast<rlim_t>(bytes), before_.rlim_max};
    std::signal(SIGXFSZ, SIG_IGN);  // as the server does
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("a file that may not grow is a full disk, and the log goes on by itself") {
  SqliteEngine engine;
  EventLog& log = engine.log();
  InLane out = out_lane(client_named("ann"));
  commit(log, out.next());
  const Draft large = out.next(std::string(500'000, 'x'));
  {
    const FileSizeLimit limit(std::filesystem::file_size(engine.path() + "-wal"));
    CHECK(refusal(log, large) == Errc::disk_full);
    CHECK(log.health().state == Health::State::disk_full);
    CHECK(refusal(log, large) == Errc::disk_full);
  }
  CHECK(commit(log, large).id() == EventId{2});
  CHECK(log.health().state == Health::State::ready);
  engine.close();
  CHECK(verify(engine.path(), {})->fault_count == 0);
}

TEST_CASE("a checkpoint into a file that may not grow is a full disk") {
  const Folder folder;
  Database database(folder / "x.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, {});
  database.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)");
  database.execute("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (zeroblob(100000))");
  REQUIRE_FALSE(database.failed());
  {
    const FileSizeLimit limit(std::filesystem::file_size(folder / "x.db"));
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  CHECK(database.error() == Errc::disk_full);
  database.rollback();
  database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  CHECK_FALSE(database.failed());
}

}  // namespace sealpost::log::test
