#pragma once
// Many runs, each known by a number, by several processes at once: so that one which dies or hangs is told of like any
// other that fails.

#include <cstdint>
#include <functional>
#include <string>

namespace sealpost::power {

struct Work {
  // Does one run; gives how many tests it was, and throws where one fails.
  using Run = std::function<int(std::uint64_t)>;

  std::string what;  // of what there are so many, for people
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  std::uint64_t every = 1;  // the numbers of two runs differ by it
  int jobs = 1;
  std::string replay;          // the command that does one run again, but for its number
  std::function<Run()> start;  // called in each process
  unsigned seconds_max = 120;  // for one run, before it counts as hanging
};

struct Tally {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
};

// Tells on stdout of each run that fails, and now and then on stderr how far it is. Stops after ten failures.
Tally run(const Work&);

}  // namespace sealpost::power
