#pragma once
// The log's threads and those that ask it, put off by seeded dice at every call to the disk: writer, checkpoints,
// indexes and both readers meet in many orders, and each answer must be a moment's.

#include "author.hpp"
#include "machine.hpp"

namespace sealpost::power {

class Schedules {
 public:
  // One run. Throws a Violation.
  void run(std::uint64_t seed);

  Machine machine;
};

}  // namespace sealpost::power
