#pragma once
// One HTTP request and its response, over TCP, TLS or a Unix socket; for the command line and for webhooks.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "net/dial.hpp"
#include "net/http.hpp"

namespace sealpost::net {

struct HttpCall {
  bool tls = false;
  std::string host;        // a name or an address
  std::uint16_t port = 0;  // 0: 80 or 443
  std::string unix_path;   // if set, a Unix socket instead of host and port
  Trust trust;

  std::string method = "GET";
  std::string target = "/";
  Headers headers;  // besides Host, Content-Length and Connection
  std::string body;

  std::chrono::milliseconds timeout{30'000};    // for all of it
  std::size_t response_max = 16 * 1024 * 1024;  // bytes of body
};

struct HttpAnswer {
  int status = 0;
  Headers headers;  // names in lower case
  std::string body;
};

asio::awaitable<Result<HttpAnswer>> http_call(Ports ports, HttpCall call);

// The same for a program without an io_context of its own: blocks until it is done.
Result<HttpAnswer> http_call_now(HttpCall call);

}  // namespace sealpost::net
