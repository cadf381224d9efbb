#include "self_test.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "cuts.hpp"
#include "schedules.hpp"

namespace sealpost::power {
namespace {

constexpr int runs_max = 400;

struct Named {
  const char* name;
  Plant plant;
  bool by_schedules = false;
};

Named plant_of(int number) {
  Named plants[plants_count]{{"syncs that do nothing", {}},
                             {"syncs of the write-ahead log that do nothing", {}},
                             {"a folder that is never synced", {}},
                             {"synchronous = NORMAL", {}},
                             {"writes to the write-ahead log that get lost", {}},
                             {"acknowledged two operations too early", {}},
                             {"syncs of the database that do nothing", {}},
                             {"locks of the shared memory that exclude nobody", {}, true}};
  plants[0].plant.no_syncs = true;
  plants[1].plant.no_log_syncs = true;
  plants[2].plant.no_folder_syncs = true;
  plants[3].plant.normal = true;
  plants[4].plant.lost_log_write = 10;
  plants[5].plant.early_by = 2;
  plants[6].plant.no_database_syncs = true;
  plants[7].plant.no_shared_locks = true;
  return plants[number];
}

template <class Search>
std::function<void(std::uint64_t)> search_with(const Plant& plant) {
  auto search = std::make_shared<Search>();
  search->machine.vfs.plant = plant;
  return [search](std::uint64_t seed) { search->run(seed); };
}

// What it is found by, or nothing. In a process of its own: without locks, SQLite may as well break.
std::string found_in(const std::function<void(std::uint64_t)>& run, std::uint64_t seed) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      run(seed);
    } catch (const std::exception& error) {
      fmt::print("  {}\n", error.what());
      std::fflush(stdout);
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) throw Violation("no process for a run");
  if (WIFSIGNALED(status)) return fmt::format("the run ended by signal {}", WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : "see above";
}

}  // namespace

void find_plant(int number) {
  const Named named = plant_of(number);
  const auto run = named.by_schedules ? search_with<Schedules>(named.plant) : search_with<Cuts>(named.plant);
  for (std::uint64_t seed = 1; seed <= runs_max; ++seed) {
    const std::string found = found_in(run, seed);
    if (found.empty()) continue;
    fmt::print("found, in run {}: {}: {}\n", seed, named.name, found);
    std::fflush(stdout);
    return;
  }
  throw Violation(fmt::format("not found in {} runs: {}", runs_max, named.name));
}

}  // namespace sealpost::power
