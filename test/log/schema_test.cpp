#include "log/schema.hpp"

#include "base/encoding.hpp"
#include "conformance.hpp"
#include "log/maintenance.hpp"

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
  Database database = opened(engine.path());
  Statement all(database, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid");
  std::string tables;
  for (auto row = all.query(); row.next();) tables += std::string(row.text(0)) + ";\n";
  CHECK(database.number("PRAGMA user_version") == schema_version);
  INFO("A change of the tables needs another schema_version: raise it, and write down both here.");
  CHECK(schema_version == 2);
  CHECK(to_hex(sha256(as_bytes(tables))) == "79e6348e77ce42ea5911431ea4a7a07a680ce61eb0077aa31e568f468f631f9e");
}

TEST_CASE("a log of another schema version is refused, and said to be") {
  SqliteEngine engine;
  engine.close();
  change(engine.path(), "PRAGMA user_version = 1");
  CHECK(refusal_to_open(engine.path()) == Errc::older_schema);
  CHECK(verify(engine.path(), {}).error() == Errc::older_schema);
  CHECK(refusal_to_open(engine.path()).message().find("go on with that version") != std::string::npos);
  change(engine.path(), "PRAGMA user_version = 3");
  CHECK(refusal_to_open(engine.path()) == Errc::newer_schema);
}

TEST_CASE("a log without what its version promises is damaged, and the disk is not blamed") {
  SqliteEngine engine;
  engine.close();
  change(engine.path(), GENERATE(as<const char*>{}, "ALTER TABLE event DROP COLUMN cause", "DROP TABLE client",
                                 "ALTER TABLE idempotency RENAME COLUMN time TO at"));
  CHECK(refusal_to_open(engine.path()) == Errc::corrupt);
}

}  // namespace sealpost::log::test
