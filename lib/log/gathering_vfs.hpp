#pragma once
// A SQLite VFS over another, for the connection that writes: writes to the write-ahead log that follow one another go
// to the system together. SQLite writes each page by two calls; a commit of twenty pages is a few calls this way, the
// last of them at the sync.
//
// It relies on `synchronous = FULL`: SQLite syncs the write-ahead log before it shows a commit to others, and takes
// what that says for the outcome of the commit. Nothing is gathered for the database itself: a checkpoint ends without
// a call whose failure SQLite would hear.

#include <string>

namespace sealpost::log {

// The name to open a database by. `base` is the VFS below, empty for SQLite's default one; it is looked up whenever a
// file is opened. Registered once for each `base`, for as long as the process lives. Safe for use from any thread.
std::string gathering_vfs(const std::string& base);

}  // namespace sealpost::log
