// Any text as a configuration, and any words in the environment: refused with a place and a sentence, or taken, and
// then what is printed reads as the same configuration.

#include "app/configuration.hpp"
#include "base/assert.hpp"
#include "script.hpp"

using namespace sealpost;
using namespace sealpost::app;

namespace {

constexpr std::string_view file = "c.toml";

// The file, or the variable, begins each sentence.
void check_problems(const Problems& problems, const Environment& environment) {
  SEALPOST_ASSERT(!problems.sentences.empty());
  for (const std::string& sentence : problems.sentences) {
    bool names_place = sentence.starts_with(file);
    for (const auto& [name, value] : environment) names_place = names_place || sentence.starts_with(name);
    SEALPOST_ASSERT(names_place && sentence.find(": ") != std::string::npos);
  }
}

void check_taken(const Configuration& taken) {
  SEALPOST_ASSERT(!taken.listeners.empty() && !taken.server.endpoints.empty());
  const std::string printed = print_configuration(taken);
  const auto again = read_configuration(printed, file, {});
  SEALPOST_ASSERT(again.has_value() && print_configuration(*again) == printed);
  const Changes changes = changes_between(taken, *again);
  SEALPOST_ASSERT(changes.reloadable.empty() && changes.need_restart.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::Script script({data, size});
  Environment environment;
  const std::uint8_t variables = script.byte();
  for (int left = variables % 4; left > 0; --left) {
    const std::string name = "SEALPOST_" + std::string(as_text(script.bytes(script.byte() % 40U)));
    if (name.find('\0') != std::string::npos) continue;
    environment[name] = as_text(script.bytes(script.byte() % 40U));
  }
  const auto read = read_configuration(as_text(script.bytes(1 << 16)), file, environment);
  if (read)
    check_taken(*read);
  else
    check_problems(read.error(), environment);
  return 0;
}
