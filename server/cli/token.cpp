// sealpost token: the tokens by which bots use the REST API.

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "app/ports.hpp"
#include "auth/bearer.hpp"
#include "base/files.hpp"
#include "cli/log_file.hpp"

namespace sealpost::cli {
namespace {

struct Arguments {
  std::string configuration = "/etc/sealpost/sealpost.toml";
  std::string file;
  std::string name;
  std::vector<std::string> scopes{"bot"};

  std::filesystem::path path() const {
    if (!file.empty()) return file;
    const app::Configuration read = read_configuration(configuration);
    return read.in_data_dir(read.api.tokens_file);
  }
};

[[noreturn]] void cannot(const std::filesystem::path& path, const char* what) {
  throw Stop(Exit::failed, fmt::format("{}: cannot be {}: {}. Check the path, the permissions and the disk.",
                                       path.string(), what, std::strerror(errno)));
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) cannot(path, "read");
  return text;
}

auth::Bearers parse(const std::filesystem::path& path, std::string_view text) {
  auto bearers = auth::Bearers::parse(text);
  if (!bearers) {
    throw Stop(Exit::damaged, fmt::format("{}, line {}: {}. Mend or remove the line.", path.string(),
                                          bearers.error().line, bearers.error().what));
  }
  return std::move(*bearers);
}

// Whoever could read the old file, such as the service, can read the new one, though root writes it. The first one
// belongs to whom the folder belongs.
Ownership owner_of(const std::filesystem::path& path) {
  const auto owner = ownership_of(path);
  if (!owner) cannot(path, "read");
  return *owner;
}

// One at a time reads the file and replaces it. The lock lies beside, since the file itself is another one each time.
class Lock {
 public:
  explicit Lock(const std::filesystem::path& path) {
    const std::string beside = path.string() + ".lock";
    file_ = Descriptor(::open(beside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file_ || ::flock(file_.get(), LOCK_EX) != 0) cannot(beside, "locked");
    // So that root does not lock the service's user out; where this is not allowed it is not needed.
    Ownership owner = owner_of(path);
    owner.mode = 0600;
    (void)give_to(file_.get(), owner);
  }

 private:
  Descriptor file_;
};

// Makes the file whole, and on disk, or says in errno why not.
bool make_file(const std::filesystem::path& path, const std::string& text, const Ownership& owner) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return file && write_all(file.get(), as_bytes(text)) && give_to(file.get(), owner) && ::fsync(file.get()) == 0;
}

// Written beside, synced, and put in its place at once, so that a reader sees the one or the other.
void replace_file(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path beside = path.string() + ".new";
  ::unlink(beside.c_str());  // of a run that was interrupted
  if (!make_file(beside, text, owner_of(path)) || ::rename(beside.c_str(), path.c_str()) != 0) {
    const int why = errno;
    ::unlink(beside.c_str());
    errno = why;
    cannot(path, "written");
  }
  (void)sync_folder_of(path);  // the new file is in place, whatever comes of this
}

Exit make(const Globals& globals, const Arguments& arguments) {
  if (!auth::is_bearer_name(arguments.name)) {
    throw Stop(Exit::usage, fmt::format("{}: not a name, which is 1 to 64 of A-Z a-z 0-9 _ . -", arguments.name));
  }
  for (const std::string& scope : arguments.scopes) {
    if (!auth::is_bearer_scope(scope)) {
      throw Stop(Exit::usage, fmt::format("--scope {}: not a scope, which is 1 to 64 of a-z 0-9 _ . : -", scope));
    }
  }
  app::SystemClock clock;
  app::SystemRandom random;
  const auto path = arguments.path();
  const Lock lock(path);
  const std::string before = read_file(path);
  const auth::Bearers there = parse(path, before);
  for (const auth::Bearer& bearer : there.all()) {
    if (bearer.name == arguments.name) {
      throw Stop(Exit::failed, fmt::format("{}: there is a token named {} already. Revoke it first, or choose another "
                                           "name.",
                                           path.string(), arguments.name));
    }
  }
  const auto made = auth::make_bearer(arguments.name, arguments.scopes, random.bytes<32>(), clock.now());
  const std::string after = auth::with_bearer(before, made.bearer);
  parse(path, after);  // too many, for one
  replace_file(path, after);
  if (globals.json) {
    fmt::print("{}\n", boost::json::serialize(boost::json::object{{"name", arguments.name},
                                                                  {"scopes", boost::json::value_from(arguments.scopes)},
                                                                  {"token", made.token}}));
  } else {
    fmt::print("{}\n", made.token);
    fmt::print(stderr, "This is the only time it is shown. A running server takes it up with the next request.\n");
  }
  return Exit::ok;
}

Exit list(const Globals& globals, const Arguments& arguments) {
  const auto path = arguments.path();
  const auth::Bearers bearers = parse(path, read_file(path));
  for (const auth::Bearer& bearer : bearers.all()) {
    if (globals.json) {
      fmt::print("{}\n", boost::json::serialize(boost::json::object{{"name", bearer.name},
                                                                    {"scopes", boost::json::value_from(bearer.scopes)},
                                                                    {"created", bearer.created}}));
    } else {
      const auto created = fmt::gmtime(static_cast<std::time_t>(bearer.created / 1000));
      fmt::print("{:<24} {:<32} {:%Y-%m-%d %H:%M} UTC\n", bearer.name, fmt::join(bearer.scopes, ","), created);
    }
  }
  return Exit::ok;
}

Exit revoke(const Arguments& arguments) {
  const auto path = arguments.path();
  const Lock lock(path);
  const auto after = auth::without_bearer(read_file(path), arguments.name);
  if (!after) {
    throw Stop(Exit::failed,
               fmt::format("{}: no token is named {}. See: sealpost token list", path.string(), arguments.name));
  }
  replace_file(path, *after);
  fmt::print(stderr, "Revoked. A running server takes it up with the next request.\n");
  return Exit::ok;
}

}  // namespace

void add_token(CLI::App& app, Globals& globals, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* const token = add_command(app, "token", "Make, list and revoke the tokens of bots",
                                      "  sealpost token make weather-bot --scope bot");
  token->require_subcommand(1, 1);
  CLI::App* const maker = add_command(*token, "make", "Make a token, and show it this once",
                                      "  sealpost token make weather-bot --scope bot");
  CLI::App* const lister = add_command(*token, "list", "List the tokens' names", "  sealpost token list");
  CLI::App* const revoker = add_command(*token, "revoke", "Revoke a token", "  sealpost token revoke weather-bot");
  for (CLI::App* const command : {maker, lister, revoker}) {
    command->add_option("--config", arguments->configuration, "The server's configuration")->capture_default_str();
    command->add_option("--file", arguments->file, "The tokens' file, instead of the configuration's");
  }
  maker->add_option("NAME", arguments->name, "Whose it is")->required();
  maker->add_option("--scope", arguments->scopes, "What it may do; may be given several times")->capture_default_str();
  revoker->add_option("NAME", arguments->name, "Whose it was")->required();
  token->callback([&globals, &run, arguments, maker, lister] {
    run = [&globals, arguments, makes = maker->parsed(), lists = lister->parsed()] {
      if (makes) return make(globals, *arguments);
      return lists ? list(globals, *arguments) : revoke(*arguments);
    };
  });
}

}  // namespace sealpost::cli
