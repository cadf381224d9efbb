// power: whether the log keeps what it has acknowledged when the power goes, the disk fails or memory runs out.

#include <fmt/format.h>

#include <cstring>
#include <string_view>
#include <thread>

#include "cuts.hpp"
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
  int jobs = static_cast<int>(std::thread::hardware_concurrency());
};

constexpr const char* usage =
    "power MODE [--count N] [--seed FIRST] [--seeds A..B] [--jobs N]\n"
    "  cuts         power cuts at random operations of random runs (1000)\n"
    "  script       a power cut at every operation of a fixed script of 200 messages\n"
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

int run_self_test(const Options& options) {
  Work work;
  work.what = "planted faults";
  work.first = 0;
  work.count = plants_count;
  work.jobs = options.jobs;
  work.replay = "power --self-test # plant ";
  work.start = [] {
    auto cuts = std::make_shared<Cuts>();
    return [cuts](std::uint64_t number) {
      find_plant(*cuts, static_cast<int>(number));
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
  if (options.mode == "self-test") return run_self_test(options);
  fmt::print("{}", usage);
  return 2;
}
