#pragma once
// Cases divided over processes, which are watched: one that crashes or hangs is one case's outcome, and the next case
// is a new process's.

#include <cstdint>
#include <functional>
#include <string>

#include "damage/trial.hpp"

namespace sealpost::damage {

struct Range {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

struct Judged {
  std::uint64_t number = 0;
  Verdict verdict;
};

// Longer than anything takes, also under a sanitizer.
constexpr int hang_seconds = 60;

// Each process calls `work_in(its index)` once and what that gives for each of its cases. `told` is called here.
using Work = std::function<Verdict(std::uint64_t number)>;
void divide(Range, int processes, const std::function<Work(int)>& work_in,
            const std::function<void(const Judged&)>& told);

}  // namespace sealpost::damage
