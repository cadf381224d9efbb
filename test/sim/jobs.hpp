#pragma once
// Seeds on all cores: each worker is a process of its own, so that a broken assertion ends one seed and not the run.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "world.hpp"

namespace sealpost::sim {

// What became of one seed, as it comes from a worker.
struct Report {
  std::uint64_t seed = 0;
  std::uint64_t trace = 0;
  std::uint64_t steps = 0;
  bool failed = false;
  Coverage coverage;
  std::string violation;
};

// Runs each seed in one of `jobs` workers; tells each report as it comes, in no order. A worker that dies has failed
// the seed that it was at, and another takes its place.
void run_seeds(const std::vector<std::uint64_t>& seeds, std::size_t jobs,
               const std::function<Report(std::uint64_t)>& run, const std::function<void(const Report&)>& tell);

}  // namespace sealpost::sim
