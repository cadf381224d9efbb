#pragma once
// One accepted connection that speaks HTTP, until it ends or becomes a WebSocket.

#include <atomic>
#include <memory>

#include "net/listener.hpp"
#include "net/wire.hpp"

namespace sealpost::net {

// What all connections of a listener share.
struct Site {
  Ports ports;
  ListenerOptions options;
  Receivers receivers;
  std::atomic<bool> stopping{false};
};

// A connection in a handshake or speaking HTTP.
struct Visit {
  std::shared_ptr<Wire> wire;
  bool proxied = false;           // it begins with a PROXY header
  std::atomic<bool> busy{false};  // a request is under way: stop() lets it end
};

// Runs on a strand. Gives a channel if the peer has upgraded, else null when the connection is over.
asio::awaitable<std::shared_ptr<Channel>> serve_web(std::shared_ptr<const Site> site, std::shared_ptr<Visit> visit);

}  // namespace sealpost::net
