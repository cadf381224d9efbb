// sealpost restore: tells a copy of a log that it is one, before a server opens it.

#include <fmt/format.h>

#include "app/ports.hpp"
#include "cli/explain.hpp"
#include "cli/log_file.hpp"

namespace sealpost::cli {

void add_restore(CLI::App& app, Globals& globals, Run& run) {
  CLI::App* const command =
      add_command(app, "restore", "Mark the log as restored from a backup, before the server opens it again",
                  "  cp backup/log.db /var/lib/sealpost/log.db && sealpost restore /var/lib/sealpost/log.db");
  const auto file = LogFile::add_to(*command);
  command->callback([&globals, &run, file] {
    run = [&globals, file] {
      app::SystemClock clock;
      app::SystemRandom random;
      const std::string path = file->path();
      const auto id = log::mark_restored(path, clock, random);
      if (!id) {
        const Explained explained = explain(id.error(), path);
        throw Stop(explained.exit, explained.text);
      }
      fmt::print("{}\n", globals.json ? fmt::format(R"({{"log":"{}"}})", id->text())
                                      : fmt::format("{}: restored; its id is {} now", path, id->text()));
      return Exit::ok;
    };
  });
}

}  // namespace sealpost::cli
