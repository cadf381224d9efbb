// sim: the command line. See README.md.

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#include "jobs.hpp"

namespace sealpost::sim {
namespace {

constexpr const char* usage =
    "usage: sim [--count N] [--seed S] | [--seeds A..B]   (default: 500 seeds from 1)\n"
    "  --twice        run each seed twice, and compare the traces\n"
    "  --trace        print the steps of one seed: with --seed\n"
    "  --coverage     print the table of what was met\n"
    "  --known        the seeds of seeds.txt alone; otherwise they run first\n"
    "  --jobs N       worker processes (default: one for each core)\n";

// From so many seeds on each row of the table has to be met so often.
constexpr std::size_t covering_seeds = 500;
constexpr std::uint64_t covered = 50;

struct Options {
  std::uint64_t first = 1;
  std::uint64_t count = 500;
  std::size_t jobs = std::max(1U, std::thread::hardware_concurrency());
  bool count_given = false;
  bool twice = false;
  bool trace = false;
  bool coverage = false;
  bool known_only = false;
  bool one = false;  // a seed was named, and no count
};

[[noreturn]] void explain(int status) {
  std::fputs(usage, status == 0 ? stdout : stderr);
  std::exit(status);
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
  if (text == nullptr || *text == '\0' || *end != '\0') explain(2);
  return value;
}

void read_range(const std::string& text, Options& options) {
  const auto dots = text.find("..");
  if (dots == std::string::npos) explain(2);
  options.first = number(text.substr(0, dots).c_str());
  const std::uint64_t last = number(text.substr(dots + 2).c_str());
  if (last < options.first) explain(2);
  options.count = last - options.first + 1;
  options.count_given = true;
}

Options read(int count, char** arguments) {
  Options options;
  bool seed_given = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    const auto value = [&] { return i + 1 < count ? arguments[++i] : nullptr; };
    if (name == "--help") explain(0);
    if (name == "--twice")
      options.twice = true;
    else if (name == "--trace")
      options.trace = true;
    else if (name == "--coverage")
      options.coverage = true;
    else if (name == "--known")
      options.known_only = true;
    else if (name == "--jobs")
      options.jobs = std::max<std::size_t>(number(value()), 1);
    else if (name == "--count")
      options.count = number(value()), options.count_given = true;
    else if (name == "--seed")
      options.first = number(value()), seed_given = true;
    else if (name == "--seeds") {
      const char* const range = value();
      read_range(range == nullptr ? "" : range, options);
    } else
      explain(2);
  }
  options.one = seed_given && !options.count_given;
  if (options.one) options.count = 1;
  return options;
}

// Seeds that have failed once: a number in each line, and why behind a #.
std::vector<std::uint64_t> known_seeds() {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(SEALPOST_SIM_SEEDS);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    if (std::uint64_t seed = 0; words >> seed) seeds.push_back(seed);
  }
  return seeds;
}

Report run_seed(std::uint64_t seed, const Options& options) {
  const Outcome outcome = World(seed, options.trace).run();
  Report report{seed,
                outcome.trace,
                outcome.steps,
                outcome.violation.has_value(),
                outcome.coverage,
                outcome.violation.value_or("")};
  if (!options.twice || report.failed) return report;
  const Outcome again = World(seed, false).run();
  if (again.trace == outcome.trace && again.steps == outcome.steps) return report;
  report.failed = true;
  report.violation = "the same seed gave another trace the second time";
  return report;
}

class Run {
 public:
  Run(const Options& options, std::vector<std::uint64_t> seeds) : options_(options), seeds_(std::move(seeds)) {}

  int all() {
    const auto run = [this](std::uint64_t seed) { return run_seed(seed, options_); };
    const auto take = [this](const Report& report) { tell(report); };
    if (options_.trace || seeds_.size() == 1)
      for (const std::uint64_t seed : seeds_) take(run(seed));
    else
      run_seeds(seeds_, options_.jobs, run, take);
    if (options_.coverage || seeds_.size() >= covering_seeds) fmt::print("{}", coverage_.table());
    check_coverage();
    fmt::print("{} passed, {} failed, 0 skipped\n", passed_, failed_);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  void tell(const Report& report) {
    coverage_.add(report.coverage);
    ++(report.failed ? failed_ : passed_);
    if (report.failed)
      fmt::print("seed {}, step {}: {}\n  replay: sim --seed {} --trace\n", report.seed, report.steps, report.violation,
                 report.seed);
    else if (options_.one)
      fmt::print("seed {}: trace {:016x}, {} steps\n", report.seed, report.trace, report.steps);
    std::fflush(stdout);
    const auto now = std::chrono::steady_clock::now();
    if (now - said_ < std::chrono::seconds(3)) return;
    said_ = now;
    fmt::print(stderr, "{}/{} seeds, {} failed\n", passed_ + failed_, seeds_.size(), failed_);
  }

  // What is not met proves nothing: one more test, which fails.
  void check_coverage() {
    if (seeds_.size() < covering_seeds) return;
    std::string missing;
    for (std::size_t row = 0; row < static_cast<std::size_t>(Row::count); ++row)
      if (coverage_.of(static_cast<Row>(row)) < covered)
        missing += fmt::format("\n  {:>5}  {}", coverage_.of(static_cast<Row>(row)), sentence(static_cast<Row>(row)));
    ++(missing.empty() ? passed_ : failed_);
    if (!missing.empty()) fmt::print("met less than {} times:{}\n", covered, missing);
  }

  const Options options_;
  const std::vector<std::uint64_t> seeds_;
  Coverage coverage_;
  std::uint64_t passed_ = 0;
  std::uint64_t failed_ = 0;
  std::chrono::steady_clock::time_point said_ = std::chrono::steady_clock::now();
};

}  // namespace
}  // namespace sealpost::sim

int main(int count, char** arguments) {
  using namespace sealpost::sim;
  const Options options = read(count, arguments);
  std::vector<std::uint64_t> seeds;
  if (!options.one) seeds = known_seeds();
  if (!options.known_only)
    for (std::uint64_t i = 0; i < options.count; ++i) seeds.push_back(options.first + i);
  return Run(options, std::move(seeds)).all();
}
