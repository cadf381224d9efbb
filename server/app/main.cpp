// sealpostd: the server.

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <thread>

#include "app/server.hpp"
#include "vault/secret.hpp"

namespace {

using sealpost::Level;
using sealpost::app::Configuration;
using sealpost::app::Ended;
using sealpost::app::Server;
using sealpost::app::StderrLog;

struct Arguments {
  std::string configuration;
  bool check = false;
  bool print = false;
};

int status(Ended ended) {
  return static_cast<int>(ended);
}

// systemd wants a sign of life at least every WatchdogSec (30 s in config/sealpost.service).
constexpr time_t watchdog_seconds = 10;

// Signals come to one thread that waits for them; everybody else has them blocked.
sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

void reload(Server& server, const Configuration& current, const std::string& path, StderrLog& sink) {
  const auto read = sealpost::app::load_configuration(path, sealpost::app::environment_of_process());
  if (!read) {
    sink.write(Level::error, "app",
               "reload: the configuration has errors, and stays as it was: " + read.error().text());
    return;
  }
  const auto changes = sealpost::app::changes_between(current, *read);
  server.reload(*read);
  sink.write(Level::info, "app",
             "reloaded: certificates, who may register, the rules for app/..., the level of logging");
  for (const std::string& key : changes.need_restart)
    sink.write(Level::warn, "app", key + " has changed in the file; that waits for a restart");
}

// Until SIGUSR1, which run() sends when it has ended for another reason.
void obey_signals(Server& server, const Configuration& current, const std::string& path, StderrLog& sink) {
  const sigset_t set = handled_signals();
  for (;;) {
    const timespec patience{watchdog_seconds, 0};
    const int signal = sigtimedwait(&set, nullptr, &patience);
    if (signal == SIGUSR1) return;
    if (signal < 0) {  // nothing came: the time for a sign of life
      if (server.answers()) sd_notify(0, "WATCHDOG=1");
      continue;
    }
    if (signal == SIGHUP) {
      reload(server, current, path, sink);
      continue;
    }
    sd_notify(0, "STOPPING=1");
    sink.write(Level::info, "app", "stopping");
    server.stop();
  }
}

void notify_started(const Server& server, StderrLog& sink) {
  for (const std::string& address : server.addresses()) sink.write(Level::info, "app", "listening on " + address);
  sink.write(Level::info, "app", "ready; the server is " + server.permalink());
  sd_notify(0, "READY=1");
}

Ended serve(const Configuration& configuration, const std::string& path, StderrLog& sink) {
  if (!sealpost::vault::forbid_core_dumps()) sink.write(Level::warn, "app", "core dumps could not be forbidden");
  if (!sealpost::vault::memory_can_be_locked())
    sink.write(Level::warn, "app",
               "memory cannot be locked, so keys may be swapped out: raise LimitMEMLOCK (ulimit -l)");
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file as large as it may be (RLIMIT_FSIZE) is no room, and no reason to die
  try {
    Server server(configuration, sink);
    std::thread signals([&] { obey_signals(server, configuration, path, sink); });
    const Ended ended = server.run([&] { notify_started(server, sink); });
    pthread_kill(signals.native_handle(), SIGUSR1);
    signals.join();
    sink.write(Level::info, "app", "stopped");
    return ended;
  } catch (const std::exception& error) {
    sink.write(Level::error, "app", fmt::format("cannot start: {}", error.what()));
    return Ended::failed_to_start;
  }
}

int run(const Arguments& arguments) {
  auto read = sealpost::app::load_configuration(arguments.configuration, sealpost::app::environment_of_process());
  if (!read) {
    fmt::print(stderr, "{}\n", read.error().text());
    return status(Ended::bad_configuration);
  }
  if (arguments.print) fmt::print("{}", sealpost::app::print_configuration(*read));
  if (arguments.check && !arguments.print) fmt::print("{}: in order\n", arguments.configuration);
  if (arguments.print || arguments.check) return status(Ended::in_order);
  StderrLog sink(read->logging);
  return status(serve(*read, arguments.configuration, sink));
}

}  // namespace

int main(int count, char** values) {
  CLI::App program{
      "sealpostd: a messaging server for signed messages.\n\nExample: sealpostd --config "
      "/etc/sealpost/sealpost.toml"};
  Arguments arguments;
  program
      .add_option("--config", arguments.configuration,
                  "The configuration, a TOML file; config/sealpost.toml explains "
                  "every key")
      ->required();
  program.add_flag("--check-config", arguments.check, "Check the configuration and exit: 0 if it is in order, else 2");
  program.add_flag("--print-config", arguments.print, "Print every key with the value in force, and exit");
  program.set_version_flag("--version", "sealpostd " SEALPOST_VERSION);
  try {
    program.parse(count, values);
  } catch (const CLI::ParseError& error) {
    const int code = program.exit(error);
    return code == 0 ? 0 : status(Ended::bad_configuration);
  }
  return run(arguments);
}
