#pragma once
// A SQLite VFS over another, for the connection that writes: writes that follow one another in a file go to the system
// together. SQLite writes each page of the write-ahead log by two calls, and each of a checkpoint by one; a commit of
// twenty pages is one call this way. What is gathered is written before anything else happens to the file, so before
// every sync, read and lock: nothing that is durable, or seen by others, comes later than without it.

#include <string>

namespace sealpost::log {

// The name to open a database by. `base` is the VFS below, empty for SQLite's default one; it is looked up whenever a
// file is opened. Registered once for each `base`, for as long as the process lives. Safe for use from any thread.
std::string gathering_vfs(const std::string& base);

}  // namespace sealpost::log
