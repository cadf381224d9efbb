#pragma once
// The server: what survives (its disk, its identity, its clock) and the process that comes and goes. All of the process
// is real but for the ports: sockets, disk, time, timers, randomness, the bot. It runs in settle(), one handler after
// the other, and may crash between any two.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "bot.hpp"
#include "disk.hpp"
#include "network.hpp"
#include "person.hpp"
#include "pipeline/app.hpp"
#include "pipeline/authenticate.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::sim {

class Server {
 public:
  Server(Scene&, Judge&);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  bool up() const { return process_ != nullptr; }
  Engine* log() { return up() ? log_of_process() : nullptr; }
  bool idle() const;  // nothing is under way in it
  // The server's half of a connection. Nothing happens if there is no process: the line ends.
  void accept(const std::shared_ptr<Line>&);
  // Everything that can happen now. A crash that somebody has asked for comes between two handlers.
  void settle();

  void start();
  void crash();
  void stop_in_order();
  // An older copy of the log takes its place, if there is one. Whatever the process knew is gone with it.
  bool restore();
  void back_up();

  const Person& identity() const { return identity_; }
  Disk& disk() { return disk_; }
  DiskHealth& disk_health() { return health_; }
  SkewedClock& clock() { return clock_; }
  static std::string endpoint() { return "mqtt://sim:1883"; }

 private:
  struct Process;
  Engine* log_of_process() const;
  pipeline::Limits limits() const;
  void end_process();
  void restart_later();

  Scene& scene_;
  Judge& judge_;
  Dice dice_;
  SeededRandom random_;
  SkewedClock clock_;
  Person identity_;
  pipeline::ServerIdentity announced_;
  pipeline::RegistrationPolicy registration_{auth::Registration{}};
  mqtt::Limits mqtt_limits_;
  net::BufferPool buffers_;
  Disk disk_;
  DiskHealth health_;
  std::vector<Disk::Backup> backups_;
  std::vector<std::shared_ptr<Line>> lines_;  // of this process, those that are over too
  std::unique_ptr<Process> process_;
  bool start_planned_ = false;
};

}  // namespace sealpost::sim
