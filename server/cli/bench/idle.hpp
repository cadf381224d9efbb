#pragma once
// Many clients that have proven themselves, listen, and say nothing.

#include "cli/bench/world.hpp"

namespace sealpost::cli::bench {

struct Idle {
  std::size_t connections = 0;
  double connect_seconds = 0;
  std::int64_t resident_before = 0;  // bytes, of the server; 0 without --pid
  std::int64_t resident_after = 0;
  double bytes_each() const {
    return static_cast<double>(resident_after - resident_before) / static_cast<double>(connections);
  }
};

// Throws Stop.
Idle hold_idle(World&);

}  // namespace sealpost::cli::bench
