// sealpost keygen: a new identity.

#include <fmt/format.h>

#include "app/ports.hpp"
#include "cli/globals.hpp"

namespace sealpost::cli {

void add_keygen(CLI::App& app, Globals& globals, Run& run) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const keygen =
      add_command(app, "keygen", "Make a new identity and its keys", "  sealpost keygen --name Anna");
  keygen->add_option("--name", *name, "How to be called; everybody you write to sees it");
  keygen->callback([&globals, &run, name] {
    run = [&globals, name] {
      app::SystemClock clock;
      app::SystemRandom random;
      const Keys keys = Keys::create(globals, name->empty() ? std::nullopt : std::optional(*name), clock, random);
      if (globals.json) {
        fmt::print("{}\n", keys.self().versions.front());
      } else {
        fmt::print("{}\n", keys.self().permalink.hex());
        fmt::print(stderr,
                   "Keys: {}\nOpened by: {}\nBack up both: without them nobody, you included, is this identity.\n",
                   keys.path().string(),
                   globals.passphrase_variable.empty() ? (keys.path().parent_path() / "unlock.key").string()
                                                       : "the passphrase in $" + globals.passphrase_variable);
      }
      return Exit::ok;
    };
  });
}

}  // namespace sealpost::cli
