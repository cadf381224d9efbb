#pragma once
// Whether the power cuts and schedules would find what they are there to find: faults planted into the disk, and into
// what the log says, each of which must be found.

namespace sealpost::power {

constexpr int plants_count = 8;

// Throws where the plant is not found.
void find_plant(int number);

}  // namespace sealpost::power
