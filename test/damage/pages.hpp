#pragma once
// What each page of a database file is.

#include <string>
#include <vector>

namespace sealpost::damage {

// `header`: the first 100 bytes of the file; page 1 is also the root of sqlite_schema.
enum class PageType { header, schema, table_leaf, table_interior, index_leaf, index_interior, overflow, free };
constexpr int page_types = 8;
const char* name_of(PageType);

struct Page {
  std::size_t number = 0;  // from 1
  std::string table;       // or index; empty: free
};

struct PageMap {
  static constexpr std::size_t header_size = 100;
  std::size_t page_size = 0;
  std::vector<Page> pages[page_types];  // by type

  const std::vector<Page>& of(PageType type) const { return pages[static_cast<int>(type)]; }
  std::size_t count() const;
};

// Of a database without a write-ahead log.
PageMap map_of(const std::string& path);

}  // namespace sealpost::damage
