#pragma once
// Where the log of a stopped server is: named by itself, or by the daemon's configuration.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "app/configuration.hpp"
#include "cli/globals.hpp"
#include "log/maintenance.hpp"

namespace sealpost::cli {

struct LogFile {
  std::string configuration = "/etc/sealpost/sealpost.toml";
  std::string log;

  // Adds --config and LOG.
  static std::shared_ptr<LogFile> add_to(CLI::App&);
  std::string path() const;  // throws Stop
};

// Throws Stop.
app::Configuration read_configuration(const std::string& path);

// A line on a terminal that counts up; nothing elsewhere.
log::Progress progress_line(const char* what);

}  // namespace sealpost::cli
