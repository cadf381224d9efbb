#pragma once
// Memory that runs out: operator new of this whole program, which throws when it is told to.

#include <cstdint>

namespace sealpost::power {

// The nth allocation of this thread from now on (from 1) throws std::bad_alloc; once.
void fail_allocation(std::uint64_t nth);
// None fails any more. Gives whether one has.
bool end_failing();

// What this thread has allocated and nobody has freed, less what it has freed of others'.
std::int64_t live_allocations();

}  // namespace sealpost::power
