#pragma once
// Accepts peers on one address and hands them on: as channels (MQTT), or request by request (HTTP). What a proxy says,
// TLS handshake and WebSocket upgrade are done here, within their time, before anyone else hears of the peer.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/admission.hpp"
#include "net/channel.hpp"
#include "net/http.hpp"
#include "net/numeric_address.hpp"
#include "net/ports.hpp"
#include "net/tls.hpp"

namespace sealpost::net {

enum class Service {
  mqtt,  // MQTT at once
  web    // HTTP, and MQTT over WebSocket (OASIS MQTT 5.0, section 6) by an upgrade of `websocket_target`
};

struct ListenerOptions {
  std::string name;  // for log lines and Peer::listener
  Service service = Service::mqtt;

  std::string host = "127.0.0.1";   // a numeric IPv4 or IPv6 address; "::" is both
  std::uint16_t port = 0;           // 0: the kernel chooses, see Listener::port()
  std::filesystem::path unix_path;  // if set, a Unix socket instead of host and port
  std::uint32_t unix_mode = 0600;   // 0660 to let the group in
  std::shared_ptr<TlsContext> tls;  // if set, TLS

  // Whoever connects from these is a proxy: its connections begin with a PROXY header (proxy_header.hpp), before TLS,
  // and what that says is believed. From others none is read.
  std::vector<AddressRange> proxies;

  std::string websocket_target = "/mqtt";
  std::vector<std::string>
      origins;  // that a browser's page may have ("https://example.org"); empty: any. No Origin: allowed

  std::chrono::milliseconds handshake{10'000};  // for the PROXY header and TLS, and for the upgrade
  ChannelLimits channel;
  HttpLimits http;
};

// Called on any thread, soon: it should spawn a coroutine and return.
using OnChannel = std::function<void(std::shared_ptr<Channel>)>;

struct Receivers {
  OnChannel on_channel;   // of Service::mqtt; and of Service::web, where without it every upgrade is refused
  Handler on_request;     // of Service::web; without it every request that is no upgrade gets 404 or 426
  Judge judge = nullptr;  // of each such request; without it nobody is proven, and HttpLimits::body_max holds for all
};

// Threads: start(), stop() and port() from any thread.
class Listener {
 public:
  // Binds and listens. Throws std::runtime_error, which says which address, what is wrong and what to do. A Unix socket
  // left behind by a dead process is removed; one that answers is not, nor anything that is no socket.
  Listener(Ports ports, ListenerOptions options, std::shared_ptr<Admission> admission, Receivers receivers);
  ~Listener();  // stops
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();

  // Accepts no more, and removes the Unix socket. Handshakes under way and HTTP connections between two requests are
  // cut; HTTP requests under way are answered, then closed. Channels are not touched;
  // one that another thread is handing over right now may still come.
  void stop();

  std::uint16_t port() const;       // that it listens on
  std::size_t connections() const;  // in a handshake or speaking HTTP

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace sealpost::net
