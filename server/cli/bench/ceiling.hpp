#pragma once
// The loops that bound what any server of this kind can do on this machine: signatures alone, and the log alone.

#include "base/ports.hpp"
#include "cli/bench/options.hpp"

namespace sealpost::cli::bench {

struct VerifyOnly {
  double us = 0;  // to check one signature and make one, on one core
};
VerifyOnly verify_only(Random&, Clock&, double seconds);

struct AppendOnly {
  double per_second = 0;  // pairs of events: what came in, and its reply with the cursor's move
  double cpu_us = 0;      // of such a pair, all threads
};
// Appends through the log's port, to a new log in the temporary folder (or options.folder), with as much in flight as
// the clients of `options` would have. Throws Stop.
AppendOnly append_only(const Options&, Random&, Clock&, double seconds);

}  // namespace sealpost::cli::bench
