// The built program, run as a person would.

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/exit.hpp"
#include "temporary_folder.hpp"

namespace sealpost::cli {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Ran {
  Exit exit;
  std::string out;
  std::string err;
};

// A home of its own, and the program beside this one: <build>/test and <build>/server.
class Shell {
 public:
  Ran run(const std::string& arguments, const std::string& before = "") const {
    static const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "../server/sealpost";
    const fs::path out = folder_ / "out", err = folder_ / "err";
    const std::string line = before + " SEALPOST_HOME='" + home().string() + "' '" + program.string() + "' " +
                             arguments + " >'" + out.string() + "' 2>'" + err.string() + "' </dev/null";
    const int status = std::system(line.c_str());
    REQUIRE(WIFEXITED(status));
    return {static_cast<Exit>(WEXITSTATUS(status)), contents(out), contents(err)};
  }
  fs::path home() const { return folder_ / "home"; }
  fs::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  sealpost::test::TemporaryFolder folder_;
};

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every command's help ends with an example") {
  const Shell shell;
  for (const char* command : {"chat", "send", "tail", "keygen", "identity", "identity rotate", "identity show", "token",
                              "token make", "token list", "token revoke", "verify", "rebuild", "restore"}) {
    INFO(command);
    const Ran help = shell.run(std::string(command) + " --help");
    CHECK(help.exit == Exit::ok);
    CHECK(has(help.out, "Example:\n"));
    CHECK(has(help.out, std::string("sealpost ")));
  }
  CHECK_FALSE(fs::exists(shell.home()));  // help makes nothing
}

TEST_CASE("the help of the whole tells every exit code") {
  const Ran help = Shell().run("--help");
  for (const ExitMeaning& meaning : exit_meanings) CHECK(has(help.out, meaning.means));
}

TEST_CASE("a wrong command line is usage, and names what is wrong") {
  const Shell shell;
  CHECK(shell.run("").exit == Exit::usage);
  CHECK(shell.run("frobnicate").exit == Exit::usage);
  CHECK(shell.run("send").exit == Exit::usage);
  CHECK(shell.run("send --timeout -1 x").exit == Exit::usage);
  CHECK(shell.run("send text --object file").exit == Exit::usage);
  const Ran address = shell.run("--server http://localhost send x");
  CHECK(address.exit == Exit::usage);
  CHECK(has(address.err, "http://localhost"));
  CHECK(shell.run("--pin abc send x").exit == Exit::usage);
  CHECK(shell.run("chat abc").exit == Exit::usage);
}

TEST_CASE("a context that is not UTF-8 is usage, and nothing is stored") {
  const Shell shell;
  const Ran wrong = shell.run("--server mqtt://127.0.0.1:1 send --to " + std::string(64, 'a') +
                              " --context \"$(printf '\\377')\" hello");
  CHECK(wrong.exit == Exit::usage);
  CHECK(has(wrong.err, "not UTF-8"));
}

TEST_CASE("keygen makes an identity once, for its owner's eyes only") {
  const Shell shell;
  const Ran made = shell.run("keygen --name Anna");
  REQUIRE(made.exit == Exit::ok);
  CHECK(made.out.size() == 65);
  for (const char* file : {"identity.keys", "unlock.key"}) {
    struct stat status {};
    REQUIRE(::stat((shell.home() / file).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  const std::string before = contents(shell.home() / "identity.keys");
  CHECK(shell.run("keygen").exit == Exit::failed);
  CHECK(contents(shell.home() / "identity.keys") == before);
  const Ran shown = shell.run("identity");
  CHECK(shown.exit == Exit::ok);
  CHECK(has(shown.out, "permalink " + made.out));
  CHECK(has(shown.out, "name      Anna"));
}

TEST_CASE("without keys identity says how to make some") {
  const Ran none = Shell().run("identity");
  CHECK(none.exit == Exit::failed);
  CHECK(has(none.err, "sealpost keygen"));
}

TEST_CASE("a passphrase locks the keys, and another one does not open them") {
  const Shell shell;
  REQUIRE(shell.run("--passphrase-env PHRASE keygen", "PHRASE='correct horse'").exit == Exit::ok);
  CHECK_FALSE(fs::exists(shell.home() / "unlock.key"));
  CHECK(shell.run("--passphrase-env PHRASE identity", "PHRASE='correct horse'").exit == Exit::ok);
  CHECK(shell.run("--passphrase-env PHRASE identity", "PHRASE=wrong").exit == Exit::failed);
  CHECK(shell.run("--passphrase-env PHRASE identity").exit == Exit::failed);
}

TEST_CASE("damaged keys are said to be damaged") {
  const Shell shell;
  REQUIRE(shell.run("keygen").exit == Exit::ok);
  std::string ring = contents(shell.home() / "identity.keys");
  ring[100] = static_cast<char>(ring[100] ^ 1);
  std::ofstream(shell.home() / "identity.keys", std::ios::binary) << ring;
  CHECK(shell.run("identity").exit == Exit::damaged);
}

TEST_CASE("a rotated identity has a new key, and others can check it from a file") {
  const Shell shell;
  const std::string permalink = shell.run("keygen").out;
  REQUIRE(shell.run("identity rotate").exit == Exit::ok);
  const Ran both = shell.run("--json identity");
  REQUIRE(lines(both.out) == 2);
  std::ofstream(shell / "anna") << both.out;
  const Ran shown = shell.run("identity show '" + (shell / "anna").string() + "'");
  CHECK(shown.exit == Exit::ok);
  CHECK(has(shown.out, permalink));
  CHECK(has(shown.out, "version   1"));

  std::string forged = both.out;
  forged.replace(forged.find("\"_time\":") + 8, 1, "2");
  std::ofstream(shell / "forged") << forged;
  const Ran refused = shell.run("identity show '" + (shell / "forged").string() + "'");
  CHECK(refused.exit == Exit::failed);
  CHECK(has(refused.err, "line 1"));
  CHECK(shell.run("identity show /nowhere").exit == Exit::failed);
}

TEST_CASE("an identity is not renewed so often that no new server would take it") {
  const Shell shell;
  REQUIRE(shell.run("keygen").exit == Exit::ok);
  for (int version = 1; version < 16; ++version) REQUIRE(shell.run("identity rotate").exit == Exit::ok);
  const std::string before = contents(shell.home() / "identity.keys");
  const Ran refused = shell.run("identity rotate");
  CHECK(refused.exit == Exit::failed);
  CHECK(has(refused.err, "16 versions"));
  CHECK(contents(shell.home() / "identity.keys") == before);
}

TEST_CASE("a token is shown once, listed by name, and revoked") {
  const Shell shell;
  const std::string file = " --file '" + (shell / "tokens").string() + "'";
  const Ran made = shell.run("token make weather --scope bot" + file);
  REQUIRE(made.exit == Exit::ok);
  REQUIRE(made.out.size() > 40);
  const std::string kept = contents(shell / "tokens");
  CHECK_FALSE(has(kept, made.out.substr(0, made.out.size() - 1)));
  CHECK(has(kept, "weather bot "));
  CHECK(shell.run("token make weather" + file).exit == Exit::failed);
  CHECK(shell.run("token make 'a b'" + file).exit == Exit::usage);
  CHECK(shell.run("token make other --scope 'A B'" + file).exit == Exit::usage);
  CHECK(contents(shell / "tokens") == kept);
  CHECK(has(shell.run("token list" + file).out, "weather"));
  CHECK(shell.run("token revoke weather" + file).exit == Exit::ok);
  CHECK(shell.run("token list" + file).out.empty());
  CHECK(shell.run("token revoke weather" + file).exit == Exit::failed);
}

TEST_CASE("tokens that root makes or revokes stay those of whom they belonged to") {
  if (::geteuid() != 0) return;  // nobody else can give a file away
  const Shell shell;
  const fs::path folder = shell / "data", file = folder / "tokens";
  fs::create_directory(folder);
  REQUIRE(::chown(folder.c_str(), 1234, 2345) == 0);
  const auto belongs = [&](mode_t mode) {
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    return status.st_uid == 1234 && status.st_gid == 2345 && (status.st_mode & 07777) == mode;
  };
  const std::string option = " --file '" + file.string() + "'";
  REQUIRE(shell.run("token make first" + option).exit == Exit::ok);
  CHECK(belongs(0600));
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  REQUIRE(shell.run("token make second" + option).exit == Exit::ok);
  CHECK(belongs(0640));
  REQUIRE(shell.run("token revoke first" + option).exit == Exit::ok);
  CHECK(belongs(0640));
  CHECK_FALSE(fs::exists(file.string() + ".new"));
}

TEST_CASE("tokens made at the same time are all there") {
  const Shell shell;
  const std::string file = (shell / "tokens").string();
  const std::string program = (fs::read_symlink("/proc/self/exe").parent_path() / "../server/sealpost").string();
  std::string line;
  for (int i = 0; i < 8; ++i)
    line += "'" + program + "' token make t" + std::to_string(i) + " --file '" + file + "' >/dev/null 2>&1 & ";
  REQUIRE(std::system((line + "wait").c_str()) == 0);
  CHECK(lines(contents(file)) == 8);
}

TEST_CASE("a tokens' file that cannot be understood is left as it is") {
  const Shell shell;
  std::ofstream(shell / "tokens") << "what is this\n";
  const Ran refused = shell.run("token make weather --file '" + (shell / "tokens").string() + "'");
  CHECK(refused.exit == Exit::damaged);
  CHECK(has(refused.err, "line 1"));
  CHECK(contents(shell / "tokens") == "what is this\n");
}

TEST_CASE("a server that is not there is unreachable, and the first use makes an identity and says so") {
  const Shell shell;
  const Ran sent = shell.run("--server mqtt://127.0.0.1:1 send hello");
  CHECK(sent.exit == Exit::unreachable);
  CHECK(has(sent.err, "Made you an identity"));
  CHECK(has(sent.err, "mqtt://127.0.0.1:1"));
  CHECK(fs::exists(shell.home() / "identity.keys"));
  CHECK_FALSE(has(shell.run("--server mqtt://127.0.0.1:1 send hello").err, "Made you"));
}

TEST_CASE("a log or a configuration that is not there is named") {
  const Shell shell;
  const Ran verified = shell.run("verify '" + (shell / "no.db").string() + "'");
  CHECK(verified.exit != Exit::ok);
  CHECK(has(verified.err, "no.db"));
  CHECK_FALSE(fs::exists(shell / "no.db"));
  CHECK(shell.run("rebuild '" + (shell / "no.db").string() + "'").exit != Exit::ok);
  CHECK(shell.run("restore '" + (shell / "no.db").string() + "'").exit != Exit::ok);
  const Ran configured = shell.run("verify --config '" + (shell / "no.toml").string() + "'");
  CHECK(configured.exit == Exit::usage);
  CHECK(has(configured.err, "no.toml"));
}

}  // namespace sealpost::cli
