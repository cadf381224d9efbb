#pragma once
// The whole server, wired: the only place that knows all rooms. Which thread does what: docs/threads.md.

#include <memory>
#include <string>
#include <vector>

#include "app/configuration.hpp"
#include "app/ports.hpp"

namespace sealpost::app {

// How a run ended: the process's exit status.
enum class Ended : int {
  in_order = 0,
  failed_to_start = 1,
  bad_configuration = 2,  // also a wrong command line
  log_failed = 74,        // EX_IOERR of sysexits.h: the disk failed; nothing that is not on it was acknowledged
};

class Server {
 public:
  // Opens keys and log, binds every listener, and writes listening.json: from then on peers may come, and wait for
  // run(). Throws std::runtime_error: what, where, how to mend it.
  Server(const Configuration&, StderrLog&);
  ~Server();

  // Serves until stop() or until the log fails. Calls `started` once it does.
  Ended run(const std::function<void()>& started);
  // From any thread.
  void stop();
  // Certificates are read again, and of `configuration` what may change while the server runs. Nothing is dropped.
  void reload(const Configuration& configuration);

  // Whether the Asio threads take work: false if none did within five seconds. Not to be called on one of them.
  bool answers();

  // What it listens on: "mqtt://127.0.0.1:1883", for people.
  std::vector<std::string> addresses() const;
  // The server's permalink.
  std::string permalink() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sealpost::app
