// sealpost rebuild: the views of a stopped server's log, made again from its events.

#include <fmt/format.h>

#include "cli/explain.hpp"
#include "cli/log_file.hpp"

namespace sealpost::cli {

void add_rebuild(CLI::App& app, Globals&, Run& run) {
  CLI::App* const command = add_command(app, "rebuild", "Make the views of a stopped server's log again",
                                        "  sealpost rebuild /var/lib/sealpost/log.db");
  const auto file = LogFile::add_to(*command);
  command->callback([&run, file] {
    run = [file] {
      const std::string path = file->path();
      const auto head = log::rebuild(path, progress_line("read"));
      if (!head) {
        const Explained explained = explain(head.error(), path);
        throw Stop(explained.exit, explained.text);
      }
      fmt::print("{}: rebuilt from {} events\n", path, head->value);
      return Exit::ok;
    };
  });
}

}  // namespace sealpost::cli
