#pragma once
// The event log in one SQLite file (docs/event-log.md): one writer thread with group commit, two reader threads.

#include <memory>
#include <string>

#include "base/counters.hpp"
#include "base/ports.hpp"
#include "log/event_log.hpp"

namespace sealpost::log {

struct SqliteOptions {
  std::string path;  // of the database; beside it lie <path>-wal, <path>-shm and <path>.lock
  Clock& clock;
  Random& random;      // for the id of a new log
  LogSink& log_sink;   // told about faults, once each
  Counters& counters;  // commits_total, events_total, commit_microseconds_total
  std::string vfs{};   // SQLite VFS to use; empty: the default one
  // Bounds of what waits for the writer; beyond them append() gives Errc::overloaded.
  std::size_t queued_events_max = 65536;
  std::size_t queued_bytes_max = 256 << 20;
};

// Opens or creates the log, checks its newest events against the heads, and starts the threads.
Result<std::unique_ptr<EventLog>> open_sqlite_log(const SqliteOptions&);

}  // namespace sealpost::log
