#pragma once
// Non-blocking connections over one epoll set, in one thread. What is read at once is parsed in place and what is
// written in the meantime leaves in one call for each connection, so that the load costs less than what it loads.

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/broker/wire.hpp"

namespace sealpost::bench {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  std::shared_ptr<SSL_CTX> tls;  // null: TCP
};
// Ends the program when the host has no address. Certificates are not verified: what is measured is the server.
Endpoint endpoint_of(const std::string& host, std::uint16_t port, bool tls);

class Connection;

class Reactor {
 public:
  Reactor();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Serves the connections until `done` (asked after each batch of events) or the time; true when done.
  bool run_until(std::int64_t deadline_ns, const std::function<bool()>& done);

 private:
  friend class Connection;
  void flush_all();

  int epoll_;
  std::vector<Connection*> with_output_;
  std::vector<char> buffer_;
};

class Connection {
 public:
  explicit Connection(Reactor& reactor) : reactor_(reactor) {}
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void dial(const Endpoint& endpoint);
  bool is_open() const { return socket_ >= 0; }
  // What is appended here leaves at the end of the batch of events.
  std::string& outgoing();
  // When the bytes now being parsed were read.
  std::int64_t received_ns() const { return received_ns_; }
  void close();

 protected:
  virtual void on_open() = 0;  // the handshake of TLS included
  virtual void on_packet(const Packet& packet) = 0;
  virtual void on_end();  // by the server; ends the program unless overridden

 private:
  friend class Reactor;
  enum class State { connecting, handshaking, open };
  void ready(unsigned events);
  void finish_connecting();
  void handshake();
  void opened();
  void read_some();
  void parse(std::string_view bytes);
  void flush();
  void watch(bool output);
  // Bytes moved; 0: not now; -1: the connection has ended.
  long receive(char* to, std::size_t size);
  long send(const char* from, std::size_t size);
  long tls_result(int result);

  Reactor& reactor_;
  Endpoint endpoint_;
  int socket_ = -1;
  State state_ = State::connecting;
  std::unique_ptr<SSL, void (*)(SSL*)> tls_{nullptr, &SSL_free};
  std::string incomplete_;  // the beginning of a packet that was not all there
  std::string outgoing_;
  bool has_output_ = false;
  bool watches_output_ = false;
  std::int64_t received_ns_ = 0;
};

// Dials all of them, at most `at_once` at a time, until `is_ready` says so of each; ends the program after 60 s.
void dial_all(Reactor& reactor, const Endpoint& endpoint, const std::vector<Connection*>& connections,
              std::size_t at_once, const std::function<std::size_t()>& count_ready);

}  // namespace sealpost::bench
