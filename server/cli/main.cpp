// sealpost: the command line.

#include <fmt/format.h>

#include <csignal>

#include "cli/globals.hpp"

namespace {

using namespace sealpost::cli;

std::string footer() {
  std::string text = "Exit codes:\n";
  for (const ExitMeaning& meaning : exit_meanings) {
    text += fmt::format("  {:>3}  {}\n", static_cast<int>(meaning.code), meaning.means);
  }
  return text + "\nExample:\n  sealpost chat --server mqtt://localhost:1883";
}

void add_globals(CLI::App& app, Globals& globals) {
  app.add_option("--server", globals.server, "Address: mqtt://, mqtts://, ws://, wss:// or unix:/PATH")
      ->envname("SEALPOST_SERVER")
      ->capture_default_str();
  app.add_option("--home", globals.home, "Folder of keys and stores (default ~/.sealpost)")->envname("SEALPOST_HOME");
  app.add_option("--ca", globals.ca, "PEM file with the authorities that may sign the server's certificate");
  app.add_flag("--insecure", globals.insecure,
               "Accept any certificate: for tests (the server must prove itself anyway)");
  app.add_option("--pin", globals.pin, "Permalink of the server: talk with no other");
  app.add_option("--passphrase-env", globals.passphrase_variable,
                 "Environment variable with the passphrase of the keys, instead of a key file");
  app.add_flag("--json", globals.json, "Output as JSON, one object a line, where output is data");
}

void add_commands(CLI::App& app, Globals& globals, Run& run) {
  add_chat(app, globals, run);
  add_send(app, globals, run);
  add_tail(app, globals, run);
  add_keygen(app, globals, run);
  add_identity(app, globals, run);
  add_token(app, globals, run);
  add_verify(app, globals, run);
  add_rebuild(app, globals, run);
  add_restore(app, globals, run);
  add_bench(app, globals, run);
}

int complain(Exit exit, const char* text) {
  fmt::print(stderr, "sealpost: {}\n", text);
  return static_cast<int>(exit);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Globals globals;
  Run run;
  CLI::App app{"Sealpost from the command line: talk with a server, and look after one.", "sealpost"};
  app.set_version_flag("--version", "sealpost " SEALPOST_VERSION);
  app.require_subcommand(1, 1);
  app.fallthrough();
  app.footer(footer());
  add_globals(app, globals);
  add_commands(app, globals, run);
  try {
    app.parse(argc, argv);
    return static_cast<int>(run());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  } catch (const Stop& stop) {
    return complain(stop.exit(), stop.what());
  } catch (const std::exception& error) {
    return complain(Exit::failed, error.what());
  }
}
