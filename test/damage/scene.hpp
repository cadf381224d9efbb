#pragma once
// The undamaged log: small, and with something of everything in it. It is made without the log's threads, so that it is
// the same bytes each time.

#include <string>
#include <vector>

#include "log/event_log.hpp"

namespace sealpost::damage {

// The files of a log, as bytes.
struct LogFiles {
  std::string database;
  std::string wal;
  std::string shm;  // empty: there is none
};

// What can be asked for by name.
struct Known {
  std::vector<Permalink> clients;
  std::vector<log::Lane> lanes;
  std::vector<Link> links;
  std::vector<PublicKey> keys;
  std::vector<std::string> requests;  // idempotency keys of the scope "bot"
  std::vector<std::string> types;
};

struct Scene {
  LogFiles closed;  // as a stopped server leaves it: no write-ahead log
  LogFiles killed;  // as one leaves it that was killed: with it, and the shared memory
  // As it would be with so many of the commits in the write-ahead log; the last one is `killed`.
  std::vector<LogFiles> earlier;
  Known known;
};

// Works in `folder`, which must be there.
Scene make_scene(const std::string& folder);

std::string bytes_of_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);

}  // namespace sealpost::damage
