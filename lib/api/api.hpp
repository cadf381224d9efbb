#pragma once
// The REST interface: which path does what, and who may call it. proto/openapi.yaml is its law.
//
// Any thread: one Api serves all listeners. Everything named by reference outlives it and the listeners.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/call.hpp"
#include "api/tokens.hpp"
#include "bot/feed.hpp"
#include "net/http.hpp"
#include "pipeline/clients.hpp"
#include "pipeline/door.hpp"
#include "pipeline/handshakes.hpp"

namespace sealpost::api {

// What a listener gives.
struct Serves {
  bool api = false;
  bool health = false;
};

struct Options {
  Millis long_poll_max = 60'000;
  std::size_t body_max = 1024 * 1024;       // bytes, of a bot
  std::size_t proof_bytes_max = 64 * 1024;  // of a stranger's Proof; of all else that a stranger sends: 4 KiB
  std::uint32_t local_uid = 0;              // of the Unix socket's peers, this user (and root) needs no token
  std::function<bool()> ready;              // /readyz: the server takes connections
};

class Api {
 public:
  Api(pipeline::Services&, pipeline::Clients&, pipeline::Door&, Tokens&, bot::Feed*, Options);

  net::Handler handler(Serves);
  // Who sends a request, and so how much it may send.
  net::Judge judge();

 private:
  using Route = std::function<boost::asio::awaitable<net::Response>(Call)>;
  enum class Access { anybody, bot };
  struct Entry {
    std::string method;
    std::vector<std::string> pattern;  // segments; "{name}" stands for any one
    Access access;
    bool health;
    Route route;
  };

  void add(std::string method, std::string_view pattern, Access, Route, bool health = false);
  boost::asio::awaitable<net::Response> dispatch(net::Request, Serves);
  const Entry* find(Call&, Serves, std::string& allowed) const;
  std::optional<Caller> caller_of(const net::Request&, const net::Peer&) const;

  // handshake_routes.cpp
  boost::asio::awaitable<net::Response> hello(Call);
  boost::asio::awaitable<net::Response> proof(Call);
  // bot_routes.cpp
  boost::asio::awaitable<net::Response> updates(Call);
  boost::asio::awaitable<net::Response> acknowledge(Call);
  boost::asio::awaitable<net::Response> send(Call);
  boost::asio::awaitable<bool> finished(EventId);
  boost::asio::awaitable<Result<log::Appended>> settle(EventId, pipeline::Answer);
  static boost::asio::awaitable<Result<log::Appended>> send_to(std::shared_ptr<pipeline::Client>, pipeline::Reply,
                                                               std::optional<log::Idempotency>);
  // view_routes.cpp
  boost::asio::awaitable<net::Response> info(Call);
  boost::asio::awaitable<net::Response> server_identity(Call);
  boost::asio::awaitable<net::Response> identity(Call);
  boost::asio::awaitable<net::Response> clients(Call);
  boost::asio::awaitable<net::Response> client(Call);
  static boost::asio::awaitable<std::vector<Device>> connected_devices(std::shared_ptr<pipeline::Client>);
  // health_routes.cpp
  boost::asio::awaitable<net::Response> live(Call);
  boost::asio::awaitable<net::Response> ready(Call);
  boost::asio::awaitable<net::Response> metrics(Call);

  pipeline::Services& services_;
  pipeline::Clients& clients_;
  pipeline::Door& door_;
  Tokens& tokens_;
  bot::Feed* feed_;
  const Options options_;
  std::vector<Entry> entries_;
};

}  // namespace sealpost::api
