#include "cli/globals.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace sealpost::cli {

std::filesystem::path Globals::folder() const {
  if (!home.empty()) return home;
  const char* const user = std::getenv("HOME");
  if (!user || !*user) throw Stop(Exit::usage, "No home folder is known. Name one: --home DIR, or SEALPOST_HOME=DIR.");
  return std::filesystem::path(user) / ".sealpost";
}

client::Address Globals::address() const {
  const auto address = client::Address::parse(server);
  if (!address) {
    throw Stop(Exit::usage, fmt::format("--server {}: not an address of a server. Write mqtt://HOST:PORT, "
                                        "mqtts://HOST:PORT, ws://HOST:PORT/mqtt, wss://HOST/mqtt or unix:/PATH.",
                                        server));
  }
  return *address;
}

net::Trust Globals::trust() const {
  net::Trust trust;
  trust.ca_file = ca;
  trust.insecure = insecure;
  return trust;
}

std::optional<Permalink> Globals::server_expected() const {
  if (pin.empty()) return std::nullopt;
  const auto permalink = Permalink::from_hex(pin);
  if (!permalink) {
    throw Stop(Exit::usage, fmt::format("--pin {}: not a permalink, which is 64 lower-case hex digits.", pin));
  }
  return permalink;
}

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& sentence, const std::string& example) {
  CLI::App* const command = app.add_subcommand(name, sentence);
  command->footer("Example:\n" + example);
  return command;
}

}  // namespace sealpost::cli
