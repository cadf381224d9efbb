#include "net/web.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/deadline.hpp"
#include "net/http_message.hpp"
#include "net/websocket.hpp"

namespace sealpost::net {
namespace {

constexpr std::chrono::milliseconds linger_for{2000};

class Web {
 public:
  Web(std::shared_ptr<const Site> site, std::shared_ptr<Visit> visit)
      : site_(std::move(site)), visit_(std::move(visit)), wire_(visit_->wire) {}
  asio::awaitable<std::shared_ptr<Channel>> run();

 private:
  enum class Next { request, refused, over };

  asio::awaitable<Next> next_request();
  Parsed judge();
  asio::awaitable<Parsed> read_until_parsed();
  asio::awaitable<ErrorCode> read_more();
  asio::awaitable<bool> say_continue();
  asio::awaitable<bool> respond();
  asio::awaitable<Response> handle(Request request);
  asio::awaitable<bool> write(Response response, Framing framing);
  asio::awaitable<bool> stream(Response response, Framing framing);
  asio::awaitable<bool> write_text(std::string text);
  asio::awaitable<void> refuse(Response response);
  asio::awaitable<std::shared_ptr<Channel>> upgrade();

  std::optional<Response> objection_to_upgrade() const;
  std::optional<Response> answer_without_handler() const;
  std::stop_token watch_peer();
  void limit(std::chrono::milliseconds time);
  std::chrono::milliseconds patience(std::chrono::milliseconds time) const;
  const HttpLimits& limits() const { return site_->options.http; }

  const std::shared_ptr<const Site> site_;
  const std::shared_ptr<Visit> visit_;
  const std::shared_ptr<Wire> wire_;
  std::string ahead_;  // read and not parsed yet
  std::optional<RequestParser> parser_;
  std::optional<Deadline> deadline_;
  int failure_ = 0;
  bool served_ = false;  // a request on this connection
  bool proven_ = false;  // its caller has shown who it is
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

// From now on, everything until the next limit() has this long; then the waits end.
void Web::limit(std::chrono::milliseconds time) {
  deadline_.reset();
  wire_->resume();
  deadline_.emplace(site_->ports.timers, time, [weak = std::weak_ptr(wire_)] {
    if (const auto wire = weak.lock()) wire->interrupt();
  });
}

// `time`, or what is left to a stranger.
std::chrono::milliseconds Web::patience(std::chrono::milliseconds time) const {
  using std::chrono::milliseconds;
  if (proven_ || limits().stranger == milliseconds(0)) return time;
  const auto passed = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - since_);
  return std::clamp(limits().stranger - passed, milliseconds(0), time);
}

asio::awaitable<ErrorCode> Web::read_more() {
  for (;;) {
    Lease lease = site_->ports.buffers.large();
    const Attempt attempt = wire_->read(lease.room());
    lease.resize(attempt.bytes);
    ahead_ += lease.text();
    lease = Lease();
    if (!attempt.wait) co_return attempt.error;
    const ErrorCode error = co_await ready(*wire_, *attempt.wait);
    if (error) co_return Errc::timeout;
  }
}

// Until there is a head, or all of the request, or it fails with `failure_` (0: the peer has gone).
asio::awaitable<Parsed> Web::read_until_parsed() {
  for (;;) {
    const Parsed parsed = parser_->feed(ahead_);
    failure_ = parser_->failure();
    if (parsed != Parsed::more) co_return parsed;
    const ErrorCode error = co_await read_more();
    if (!error) continue;
    failure_ = error == Errc::timeout ? 408 : 0;
    co_return Parsed::failed;
  }
}

asio::awaitable<Web::Next> Web::next_request() {
  parser_.reset();
  visit_->busy = false;
  limit(patience(served_ ? limits().idle : limits().head));
  ErrorCode error;
  if (ahead_.empty()) error = co_await read_more();
  if (error) co_return Next::over;
  visit_->busy = true;  // before `stopping` is looked at: stop() sets that, and then looks at this
  if (site_->stopping) co_return Next::over;
  served_ = true;
  parser_.emplace(limits());
  limit(patience(limits().head));
  Parsed parsed = co_await read_until_parsed();
  const bool goes_on = parsed == Parsed::head && !parser_->wants_websocket();
  if (goes_on) parsed = judge();
  if (goes_on && parsed == Parsed::head) {
    limit(patience(limits().body));
    const bool going_on = co_await say_continue();
    if (!going_on) co_return Next::over;
    parsed = co_await read_until_parsed();
  }
  if (parsed == Parsed::failed) co_return failure_ == 0 ? Next::over : Next::refused;
  co_return Next::request;
}

// Who has proven itself may send more, and stay longer.
Parsed Web::judge() {
  Standing standing{limits().body_max, false};
  if (site_->receivers.judge) standing = site_->receivers.judge(parser_->request(), wire_->peer());
  if (standing.proven && !std::exchange(proven_, true)) wire_->proven();
  const Parsed judged = parser_->limit_body(standing.body_max);
  failure_ = parser_->failure();
  return judged;
}

asio::awaitable<bool> Web::say_continue() {
  if (!parser_->expects_continue() || !ahead_.empty()) co_return true;
  std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
  const bool written = co_await write_text(std::move(text));
  co_return written;
}

asio::awaitable<bool> Web::write_text(std::string text) {
  const BytesView bytes = as_bytes(text);
  const ErrorCode error = co_await write_all(*wire_, bytes);
  co_return !error;
}

// What the parser refuses, and a request that is late.
Response refusal_of(int status) {
  switch (status) {
    case 408:
      return problem(408, "timeout", "The request did not come in time.");
    case 413:
      return problem(413, "too_large", "The body is larger than this caller may send here.");
    case 417:
      return problem(417, "expectation_failed", "The only expectation that can be met is 100-continue.");
    case 431:
      return problem(431, "too_large", "The request line and the headers are too large.");
    case 501:
      return problem(501, "not_implemented", "The only transfer coding is chunked, and that with HTTP/1.1.");
    case 505:
      return problem(505, "version_not_supported", "This server speaks HTTP/1.1.");
    default:
      return problem(400, "malformed", "This is not a request as RFC 9112 has it.");
  }
}

// Answers, finishes and drops what the peer still sends, so that it can read the answer.
asio::awaitable<void> Web::refuse(Response response) {
  Framing framing;
  framing.keep_alive = false;
  const bool written = co_await write(std::move(response), framing);
  if (written) co_await linger(wire_, site_->ports, linger_for);
}

Response elsewhere(std::string_view target) {
  return problem(404, "not_found", fmt::format("MQTT over WebSocket is at {}.", target));
}

std::optional<Response> Web::answer_without_handler() const {
  const Request& request = parser_->request();
  if (request.method == "OPTIONS" && request.target == "*") {
    return Response{204, "", "", {{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}, nullptr};
  }
  if (site_->receivers.on_request) return std::nullopt;
  const std::string& target = site_->options.websocket_target;
  if (request.target != target) return elsewhere(target);
  Response response = problem(426, "upgrade_required", "This address takes upgrades to WebSocket, sub-protocol mqtt.");
  response.headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
  return response;
}

// Tells the handler when the peer goes away. What a peer sends before it has its answer waits in the kernel.
std::stop_token Web::watch_peer() {
  const auto stop = std::make_shared<std::stop_source>();
  wire_->async_ready(Ready::read, Wire::Waits::always, [stop, weak = std::weak_ptr(wire_)](ErrorCode error) {
    const auto wire = weak.lock();
    if (!wire || (!error && wire->gone())) stop->request_stop();
  });
  return stop->get_token();
}

asio::awaitable<Response> Web::handle(Request request) {
  std::string failure;
  try {
    Response response = co_await site_->receivers.on_request(std::move(request));
    co_return response;
  } catch (const std::exception& thrown) {
    failure = thrown.what();
  }
  site_->ports.log.write(Level::error, "net", fmt::format("{}: a request failed: {}", site_->options.name, failure));
  co_return problem(500, "internal", "The server has failed; its log says why.");
}

asio::awaitable<bool> Web::respond() {
  std::optional<Response> response = answer_without_handler();
  Request request = parser_->take();
  Framing framing;
  framing.keep_alive = parser_->keep_alive();
  framing.head = request.method == "HEAD";
  const bool chunks = parser_->takes_chunks();
  if (framing.head) request.method = "GET";
  deadline_.reset();  // the handler has the time it takes
  if (!response) {
    request.peer = wire_->peer();
    request.gone = watch_peer();
    response = co_await handle(std::move(request));
  }
  if (site_->stopping || patience(limits().idle) == std::chrono::milliseconds(0)) framing.keep_alive = false;
  if (response->more) {
    framing.body = chunks ? Framing::Body::chunked : Framing::Body::until_closed;
    framing.keep_alive = framing.keep_alive && chunks;
  }
  const bool keep_alive = framing.keep_alive;
  const bool written = co_await stream(std::move(*response), framing);
  wire_->cancel();  // the watch
  if (written && !keep_alive) co_await linger(wire_, site_->ports, linger_for);
  co_return written&& keep_alive;
}

asio::awaitable<bool> Web::write(Response response, Framing framing) {
  limit(limits().write);
  std::string text = text_of(response, framing);
  const bool written = co_await write_text(std::move(text));
  co_return written;
}

asio::awaitable<bool> Web::stream(Response response, Framing framing) {
  const Pieces more = std::move(response.more);
  bool written = co_await write(std::move(response), framing);
  if (!more || framing.head) co_return written;
  const bool chunked = framing.body == Framing::Body::chunked;
  while (written) {
    deadline_.reset();
    std::string piece = co_await more();
    const bool last = piece.empty();
    limit(limits().write);
    if (chunked) piece = chunk_of(piece);
    written = co_await write_text(std::move(piece));
    if (last) break;
  }
  co_return written;
}

bool names_mqtt(std::string_view protocols) {
  while (!protocols.empty()) {
    const std::size_t comma = std::min(protocols.find(','), protocols.size());
    std::string_view one = protocols.substr(0, comma);
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
    if (one == "mqtt") return true;
    protocols.remove_prefix(std::min(comma + 1, protocols.size()));
  }
  return false;
}

// Why this peer may not upgrade, if so.
std::optional<Response> Web::objection_to_upgrade() const {
  const Request& request = parser_->request();
  const auto& [target, origins] = std::tie(site_->options.websocket_target, site_->options.origins);
  if (!site_->receivers.on_channel) return problem(404, "not_found", "There are no WebSockets here.");
  if (request.target != target) return elsewhere(target);
  if (request.method != "GET") {
    Response response = problem(405, "method_not_allowed", "A WebSocket begins with GET.");
    response.headers = {{"Allow", "GET"}};
    return response;
  }
  if (request.header("sec-websocket-version") != "13") {
    Response response = problem(426, "upgrade_required", "This server speaks WebSocket version 13 (RFC 6455).");
    response.headers = {{"Sec-WebSocket-Version", "13"}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
    return response;
  }
  if (!names_mqtt(request.header("sec-websocket-protocol"))) {
    return problem(400, "malformed", "The sub-protocol must be mqtt (header Sec-WebSocket-Protocol).");
  }
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && !origins.empty() && std::ranges::find(origins, origin) == origins.end()) {
    return problem(403, "origin_not_allowed", "Pages of this origin may not connect: see `origins` of the listener.");
  }
  return std::nullopt;
}

asio::awaitable<std::shared_ptr<Channel>> Web::upgrade() {
  std::optional<Response> objection = objection_to_upgrade();
  if (objection) {
    co_await refuse(std::move(*objection));
    co_return nullptr;
  }
  limit(site_->options.handshake);
  Request request = parser_->take();
  auto accepting = accept_websocket(wire_, site_->ports, site_->options.channel, std::move(request), std::move(ahead_));
  Result<std::shared_ptr<Channel>> channel = co_await std::move(accepting);
  deadline_.reset();
  wire_->resume();
  co_return channel ? *channel : nullptr;
}

asio::awaitable<std::shared_ptr<Channel>> Web::run() {
  for (bool going_on = true; going_on;) {
    // Who asks without a pause must not keep a thread: others have their turn between two requests.
    if (served_) co_await asio::post(asio::use_awaitable);
    const Next next = co_await next_request();
    if (next == Next::refused) {
      Response response = refusal_of(failure_);
      co_await refuse(std::move(response));
      co_return nullptr;
    }
    if (next == Next::over) co_return nullptr;
    if (parser_->wants_websocket()) {
      std::shared_ptr<Channel> channel = co_await upgrade();
      co_return channel;
    }
    going_on = co_await respond();
  }
  co_return nullptr;
}

}  // namespace

asio::awaitable<std::shared_ptr<Channel>> serve_web(std::shared_ptr<const Site> site, std::shared_ptr<Visit> visit) {
  Web web(std::move(site), std::move(visit));
  std::shared_ptr<Channel> channel = co_await web.run();
  co_return channel;
}

}  // namespace sealpost::net
