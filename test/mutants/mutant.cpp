#include "mutants/mutant.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sealpost {
namespace {

constexpr std::string_view names[] = {
#include "names.inc"
};

constexpr int bad_usage = 2;

std::string_view chosen() {
  const char* name = std::getenv("SEALPOST_MUTANT");
  if (name == nullptr || *name == '\0') return {};
  if (std::ranges::find(names, name) != std::end(names)) return name;
  std::fprintf(stderr, "SEALPOST_MUTANT: there is no mutant '%s' in test/mutants/mutants.toml\n", name);
  std::_Exit(bad_usage);
}

// Before anything runs, so that a name that nobody knows is never taken for a mutant that does no harm.
const std::string_view on = chosen();

}  // namespace

bool mutant(std::string_view name) {
  return name == on;
}

}  // namespace sealpost
