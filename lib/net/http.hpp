#pragma once
// The mechanics of an HTTP/1.1 server (RFC 9112), without routes: a Request comes in, a Response goes out. Runs on the
// same wires as MQTT (TCP, TLS, Unix). See listener.hpp for how to be served.
//
// HEAD reaches the handler as GET, and its body stays here. `OPTIONS *` is answered here. Requests that follow before
// the answer (pipelining) wait. What is malformed, late or too large is answered here (400, 408, 413, 417, 431, 501,
// 505), as a problem, and ends the connection. A handler that throws is logged and answered with 500.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/channel.hpp"

namespace sealpost::net {

// In the order of the wire. Names are lower-case in requests; a response may spell them as it likes.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The value of the first header of that (lower-case) name; empty if there is none.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;  // "GET", "POST", ...
  std::string target;  // with its query, without scheme and host where they were sent: "/v1/updates?after=7"
  Headers headers;
  std::string body;
  Peer peer;
  std::stop_token
      gone;  // stopped when the peer goes away, so that a long poll may end. Its callbacks run on any thread

  std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

// The next piece of a streamed body; empty ends it. Is awaited on the connection's strand, one piece at a time, and is
// asked for the next when the last has been written. Destroyed when the peer goes away (see Request::gone).
using Pieces = std::function<asio::awaitable<std::string>()>;

struct Response {
  int status = 200;
  std::string content_type;  // empty: none is sent
  std::string body;
  Headers headers;        // besides Date, Content-Length, Content-Type and Connection, which are made here
  Pieces more = nullptr;  // if set, follows `body`, chunked: server-sent events
};

// An error for programs, by its stable `code`, and for people (RFC 9457): {"title","status","code","detail"}.
Response problem(int status, std::string_view code, std::string_view detail);

// Awaited on the connection's strand.
using Handler = std::function<asio::awaitable<Response>(Request)>;

// What a request's head says of whoever sends it, before anything of the body is read.
struct Standing {
  std::size_t body_max = 0;  // bytes; more: 413
  bool proven = false;       // the caller has shown who it is: its connection is no stranger's any more
};

// Called on the connection's strand; returns soon.
using Judge = std::function<Standing(const Request&, const Peer&)>;

struct HttpLimits {
  std::size_t head_max = 16 * 1024;         // request line and headers, bytes; more: 431
  std::size_t body_max = 1024 * 1024;       // bytes; more: 413
  std::chrono::milliseconds head{10'000};   // from its first byte to its last; later: 408
  std::chrono::milliseconds body{30'000};   // from the head to its last byte; later: 408
  std::chrono::milliseconds idle{60'000};   // between two requests; then the connection closes
  std::chrono::milliseconds write{30'000};  // for the peer to take a response, or a piece of it
  std::chrono::milliseconds stranger{0};    // for a connection of a caller that has not proven itself; 0: no limit
};

// "404 Not Found"
std::string status_line(int status);

}  // namespace sealpost::net
