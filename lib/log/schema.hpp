#pragma once
// The tables, as docs/event-log.md describes them; and the connections to them.

#include "base/ports.hpp"
#include "base/result.hpp"
#include "log/database.hpp"

namespace sealpost::log {

constexpr int application_id = 0x53504c47;  // "SPLG"
constexpr int schema_version = 1;

// The tables that follow from the events and can be made again from them.
constexpr const char* view_tables[] = {"client", "device",      "cursor",      "key",           "lane",
                                       "feed",   "object_link", "object_type", "object_author", "object_permalink"};

enum class Access {
  create,   // the writer: makes the log where there is none
  write,    // a tool that changes it
  inspect,  // a reader or a tool that does not
};

// A connection with the pragmas of its kind, after the checks that the file is a log of a version we know.
Result<std::unique_ptr<Database>> open_database(const std::string& path, Access, const std::string& vfs);

// Makes the tables of a new log; does nothing where they are.
ErrorCode create_schema(Database&, Clock&, Random&);

Device new_log_id(Random&);

}  // namespace sealpost::log
