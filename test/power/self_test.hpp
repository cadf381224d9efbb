#pragma once
// Whether the power cuts would find what they are there to find: faults planted into the disk, and into what the log
// says, each of which must be found.

#include "cuts.hpp"

namespace sealpost::power {

constexpr int plants_count = 7;

// Gives after how many runs the plant was found; throws where it was not.
int find_plant(Cuts&, int number);

}  // namespace sealpost::power
