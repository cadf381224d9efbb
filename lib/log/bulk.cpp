#include "log/bulk.hpp"

namespace sealpost::log {

std::string bulk_sql(const std::string& into, int columns, int rows, const std::string& after) {
  std::string row = "(?";
  for (int column = 1; column < columns; ++column) row += ", ?";
  row += ')';
  std::string text = into + " VALUES " + row;
  for (int more = 1; more < rows; ++more) text += ", " + row;
  return text + after;
}

}  // namespace sealpost::log
