#include "cli/log_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace sealpost::cli {

std::shared_ptr<LogFile> LogFile::add_to(CLI::App& command) {
  auto file = std::make_shared<LogFile>();
  command.add_option("LOG", file->log, "The log's file; without it, the one in the server's configuration");
  command.add_option("--config", file->configuration, "The server's configuration")->capture_default_str();
  return file;
}

app::Configuration read_configuration(const std::string& path) {
  auto read = app::load_configuration(path, app::environment_of_process());
  if (!read) throw Stop(Exit::usage, read.error().text());
  return std::move(*read);
}

std::string LogFile::path() const {
  if (!log.empty()) return log;
  const app::Configuration read = read_configuration(configuration);
  return read.in_data_dir(read.log.file).string();
}

log::Progress progress_line(const char* what) {
  if (!::isatty(STDERR_FILENO)) return [](EventId, EventId) {};
  return [what](EventId done, EventId head) {
    fmt::print(stderr, "\r{} {} of {}{}", what, done.value, head.value, done == head ? "\n" : "");
    std::fflush(stderr);
  };
}

}  // namespace sealpost::cli
