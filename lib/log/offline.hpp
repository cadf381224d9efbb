#pragma once
// A log's file in the hands of a tool: the lock, and then the connection.

#include "log/indexer.hpp"
#include "log/lock_file.hpp"
#include "log/reader.hpp"
#include "log/schema.hpp"

namespace sealpost::log {

struct Offline {
  LockFile lock;
  std::unique_ptr<Database> database;
};

// Access::write or Access::inspect. Makes nothing where there is no file.
Result<Offline> open_offline(const std::string& path, Access);

struct LogRow {
  Device id;
  IndexedTo indexed_to;
  LogHead head;
};

Result<LogRow> read_log_row(Database&);

}  // namespace sealpost::log
