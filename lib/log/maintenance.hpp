#pragma once
// What is done to a log's file while no server has it open: check it, rebuild its views, restore it from a backup.
// Each takes the lock file, and gives Errc::locked if a server (or another tool) holds it. A wrong path creates
// nothing.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ports.hpp"
#include "base/result.hpp"
#include "log/event_log.hpp"

namespace sealpost::log {

// Something that is not as it must be.
struct Fault {
  EventId event;       // where; 0: not at one event
  std::string what;    // for people
  std::string advice;  // what to do
};

struct VerifyReport {
  LogHead head;                   // as far as the chain could be read
  std::uint64_t bodies = 0;       // checked against their hashes
  std::uint64_t erased = 0;       // bodies that are gone on purpose
  std::uint64_t fault_count = 0;  // 0: the log is whole
  std::vector<Fault> faults;      // the first 20
};

// Told now and then how far it is.
using Progress = std::function<void(EventId done, EventId head)>;

// Walks the whole chain: hashes, bodies, lanes (dense, linked, times rising), epochs, cursors, keys, intents that were
// passed over; compares heads, cursors, keys and indexes with what the events say; and finds rows of MQTT without their
// session or message. Keeps the heads of all clients in memory (about 1 KiB each).
Result<VerifyReport> verify(const std::string& path, const Progress&);

// Writes heads, cursors, keys and indexes again from the events. Refuses with Errc::corrupt if the events themselves
// are not whole: verify says where. Erased bodies stay erased; positions, idempotency keys and what MQTT
// keeps stay as they are.
Result<EventId> rebuild(const std::string& path, const Progress&);

// What restore() has made.
struct Restored {
  Device id;         // of the log, from now on
  std::string kept;  // where the log lies that was there before; empty: there was none
};

// Puts a copy of `backup`, together with its -wal if it has one, in the place of the log at `path`: with a new log id,
// and a record of up to where it and the earlier log are the same. The backup stays as it is, and the log that was
// there is kept under another name, with its -wal. What MQTT keeps comes along as the backup has it.
Result<Restored> restore(const std::string& backup, const std::string& path, Clock&, Random&);

// Everything that can be rebuilt, as sorted lines of text.
Result<std::string> dump_views(const std::string& path);

}  // namespace sealpost::log
