#pragma once
// Time for the log's writer. It waits 50 ms for a gap before it sees to the house, a second before it tries a full disk
// again, and takes half a millisecond's breath between crowded commits. Here such waits last until somebody lets time
// pass, and are then over at once: a run is fast, and the same each time. The linker puts these in the place of the
// waits of the standard library (--wrap).

#include <functional>

namespace sealpost::power {

// The threads of a log that have nothing to do.
constexpr int log_threads = 3;

// Lets waits be over, those that have begun and those to come.
void let_time_pass();
void let_time_stand_still();

// Lets time pass until so many threads wait for work without a limit of time: then nothing happens until somebody gives
// some. Or until so many waits are over, as a disk that stays full has no end of them; or until notice() finds `over`.
// Afterwards time stands still.
void wait_until_idle(
    int threads = log_threads, int waits_max = 1'000'000, const std::function<bool()>& over = [] { return false; });
void notice();

}  // namespace sealpost::power
