#pragma once
// The client's side: connects, does the TLS handshake and the WebSocket upgrade, and gives a Channel.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "net/channel.hpp"
#include "net/ports.hpp"

namespace sealpost::net {

enum class Scheme { mqtt, mqtts, ws, wss, local };

// How a client of TLS decides whom to trust. By default: the authorities of the system, and the host's name.
struct Trust {
  std::string ca_file;        // PEM, instead of the system's authorities
  std::optional<Digest> pin;  // SHA-256 of the server's certificate (DER): instead of authorities and name
  bool insecure = false;      // trusts anyone
};

struct DialOptions {
  Scheme scheme = Scheme::mqtts;
  std::string host;              // a name or an address; for Scheme::local the path of the socket
  std::uint16_t port = 0;        // 0: 1883, 8883, 80 or 443, as the scheme has it
  std::string target = "/mqtt";  // of ws and wss
  std::string origin;            // of ws and wss; empty: none is sent
  Trust trust;
  std::chrono::milliseconds timeout{10'000};  // for all of it
  ChannelLimits limits;
};

// Ports::counters is not touched. The addresses of a name are tried one after the other.
asio::awaitable<Result<std::shared_ptr<Channel>>> dial(Ports ports, DialOptions options);

}  // namespace sealpost::net
