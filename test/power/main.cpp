// power: whether the log keeps what it has acknowledged when the power goes, the disk fails or memory runs out.

#include <fmt/format.h>

#include <cstring>
#include <string_view>
#include <thread>

#include "cuts.hpp"
#include "failing_memory.hpp"
#include "faults.hpp"
#include "memory.hpp"
#include "schedules.hpp"
#include "script.hpp"
#include "self_test.hpp"
#include "workers.hpp"

namespace {

using namespace sealpost::power;

struct Options {
  std::string mode;
  std::uint64_t first = 1;
  std::uint64_t count = 0;  // 0: as many as the mode has by itself
  bool trace = false;
  std::uint64_t every = 1;  // of the runs, from the first on
  int jobs = static_cast<int>(std::thread::hardware_concurrency());
};

constexpr const char* usage =
    "power MODE [--count N] [--seed FIRST] [--seeds A..B] [--every N] [--jobs N]\n"
    "  cuts         power cuts at random operations of random runs (1000)\n"
    "  script       a power cut at every operation of a fixed script of 200 messages\n"
    "  faults       each call to the disk fails, once and for good, in a script of a hundred appends\n"
    "  sqlite-memory  the same with SQLite's allocations, every 101st or as --every says\n"
    "  memory       each allocation fails, in everything that meets a stranger\n"
    "  schedules    writer, checkpoints and readers put off at calls to the disk (100)\n"
    "  --self-test  plants faults, each of which must be found\n"
    "With --trace, on one run: what happened on the disk.\n";

// False: not understood.
bool parse(int count, char** words, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) {
      options.mode = word;
      continue;
    }
    if (word == "--self-test") {
      options.mode = "self-test";
      continue;
    }
    if (word == "--trace") {
      options.trace = true;
      continue;
    }
    if (++i == count) return false;
    const std::uint64_t value = std::strtoull(words[i], nullptr, 10);
    if (word == "--count") {
      options.count = value;
    } else if (word == "--seed") {
      options.first = value;
    } else if (word == "--every") {
      options.every = std::max<std::uint64_t>(value, 1);
    } else if (word == "--jobs") {
      options.jobs = static_cast<int>(value);
    } else if (word == "--seeds") {
      const char* to = std::strstr(words[i], "..");
      if (to == nullptr) return false;
      options.first = value;
      options.count = std::strtoull(to + 2, nullptr, 10) - value + 1;
    } else {
      return false;
    }
  }
  return !options.mode.empty();
}

int conclude(const Tally& tally) {
  fmt::print("{} passed, {} failed, 0 skipped\n", tally.passed, tally.failed);
  return tally.failed == 0 ? 0 : 1;
}

int run_cuts(const Options& options) {
  Work work;
  work.what = "power cuts";
  work.first = options.first;
  work.count = options.count == 0 ? 1000 : options.count;
  work.jobs = options.jobs;
  work.replay = "power cuts --count 1 --seed ";
  work.start = [tell = options.trace] {
    auto cuts = std::make_shared<Cuts>();
    cuts->tell = tell;
    return [cuts](std::uint64_t seed) { return cuts->run(seed); };
  };
  return conclude(run(work));
}

int run_script(const Options& options) {
  const Recorded script = record_script();
  Work work;
  work.what = "operations of the script";
  work.first = options.first;
  work.count = options.count == 0 ? script.trace.size() + 2 - work.first : options.count;
  work.jobs = options.jobs;
  work.replay = "power script --count 1 --seed ";
  work.start = [&script] {
    auto every = std::make_shared<EveryOperation>(script);
    return [every](std::uint64_t operation) { return every->cut_at(operation); };
  };
  return conclude(run(work));
}

// How many runs fit between the first and the last, of which every nth is one.
std::uint64_t count_of(std::uint64_t first, std::uint64_t last, std::uint64_t every) {
  return last < first ? 0 : (last - first) / every + 1;
}

int run_faults(const Options& options) {
  FailingDisk breakage;
  Work work;
  work.what = "calls that fail";
  work.first = options.first;
  work.every = options.every;
  work.count =
      options.count == 0 ? count_of(options.first, Faults(breakage, &breakage).calls(), options.every) : options.count;
  work.jobs = options.jobs;
  work.replay = "power faults --count 1 --seed ";
  work.start = [&breakage] {
    auto faults = std::make_shared<Faults>(breakage, &breakage);
    return [faults](std::uint64_t call) {
      int tests = 0;
      for (int failing = 0; failing < failings_count; ++failing)
        if (faults->run(call, static_cast<Failing>(failing))) ++tests;
      return tests;
    };
  };
  return conclude(run(work));
}

// Of SQLite's many allocations every so manyth.
int run_sqlite_memory(const Options& options) {
  static FailingMemory breakage;
  Work work;
  work.what = "allocations of SQLite's that fail";
  work.first = options.first;
  work.every = options.every == 1 ? 101 : options.every;
  work.count =
      options.count == 0 ? count_of(options.first, Faults(breakage, nullptr).calls(), work.every) : options.count;
  work.jobs = options.jobs;
  work.replay = "power sqlite-memory --count 1 --seed ";
  work.start = [] {
    auto faults = std::make_shared<Faults>(breakage, nullptr);
    return [faults](std::uint64_t call) {
      int tests = 0;
      for (const Failing failing : {Failing::once, Failing::for_good})
        if (faults->run(call, failing)) ++tests;
      return tests;
    };
  };
  return conclude(run(work));
}

int run_memory(const Options& options) {
  Work work;
  work.what = "cases without memory";
  work.first = options.first;
  work.count = options.count == 0 ? swept_cases().size() + 1 - options.first : options.count;
  work.jobs = options.jobs;
  work.replay = "power memory --count 1 --seed ";
  work.start = [] { return [cases = swept_cases()](std::uint64_t number) { return sweep(cases.at(number - 1)); }; };
  return conclude(run(work));
}

int run_schedules(const Options& options) {
  Work work;
  work.what = "schedules";
  work.first = options.first;
  work.count = options.count == 0 ? 100 : options.count;
  work.jobs = options.jobs;
  work.replay = "power schedules --count 1 --seed ";
  work.start = [] {
    auto schedules = std::make_shared<Schedules>();
    return [schedules](std::uint64_t seed) {
      schedules->run(seed);
      return 1;
    };
  };
  return conclude(run(work));
}

int run_self_test(const Options& options) {
  Work work;
  work.what = "planted faults";
  work.first = 0;
  work.count = plants_count;
  work.jobs = options.jobs;
  work.replay = "power --self-test # plant ";
  work.start = [] {
    return [](std::uint64_t number) {
      find_plant(static_cast<int>(number));
      return 1;
    };
  };
  return conclude(run(work));
}

}  // namespace

int main(int count, char** words) {
  Options options;
  if (!parse(count, words, options)) {
    fmt::print("{}", usage);
    return 2;
  }
  if (options.mode == "cuts") return run_cuts(options);
  if (options.mode == "script") return run_script(options);
  if (options.mode == "faults") return run_faults(options);
  if (options.mode == "sqlite-memory") return run_sqlite_memory(options);
  if (options.mode == "memory") return run_memory(options);
  if (options.mode == "schedules") return run_schedules(options);
  if (options.mode == "self-test") return run_self_test(options);
  fmt::print("{}", usage);
  return 2;
}
