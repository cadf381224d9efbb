#include "net/dial.hpp"

#include <algorithm>

#include "net/connect.hpp"
#include "net/deadline.hpp"
#include "net/socket_channel.hpp"
#include "net/websocket.hpp"

namespace sealpost::net {
namespace {

std::uint16_t usual_port(Scheme scheme) {
  switch (scheme) {
    case Scheme::mqtt:
      return 1883;
    case Scheme::mqtts:
      return 8883;
    case Scheme::ws:
      return 80;
    case Scheme::wss:
      return 443;
    case Scheme::local:
      return 0;
  }
  return 0;
}

Destination destination_of(const DialOptions& options) {
  Destination destination;
  (options.scheme == Scheme::local ? destination.unix_path : destination.host) = options.host;
  destination.port = options.port != 0 ? options.port : usual_port(options.scheme);
  destination.tls = options.scheme == Scheme::mqtts || options.scheme == Scheme::wss;
  destination.trust = options.trust;
  return destination;
}

// Text that goes into a request's first lines.
bool is_one_word(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f; });
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<Channel>>> dial(Ports ports, DialOptions options) {
  if (options.host.empty() || !is_one_word(options.target) || !is_one_word(options.origin)) co_return Errc::bad_address;
  const auto attempts = std::make_shared<Attempts>();
  const Deadline deadline(ports.timers, options.timeout, [attempts] { attempts->expire(); });
  Destination destination = destination_of(options);
  const std::uint16_t port = destination.port;
  Result<std::shared_ptr<Wire>> wire = co_await connect(ports, std::move(destination), attempts);
  if (!wire) co_return wire.error();
  if (options.scheme != Scheme::ws && options.scheme != Scheme::wss) {
    co_return make_socket_channel(*wire, std::make_shared<ChannelTerms>(ChannelTerms{ports, options.limits}));
  }
  std::string authority = authority_of(options.host, port, usual_port(options.scheme));
  auto upgrading =
      connect_websocket(*wire, ports, options.limits, std::move(authority), options.target, options.origin);
  Result<std::shared_ptr<Channel>> channel = co_await std::move(upgrading);
  if (!channel && attempts->expired()) co_return Errc::timeout;
  co_return channel;
}

}  // namespace sealpost::net
