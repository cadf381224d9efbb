#pragma once
// One pass over all events, oldest first, that says of each what is not as it must be.

#include "log/fold.hpp"
#include "log/maintenance.hpp"
#include "log/offline.hpp"

namespace sealpost::log {

void add_fault(VerifyReport&, EventId, std::string what, std::string advice);

// Checks ids, parts, chain, bodies and the law, and gives every event to the fold. Where the file cannot be read on,
// the walk ends with a fault, and the database's error is still there.
void walk(Database&, const LogRow&, Fold&, VerifyReport&, const Progress&);

}  // namespace sealpost::log
