#pragma once
// Where a server is, as a person writes it: mqtt://host, mqtts://host:8883, ws://host/mqtt, wss://host, unix:/path.

#include <string>
#include <string_view>

#include "client/errc.hpp"
#include "net/dial.hpp"

namespace sealpost::client {

struct Address {
  net::Scheme scheme = net::Scheme::mqtts;
  std::string host;              // lower case; for Scheme::local the path
  std::uint16_t port = 0;        // never 0 except for Scheme::local
  std::string target = "/mqtt";  // of ws and wss

  static Result<Address> parse(std::string_view url);

  // The Hello's `endpoint` (PROTOCOL section 3): scheme, lower-case host and port, as dialled.
  std::string endpoint() const;
  // The same, fit for the name of a file.
  std::string file_name() const;
  bool encrypted() const { return scheme == net::Scheme::mqtts || scheme == net::Scheme::wss; }
  net::DialOptions dial_options(const net::Trust&) const;
};

}  // namespace sealpost::client
