// damage: flips bytes, zeroes sectors, cuts and swaps pages in the files of a server, and looks whether it then either
// refuses them or answers as before.

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "damage/workers.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace sealpost::damage;

constexpr const char* usage = R"(usage: damage [--count N] [--seed S] [--jobs N] [--ignore-verify] [--show]

Damages the files of a server in N ways (default 10000), one after the other and each on a fresh copy; starts the log,
asks it everything, and asks `sealpost verify`. Passed is what was refused, or answered as before.

  --count N        cases; default 10000
  --seed S         number of the first case; default 1. A case depends on its number alone
  --jobs N         processes; default one for each core
  --ignore-verify  as if verify said nothing: then wrong answers must be found, or this program is blind
  --show           tell each case
)";

struct Arguments {
  Range range{1, 10000};
  int jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  bool believe_verify = true;
  bool show = false;
};

template <class Number>
bool read_number(const char* text, Number& number) {
  if (text == nullptr) return false;
  const std::string_view view = text;
  const auto read = std::from_chars(view.data(), view.data() + view.size(), number);
  return read.ec == std::errc{} && read.ptr == view.data() + view.size();
}

// What is to be done; or the exit status.
std::variant<Arguments, int> read_arguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = values[i];
    const char* const next = i + 1 < count ? values[i + 1] : nullptr;
    bool good = true;
    if (option == "--help") {
      fmt::print("{}", usage);
      return 0;
    } else if (option == "--ignore-verify") {
      arguments.believe_verify = false;
    } else if (option == "--show") {
      arguments.show = true;
    } else {
      if (option == "--count")
        good = read_number(next, arguments.range.count);
      else if (option == "--seed")
        good = read_number(next, arguments.range.first);
      else if (option == "--jobs")
        good = read_number(next, arguments.jobs) && arguments.jobs > 0;
      else
        good = false;
      ++i;
    }
    if (!good) {
      fmt::print(stderr, "damage: {} is not understood\n{}", option, usage);
      return 2;
    }
  }
  return arguments;
}

class Table {
 public:
  void add(std::size_t group, Outcome outcome) { ++rows_[group][static_cast<std::size_t>(outcome)]; }

  std::uint64_t of(Outcome outcome) const {
    std::uint64_t sum = 0;
    for (const auto& [group, row] : rows_) sum += row[static_cast<std::size_t>(outcome)];
    return sum;
  }
  std::uint64_t failures() const {
    std::uint64_t sum = 0;
    for (int outcome = 0; outcome < outcomes; ++outcome)
      if (is_failure(static_cast<Outcome>(outcome))) sum += of(static_cast<Outcome>(outcome));
    return sum;
  }

  void print() const {
    fmt::print("{:<14} {:<22} {:>6}", "of", "damage", "cases");
    for (int outcome = 0; outcome < outcomes; ++outcome) fmt::print(" {:>7}", name_of(static_cast<Outcome>(outcome)));
    fmt::print("\n");
    for (const auto& [group, row] : rows_) {
      std::uint64_t sum = 0;
      for (const std::uint64_t count : row) sum += count;
      fmt::print("{:<14} {:<22} {:>6}", name_of(groups()[group].target), groups()[group].name, sum);
      for (const std::uint64_t count : row) fmt::print(" {:>7}", count);
      fmt::print("\n");
    }
  }

 private:
  static const char* name_of(Target target) {
    constexpr const char* names[] = {"database", "wal with shm", "wal alone", "server.keys", "unlock.key", "config"};
    return names[static_cast<int>(target)];
  }
  static const char* name_of(Outcome outcome) { return sealpost::damage::name_of(outcome); }

  std::map<std::size_t, std::array<std::uint64_t, outcomes>> rows_;
};

// Where a sync costs nothing, if there is such a place.
void use_memory_for_files() {
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
}

Undamaged make_undamaged(const std::string& folder) {
  Undamaged undamaged;
  undamaged.scene = make_scene(folder);
  const std::string copy = folder + "/copy.db";
  write_file(copy, undamaged.scene.closed.database);
  undamaged.pages = map_of(copy);
  make_keys(folder + "/keys", undamaged);
  undamaged.configuration = bytes_of_file(SEALPOST_SOURCE_DIR "/config/sealpost.toml");
  return undamaged;
}

class Progress {
 public:
  explicit Progress(std::uint64_t total) : total_(total) {}
  void step() {
    ++done_;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::seconds(5)) return;
    told_ = now;
    fmt::print(stderr, "{}/{}\n", done_, total_);
  }

 private:
  const std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

void print_case(const Judged& judged, const Harm& harm) {
  fmt::print("case {}: {}: {}: {}: {}\n  replay: damage --seed {} --count 1 --show\n", judged.number,
             groups()[harm.group].name, harm.where, name_of(judged.verdict.outcome), judged.verdict.why, judged.number);
}

int run(const Arguments& arguments) {
  use_memory_for_files();
  const sealpost::test::TemporaryFolder folder;
  const Undamaged undamaged = make_undamaged(folder.path().string());
  Table table;
  Progress progress(arguments.range.count);
  const auto work_in = [&](int process) -> Work {
    const std::string place = fmt::format("{}/{}", folder.path().string(), process);
    const auto trials = std::make_shared<Trials>(undamaged, place, arguments.believe_verify);
    return [&undamaged, trials](std::uint64_t number) { return trials->of(harm_of(number, undamaged)); };
  };
  std::fflush(stdout);
  divide(arguments.range, arguments.jobs, work_in, [&](const Judged& judged) {
    const Harm harm = harm_of(judged.number, undamaged);
    table.add(harm.group, judged.verdict.outcome);
    const bool failed = is_failure(judged.verdict.outcome);
    if (arguments.show || (failed && arguments.believe_verify)) print_case(judged, harm);
    progress.step();
  });
  table.print();
  if (!arguments.believe_verify) {
    const bool sees = table.of(Outcome::wrong) > 0;
    fmt::print("{}: {} wrong answers without verify\n{} passed, {} failed, 0 skipped\n", sees ? "ok" : "FAIL",
               table.of(Outcome::wrong), sees ? 1 : 0, sees ? 0 : 1);
    return sees ? 0 : 1;
  }
  const std::uint64_t failed = table.failures();
  fmt::print("{} passed, {} failed, 0 skipped\n", arguments.range.count - failed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  const auto arguments = read_arguments(count, values);
  if (const int* status = std::get_if<int>(&arguments)) return *status;
  try {
    return run(std::get<Arguments>(arguments));
  } catch (const std::exception& error) {
    fmt::print(stderr, "damage: {}\n", error.what());
    return 1;
  }
}
