#pragma once
// The tables, as docs/event-log.md describes them; and the connections to them.

#include "base/ports.hpp"
#include "base/result.hpp"
#include "log/database.hpp"

namespace sealpost::log {

constexpr int application_id = 0x53504c47;  // "SPLG"
constexpr int schema_version = 3;           // goes up with every change of the tables
// Tools take a log of it as it is; the writer first adds the tables that it lacks, those of MQTT.
constexpr int oldest_schema_version = 2;

// A table that follows from the events and can be made again from them.
struct ViewTable {
  const char* name;
  int key_columns;  // the first ones
};
constexpr ViewTable view_tables[] = {
    {"client", 1}, {"device", 2},      {"cursor", 2},      {"key", 1},           {"lane", 3},
    {"feed", 3},   {"object_link", 2}, {"object_type", 2}, {"object_author", 2}, {"object_permalink", 2}};

// All of it, in the order of the key.
std::string select_sorted(const ViewTable&);

enum class Access {
  create,   // the writer: makes the log where there is none
  write,    // a tool that changes it
  inspect,  // a reader or a tool that does not
};

// A connection with the pragmas of its kind, after the checks that the file is a log of a version we know.
Result<std::unique_ptr<Database>> open_database(const std::string& path, Access, const std::string& vfs);

// Makes the tables of a new log, and those that a log of an earlier version lacks; does nothing where they are.
ErrorCode create_schema(Database&, Clock&, Random&);

// Whether the log is of a version that has the tables of MQTT.
bool has_mqtt_tables(Database&);

// The tables alone, without those of MQTT, in a temporary file that nobody else sees: to make views in and compare.
Result<std::unique_ptr<Database>> open_scratch();

Device new_log_id(Random&);

}  // namespace sealpost::log
