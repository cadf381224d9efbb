#pragma once
// From a name to a wire: what dial() and http_call() have in common.

#include "net/dial.hpp"
#include "net/wire.hpp"

namespace sealpost::net {

struct Destination {
  std::string host;  // a name or an address
  std::uint16_t port = 0;
  std::string unix_path;  // if set, instead of host and port
  bool tls = false;
  Trust trust;
};

// Ends what is under way when its time is up. Shared by the coroutine and the deadline; safe for use from any thread.
class Attempts {
 public:
  // The wire to abort; aborts it at once if the time is up already.
  void watch(std::shared_ptr<Wire> wire);
  void expire();
  bool expired() const;

 private:
  mutable std::mutex mutex_;
  bool expired_ = false;
  std::shared_ptr<Wire> wire_;
};

// Resolves, connects to one address after the other until one answers, and does the TLS handshake.
asio::awaitable<Result<std::shared_ptr<Wire>>> connect(Ports ports, Destination destination,
                                                       std::shared_ptr<Attempts> attempts);

// "example.org:8080", "[::1]:80"; without the port if it is `usual`.
std::string authority_of(const std::string& host, std::uint16_t port, std::uint16_t usual);

}  // namespace sealpost::net
