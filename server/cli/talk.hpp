#pragma once
// What chat, send and tail have in common: keys, store, a session on one thread, signals, and words about what happens.

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <thread>

#include "app/ports.hpp"
#include "cli/globals.hpp"
#include "client/session.hpp"
#include "net/wheel.hpp"

namespace sealpost::cli {

class Talk : public client::Watcher {
 public:
  // Makes keys and store where there are none. Throws Stop.
  explicit Talk(const Globals&);
  ~Talk() override;

  // Runs until finish(), Ctrl-C, or something that trying again will not mend; throws Stop for that.
  Exit go();

 protected:
  // Ends go() after a word of goodbye to the server.
  void finish(Exit);
  // After so long, unless go() has ended: on_late().
  void limit(std::chrono::seconds);
  virtual void on_late() {}
  // Ctrl-C. True: go() ends at once.
  virtual bool on_interrupt() { return true; }
  virtual void on_start() {}

  void on_online(const client::Connection&, bool first_meeting) override;
  void on_offline(const ErrorCode&, const std::string& detail, std::chrono::milliseconds retry) override;
  void on_answered(const client::Entry&) override {}
  void on_signed_again(const client::Entry&, const client::Entry&) override {}
  void on_new_device(const std::string& why) override;

  const Globals& globals() const { return globals_; }
  client::Session& session() { return *session_; }
  client::Store& store() { return *store_; }
  const client::Store& store() const { return *store_; }
  // What the store holds; throws Stop where it cannot be read.
  template <class T>
  T held(Result<T> read) const {
    if (!read) store_unreadable(read.error());
    return std::move(*read);
  }
  Clock& clock() { return clock_; }
  boost::asio::io_context& context() { return *context_; }
  const Permalink& self() const { return self_.permalink; }
  // How to call somebody: the name in the identity, "server", "you", or the beginning of the permalink.
  std::string name_of(const Permalink&) const;
  std::string time_of(Millis) const;  // "12:03:04", local

 private:
  [[noreturn]] void store_unreadable(const ErrorCode&) const;
  void listen_for_signals();
  void note(const std::string& line) const;

  class Quiet;
  const Globals& globals_;
  app::SystemClock clock_;
  app::SystemRandom random_;
  Keys keys_;
  client::Self self_;
  client::Address address_;
  std::filesystem::path store_path_;
  std::optional<client::Store> store_;
  // Destroyed from the last to the first by the destructor: see Wheel::stop.
  std::unique_ptr<Quiet> quiet_;
  Counters counters_;
  net::BufferPool buffers_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<net::Wheel> wheel_;
  std::unique_ptr<client::Session> session_;
  std::unique_ptr<boost::asio::signal_set> signals_;
  std::unique_ptr<boost::asio::steady_timer> limit_;
  std::unique_ptr<boost::asio::steady_timer> grace_;
  std::optional<Exit> exit_;
  std::optional<Stop> stop_;
  bool patient_ = false;  // a server that was never met is given up at the first failure
  bool said_offline_ = false;
};

// Lines from standard input, whether it is a terminal, a pipe or a file: a thread reads, and the lines come as handlers
// of the io_context. At most a few are on their way at a time.
class Lines {
 public:
  // `line` is called for each, `end` once after the last one.
  Lines(boost::asio::io_context&, std::function<void(std::string)> line, std::function<void()> end);
  ~Lines();
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread reader_;
};

}  // namespace sealpost::cli
