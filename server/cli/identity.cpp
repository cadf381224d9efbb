// sealpost identity: who one is; its next version; anybody's, from a file.

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "app/ports.hpp"
#include "base/encoding.hpp"
#include "cli/globals.hpp"
#include "client/letter.hpp"

namespace sealpost::cli {
namespace {

void print(const object::Identity& version) {
  fmt::print("version   {}  {}\n", version.version(), version.link().hex());
  if (version.name()) fmt::print("name      {}\n", client::safe_for_terminal(*version.name()));
  for (const object::IdentityKey& key : version.keys()) {
    fmt::print("key       {:<7} {:<8} {}\n", client::safe_for_terminal(key.purpose), client::safe_for_terminal(key.alg),
               client::safe_for_terminal(key.pub));
  }
}

void print(const std::vector<object::Identity>& versions, bool json) {
  if (json) {
    for (const auto& version : versions) fmt::print("{}\n", version.stored());
    return;
  }
  fmt::print("permalink {}\n", versions.front().permalink().hex());
  for (const auto& version : versions) print(version);
}

Exit show_own(const Globals& globals) {
  print(Keys::open(globals).versions(), globals.json);
  return Exit::ok;
}

Exit rotate(const Globals& globals) {
  app::SystemClock clock;
  app::SystemRandom random;
  Keys keys = Keys::open(globals);
  keys.rotate(clock, random);
  if (!globals.json) fmt::print(stderr, "The new version enters each server with the next connection there.\n");
  print(keys.versions(), globals.json);
  return Exit::ok;
}

std::string read_text(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Stop(Exit::failed, fmt::format("{}: cannot be read. Check the path.", path));
  return text;
}

// The versions in the file, a line each, checked one after the other.
Exit show_file(const Globals& globals, const std::string& path) {
  std::vector<object::Identity> versions;
  std::istringstream text(read_text(path));
  std::size_t number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto wrong = [&](const ErrorCode& error) {
      return Stop(Exit::failed, fmt::format("{}, line {}: no identity that holds: {}. A file has the versions of one "
                                            "identity, a line each, the first one first.",
                                            path, number, error.message()));
    };
    auto version = object::Identity::parse(line);
    if (!version) throw wrong(version.error());
    const auto checked =
        versions.empty() ? object::check_first(*version) : object::check_next(versions.back(), *version);
    if (!checked) throw wrong(checked.error());
    versions.push_back(std::move(*version));
  }
  if (versions.empty()) throw Stop(Exit::failed, fmt::format("{}: is empty.", path));
  print(versions, globals.json);
  return Exit::ok;
}

}  // namespace

void add_identity(CLI::App& app, Globals& globals, Run& run) {
  CLI::App* const identity =
      add_command(app, "identity", "Show your identity, renew its key, or check somebody's", "  sealpost identity");
  identity->require_subcommand(0, 1);
  CLI::App* const renew =
      add_command(*identity, "rotate", "Make a new version with a new signing key", "  sealpost identity rotate");
  CLI::App* const show =
      add_command(*identity, "show", "Check and show the identity in a file (- is standard input)",
                  "  sealpost --json identity > anna.identity\n  sealpost identity show anna.identity");
  const auto path = std::make_shared<std::string>();
  show->add_option("FILE", *path, "Its versions as JSON, a line each")->required();
  identity->callback([&globals, &run, renew, show, path] {
    run = [&globals, path, rotates = renew->parsed(), shows = show->parsed()] {
      if (rotates) return rotate(globals);
      return shows ? show_file(globals, *path) : show_own(globals);
    };
  });
}

}  // namespace sealpost::cli
