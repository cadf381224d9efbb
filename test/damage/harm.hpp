#pragma once
// One case of damage, made from its number alone: which file, which way, and where.

#include <span>
#include <string>

#include "damage/pages.hpp"
#include "damage/scene.hpp"

namespace sealpost::damage {

enum class Target {
  database,     // of a stopped server
  wal_and_shm,  // of a server that was killed
  wal_alone,    // after a power cut, or of a copy: without the shared memory
  key_ring,     // the server's keys
  key_file,     // what opens them
  configuration
};

enum class Way { byte, sector, cut, page };

struct Group {
  Target target;
  Way way;
  PageType page;     // of bytes of the database
  int share;         // of all cases, in thousandths
  const char* name;  // in the table of results
};
std::span<const Group> groups();

constexpr std::size_t wal_header = 32;  // bytes (SQLite's file format, section 4.1)

// The files as they were.
struct Undamaged {
  Scene scene;
  PageMap pages;
  std::string key_ring;
  std::string key_file;
  std::string configuration;
};

struct Harm {
  std::size_t group = 0;
  LogFiles log;       // of a log: damaged
  std::string text;   // of another file: damaged
  std::string where;  // for people
};

Harm harm_of(std::uint64_t number, const Undamaged&);

}  // namespace sealpost::damage
