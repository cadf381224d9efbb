#include "log/schema.hpp"

#include <fstream>

#include "base/encoding.hpp"
#include "conformance.hpp"
#include "log/maintenance.hpp"
#include "mqtt_verbs.hpp"

namespace sealpost::log::test {
namespace {

Database opened(const std::string& path) {
  return {path, SQLITE_OPEN_READWRITE, {}};
}

void change(const std::string& path, const char* sql) {
  Database database = opened(path);
  database.execute(sql);
  REQUIRE_FALSE(database.failed());
}

std::string tables_of(const std::string& path) {
  Database database = opened(path);
  Statement all(database, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid");
  std::string tables;
  for (auto row = all.query(); row.next();) tables += std::string(row.text(0)) + ";\n";
  return tables;
}

std::int64_t version_of(const std::string& path) {
  return opened(path).number("PRAGMA user_version");
}

ErrorCode refusal_to_open(const std::string& path) {
  TestClock clock;
  CountingRandom random;
  QuietSink sink;
  Counters counters;
  return open_sqlite_log({path, clock, random, sink, counters}).error();
}

}  // namespace

TEST_CASE("the tables are those of the schema version") {
  SqliteEngine engine;
  engine.close();
  const std::string tables = tables_of(engine.path());
  CHECK(version_of(engine.path()) == schema_version);
  INFO("A change of the tables needs another schema_version: raise it, and write down both here.");
  CHECK(schema_version == 3);
  CHECK(to_hex(sha256(as_bytes(tables))) == "cb82f0b84c6fd3d6b5f6ab51e41af6f91515ac6dfe8987f73f57fc785b38371e");
}

TEST_CASE("a log of another schema version is refused, and said to be") {
  SqliteEngine engine;
  engine.close();
  change(engine.path(), "PRAGMA user_version = 1");
  CHECK(refusal_to_open(engine.path()) == Errc::older_schema);
  CHECK(verify(engine.path(), {}).error() == Errc::older_schema);
  CHECK(refusal_to_open(engine.path()).message().find("go on with that version") != std::string::npos);
  change(engine.path(), "PRAGMA user_version = 4");
  CHECK(refusal_to_open(engine.path()) == Errc::newer_schema);
}

TEST_CASE("a log of version 2 gets the tables that it lacks when the log is opened, and keeps its events") {
  SqliteEngine engine;
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  const Digest before = commit(engine.log(), {epoch(ann, "phone", 1), out.next(), out.next()}).hash();
  engine.close();
  const std::string tables = tables_of(engine.path());
  take_back_to_version_2(engine.path());
  REQUIRE(tables_of(engine.path()) != tables);

  engine.reopen();
  CHECK(ask(engine.log(), [](Reader& reader) { return reader.head().hash; }) == before);
  keep(engine.log(), {PutMqttSession{{1, "one", 60, 0}}});
  commit(engine.log(), out.next());
  engine.close();
  CHECK(tables_of(engine.path()) == tables);
  CHECK(version_of(engine.path()) == schema_version);
  CHECK(verify(engine.path(), {})->fault_count == 0);
  engine.reopen();
  CHECK(mqtt_lines(engine.log()) == Lines{"session 1 one 60 0"});
}

TEST_CASE("tools take a log of version 2 as it is") {
  SqliteEngine engine;
  commit(engine.log(), epoch(client_named("ann"), "phone", 1), security("odd"));
  engine.close();
  const auto views = dump_views(engine.path());
  take_back_to_version_2(engine.path());
  const std::string tables = tables_of(engine.path());
  const auto report = verify(engine.path(), {});
  REQUIRE(report);
  CHECK(report->fault_count == 0);
  CHECK(*dump_views(engine.path()) == *views);
  CHECK(rebuild(engine.path(), {}).has_value());
  CountingRandom random;
  CHECK(restore(engine.path(), engine.path(), engine.clock, random).has_value());
  CHECK(version_of(engine.path()) == 2);
  CHECK(tables_of(engine.path()) == tables);
  engine.reopen();
  CHECK(ask(engine.log(), [](Reader& reader) { return reader.restore_points().size(); }) == 1);
}

TEST_CASE("a log without what its version promises is damaged, and the disk is not blamed") {
  SqliteEngine engine;
  engine.close();
  change(engine.path(), GENERATE(as<const char*>{}, "ALTER TABLE event DROP COLUMN cause", "DROP TABLE client",
                                 "DROP TABLE mqtt_delivery", "ALTER TABLE idempotency RENAME COLUMN time TO at"));
  CHECK(refusal_to_open(engine.path()) == Errc::corrupt);
}

TEST_CASE("an empty file in the place of a log is not taken for a new one") {
  SqliteEngine engine;
  commit(engine.log(), security("odd"));
  engine.close();
  std::filesystem::resize_file(engine.path(), 0);
  CHECK(refusal_to_open(engine.path()) == Errc::corrupt);
  CHECK(std::filesystem::is_empty(engine.path()));
}

TEST_CASE("a log that was about to be made is made") {
  Folder folder;
  std::ofstream(folder / "log.db");
  std::ofstream(folder / "log.db.lock");
  CHECK_FALSE(refusal_to_open(folder / "log.db"));
}

TEST_CASE("a log that has lost its list of tables is not taken for a new one") {
  SqliteEngine engine;
  commit(engine.log(), security("odd"));
  engine.close();
  constexpr std::streamoff cells_of_first_page = 103;  // after the file's header of 100 bytes
  std::fstream file(engine.path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(cells_of_first_page).write("\0\0", 2);
  file.close();
  const auto size = std::filesystem::file_size(engine.path());
  CHECK(refusal_to_open(engine.path()) == Errc::corrupt);
  CHECK(verify(engine.path(), {}).error() == Errc::corrupt);
  CHECK(std::filesystem::file_size(engine.path()) == size);
}

}  // namespace sealpost::log::test
