// Several rows by one execution of a statement.

#include "log/bulk.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace sealpost::log {
namespace {

TEST_CASE("a bulk statement has a row of parameters for each row") {
  CHECK(bulk_sql("INSERT INTO t", 1, 1, "") == "INSERT INTO t VALUES (?)");
  CHECK(bulk_sql("REPLACE INTO t", 3, 2, " ON CONFLICT DO NOTHING") ==
        "REPLACE INTO t VALUES (?, ?, ?), (?, ?, ?) ON CONFLICT DO NOTHING");
}

TEST_CASE("any number of rows goes in, in their order") {
  Database database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "");
  database.execute("CREATE TABLE t (place INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, number INTEGER)");
  BulkInsert<8> bulk(database, "INSERT INTO t (name, number)", 2);
  const std::size_t count = GENERATE(0, 1, 7, 8, 9, 16, 37);
  struct Item {
    std::string name;
    std::int64_t number;
  };
  std::vector<Item> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back({"name " + std::to_string(i), static_cast<std::int64_t>(i)});
  bulk.insert<Item>(items, [](const Item& item, auto bind) { bind(item.name, item.number); });
  REQUIRE_FALSE(database.failed());

  Statement all(database, "SELECT name, number FROM t ORDER BY place");
  std::size_t found = 0;
  for (auto row = all.query(); row.next(); ++found) {
    REQUIRE(found < count);
    CHECK(row.text(0) == items[found].name);
    CHECK(row.number(1) == items[found].number);
  }
  CHECK(found == count);
}

TEST_CASE("a row that the table refuses is an error, as of any statement") {
  Database database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "");
  database.execute("CREATE TABLE t (number INTEGER PRIMARY KEY)");
  BulkInsert<4> bulk(database, "INSERT INTO t", 1);
  const std::vector<std::int64_t> numbers{1, 2, 3, 2, 5};
  bulk.insert<std::int64_t>(numbers, [](std::int64_t number, auto bind) { bind(number); });
  CHECK(database.failed());
}

}  // namespace
}  // namespace sealpost::log
