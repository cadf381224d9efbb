#include "self_test.hpp"

#include <fmt/format.h>

namespace sealpost::power {
namespace {

constexpr int runs_max = 400;

struct Named {
  const char* name;
  Plant plant;
};

Named plant_of(int number) {
  Named plants[plants_count]{{"syncs that do nothing", {}},
                             {"syncs of the write-ahead log that do nothing", {}},
                             {"a folder that is never synced", {}},
                             {"synchronous = NORMAL", {}},
                             {"writes to the write-ahead log that get lost", {}},
                             {"acknowledged two operations too early", {}},
                             {"syncs of the database that do nothing", {}}};
  plants[0].plant.no_syncs = true;
  plants[1].plant.no_log_syncs = true;
  plants[2].plant.no_folder_syncs = true;
  plants[3].plant.normal = true;
  plants[4].plant.lost_log_write = 10;
  plants[5].plant.early_by = 2;
  plants[6].plant.no_database_syncs = true;
  return plants[number];
}

}  // namespace

int find_plant(Cuts& cuts, int number) {
  const auto [name, plant] = plant_of(number);
  cuts.machine.vfs.plant = plant;
  for (int seed = 1; seed <= runs_max; ++seed) {
    try {
      cuts.run(static_cast<std::uint64_t>(seed));
    } catch (const std::exception& error) {
      cuts.machine.vfs.plant = {};
      fmt::print("found, in run {}: {}: {}\n", seed, name, error.what());
      std::fflush(stdout);
      return seed;
    }
  }
  throw Violation(fmt::format("not found in {} runs: {}", runs_max, name));
}

}  // namespace sealpost::power
