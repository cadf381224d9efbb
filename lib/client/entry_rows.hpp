#pragma once
// Entries as rows of the store's table `entry`. A failure to read is no end of the rows: it is an error.

#include <optional>
#include <string>
#include <vector>

#include "client/sqlite.hpp"
#include "client/store.hpp"

namespace sealpost::client {

// "SELECT ... FROM entry WHERE <rest>", as read_entries() and read_one() want it.
std::string select_entries(std::string_view rest);

Result<std::vector<Entry>> read_entries(Statement& rows);
Result<std::optional<Entry>> read_one(Statement& rows);
Result<void> insert_entry(const Database&, const Entry&);

std::int64_t number_of(Seq);
Seq seq_of(std::int64_t);

}  // namespace sealpost::client
