#pragma once
// Each allocation failing, one run for each, of everything that meets a stranger's bytes (by the fuzzers' targets and
// their corpus), of a lane, and of the log in memory: no crash, nothing leaks, and what a failed operation leaves is
// whole.

#include <functional>
#include <string>
#include <vector>

namespace sealpost::power {

struct Swept {
  std::string name;
  // Lets std::bad_alloc out, or deals with it. Throws a Violation.
  std::function<void()> run;
};

std::vector<Swept> swept_cases();

// Gives how many allocations failed, each in its run.
int sweep(const Swept&);

}  // namespace sealpost::power
