#pragma once
// Rows into one table, several of them by one execution of a statement: what SQLite does once for each execution costs
// as much as a row does.

#include <span>
#include <string>

#include "log/database.hpp"

namespace sealpost::log {

// The text of a statement that takes so many rows of so many columns: "INTO t" becomes "INTO t VALUES (?, ?), (?, ?)",
// followed by `after`.
std::string bulk_sql(const std::string& into, int columns, int rows, const std::string& after);

template <int rows_at_once>
class BulkInsert {
 public:
  // `into`: "INSERT INTO t" or "REPLACE INTO t"; `after`: what follows the rows.
  BulkInsert(Database& database, const std::string& into, int columns, const std::string& after = "")
      : many_(database, bulk_sql(into, columns, rows_at_once, after)),
        one_(database, bulk_sql(into, columns, 1, after)) {}

  // Calls `row` with each item and something to give its columns to: numbers, and references into what outlives this.
  //   bulk.insert<const Record*>(events, [](const Record* e, auto bind) { bind(e->draft.client, e->id); });
  template <class Item, class Row>
  void insert(std::span<const Item> items, Row row) {
    while (items.size() >= rows_at_once) {
      for (int i = 0; i < rows_at_once; ++i)
        row(items[static_cast<std::size_t>(i)], [&](const auto&... columns) { many_.bind_row(i, columns...); });
      many_.execute();
      items = items.subspan(rows_at_once);
    }
    for (const Item& item : items) row(item, [&](const auto&... columns) { one_.run(columns...); });
  }

 private:
  Statement many_;
  Statement one_;
};

}  // namespace sealpost::log
