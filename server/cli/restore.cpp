// sealpost restore: puts a backup in the place of a stopped server's log, as what it is: a restored one.

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/ports.hpp"
#include "cli/explain.hpp"
#include "cli/log_file.hpp"

namespace sealpost::cli {
namespace {

// A backup that lies in the log's own place is one that was copied there by hand: a -wal beside it may be of the log
// that was there before, and would be replayed into it.
void refuse_if_mixed(const std::string& backup, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::equivalent(backup, path, ignored) || !std::filesystem::exists(path + "-wal", ignored)) return;
  throw Stop(Exit::usage,
             fmt::format("{}: is the log itself, and the {}-wal beside it may be of another one. Move both "
                         "away if they belong together, and name the moved file; else name the backup "
                         "where it lies: it is copied from there.",
                         backup, path));
}

void print(const Globals& globals, const log::Restored& restored, const std::string& path) {
  if (globals.json) {
    boost::json::object said{{"log", restored.id.text()}};
    if (!restored.kept.empty()) said["kept"] = restored.kept;
    fmt::print("{}\n", boost::json::serialize(said));
    return;
  }
  fmt::print("{}: restored; its id is {} now\n", path, restored.id.text());
  if (!restored.kept.empty()) fmt::print("{}: the log that was there\n", restored.kept);
}

Exit restore(const Globals& globals, const std::string& backup, const std::string& path) {
  refuse_if_mixed(backup, path);
  app::SystemClock clock;
  app::SystemRandom random;
  const auto restored = log::restore(backup, path, clock, random);
  if (!restored) {
    const Explained explained = explain(restored.error(), fmt::format("{} from {}", path, backup));
    throw Stop(explained.exit, explained.text);
  }
  print(globals, *restored, path);
  return Exit::ok;
}

}  // namespace

void add_restore(CLI::App& app, Globals& globals, Run& run) {
  CLI::App* const command = add_command(app, "restore", "Put a backup in the place of a stopped server's log",
                                        "  sealpost restore /backup/log.db /var/lib/sealpost/log.db");
  const auto backup = std::make_shared<std::string>();
  command->add_option("BACKUP", *backup, "The copy of a log; a -wal beside it is a part of it")->required();
  const auto file = LogFile::add_to(*command);
  command->callback([&globals, &run, backup, file] {
    run = [&globals, backup, file] { return restore(globals, *backup, file->path()); };
  });
}

}  // namespace sealpost::cli
