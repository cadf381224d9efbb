#pragma once
// Holds an opened log to the account of what was given to it.

#include "ledger.hpp"

namespace sealpost::power {

// What a log was found to have.
struct Finding {
  std::size_t entries = 0;                           // of the ledger
  std::vector<Digest> hashes;                        // of all events
  std::vector<std::pair<log::Lane, Seq>> positions;  // of each device
};

// The log must have the first `sure` entries, and may have those that follow, in order and whole, up to any; and all
// that it answers must follow from just these. Throws a Violation.
Finding judge(log::EventLog&, const Ledger&, std::size_t sure, Millis now);

// Takes the finding for what was given, from now on.
void settle(Ledger&, const Finding&, bool all_sure = true);

}  // namespace sealpost::power
