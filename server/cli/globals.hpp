#pragma once
// The options that all commands share, and the folder in which a client keeps its keys and stores.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ports.hpp"
#include "cli/exit.hpp"
#include "client/address.hpp"
#include "client/self.hpp"
#include "vault/key_ring.hpp"

namespace sealpost::cli {

struct Globals {
  std::string server = "mqtt://localhost:1883";
  std::string home;
  std::string ca;
  std::string pin;
  std::string passphrase_variable;
  bool insecure = false;
  bool json = false;

  std::filesystem::path folder() const;  // throws Stop if there is none to be found
  client::Address address() const;       // throws Stop
  net::Trust trust() const;
  std::optional<Permalink> server_expected() const;  // throws Stop
};

// What a command does once the command line has been read. Set by the command that was named.
using Run = std::function<Exit()>;

// One for each command: adds its name, options, help and example, and what it runs.
void add_keygen(CLI::App&, Globals&, Run&);
void add_identity(CLI::App&, Globals&, Run&);
void add_chat(CLI::App&, Globals&, Run&);
void add_send(CLI::App&, Globals&, Run&);
void add_tail(CLI::App&, Globals&, Run&);
void add_verify(CLI::App&, Globals&, Run&);
void add_rebuild(CLI::App&, Globals&, Run&);
void add_restore(CLI::App&, Globals&, Run&);
void add_token(CLI::App&, Globals&, Run&);
void add_bench(CLI::App&, Globals&, Run&);

// `example` stands at the end of the command's --help.
CLI::App* add_command(CLI::App&, const std::string& name, const std::string& sentence, const std::string& example);

// A client's keys on disk.
class Keys {
 public:
  // All three throw Stop.
  static Keys open(const Globals&);
  // Makes them if there are none, and says so on standard error.
  static Keys open_or_create(const Globals&, Clock&, Random&);
  // Overwrites none.
  static Keys create(const Globals&, const std::optional<std::string>& name, Clock&, Random&);

  // A new identity version with a new `sign` key; the old one is dropped. Throws Stop: also where there are as many
  // versions as a server takes at once from an identity that it does not know.
  void rotate(Clock&, Random&);

  const vault::KeyRing& ring() const { return ring_; }
  std::filesystem::path path() const { return path_; }
  client::Self self() const;  // views this object's keys
  std::vector<object::Identity> versions() const;

 private:
  Keys() = default;

  std::filesystem::path path_;
  vault::KeyRing ring_;
  std::string passphrase_variable_;
};

}  // namespace sealpost::cli
