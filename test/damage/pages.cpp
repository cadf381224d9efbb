#include "damage/pages.hpp"

#include <set>
#include <stdexcept>

#include "log/database.hpp"

namespace sealpost::damage {
namespace {

// The first byte of a b-tree page (SQLite's file format, section 1.6); a table WITHOUT ROWID is an index there.
PageType type_of(std::string_view said, std::string_view table, bool is_index_tree) {
  if (table == "sqlite_schema") return PageType::schema;
  if (said == "overflow") return PageType::overflow;
  if (said == "leaf") return is_index_tree ? PageType::index_leaf : PageType::table_leaf;
  return is_index_tree ? PageType::index_interior : PageType::table_interior;
}

}  // namespace

const char* name_of(PageType type) {
  constexpr const char* names[page_types] = {"header",     "sqlite_schema",  "table leaf", "table interior",
                                             "index leaf", "index interior", "overflow",   "free"};
  return names[static_cast<int>(type)];
}

std::size_t PageMap::count() const {
  std::size_t count = 0;
  for (const PageType type : {PageType::schema, PageType::table_leaf, PageType::table_interior, PageType::index_leaf,
                              PageType::index_interior, PageType::overflow, PageType::free})
    count += of(type).size();
  return count;
}

PageMap map_of(const std::string& path) {
  log::Database database(path, SQLITE_OPEN_READWRITE, {});
  PageMap map;
  map.page_size = static_cast<std::size_t>(database.number("PRAGMA page_size"));
  std::set<std::size_t> used;
  log::Statement trees(
      database,
      "SELECT dbstat.name, pageno, pagetype, coalesce(tree.type = 'index' OR tree.sql LIKE '%WITHOUT ROWID%', "
      "0) FROM dbstat LEFT JOIN sqlite_schema AS tree ON tree.name = dbstat.name");
  for (auto row = trees.query(); row.next();) {
    const auto number = static_cast<std::size_t>(row.number(1));
    const PageType type = type_of(row.text(2), row.text(0), row.number(3) != 0);
    map.pages[static_cast<int>(type)].push_back({number, std::string(row.text(0))});
    used.insert(number);
  }
  map.pages[static_cast<int>(PageType::header)].push_back({1, "header"});
  const auto count = static_cast<std::size_t>(database.number("PRAGMA page_count"));
  for (std::size_t number = 1; number <= count; ++number)
    if (!used.contains(number)) map.pages[static_cast<int>(PageType::free)].push_back({number, ""});
  if (database.failed())
    throw std::runtime_error(std::string("the undamaged database cannot be read: ") +
                             sqlite3_errmsg(database.handle()));
  for (int type = 0; type < page_types; ++type)
    if (map.pages[type].empty())
      throw std::runtime_error(std::string("there is no page of type ") + name_of(static_cast<PageType>(type)));
  return map;
}

}  // namespace sealpost::damage
