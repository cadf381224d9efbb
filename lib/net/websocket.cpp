#include "net/websocket.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "base/assert.hpp"
#include "net/deadline.hpp"
#include "net/send_queue.hpp"
#include "net/waiter.hpp"
#include "net/wire_stream.hpp"

namespace sealpost::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

namespace {

constexpr std::size_t batch_bytes = 64 * 1024;  // of the queue in one message

// What the channel is; the channel itself is a handle, so that dropping it ends this, whatever still waits in here.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Wire> wire, Ports ports, ChannelLimits limits, std::string ahead)
      : ports_(std::move(ports)),
        limits_(limits),
        strand_(asio::make_strand(ports_.executor)),
        wire_(std::move(wire)),
        stream_(wire_, strand_, std::move(ahead)) {}

  static asio::awaitable<ErrorCode> accept(std::shared_ptr<Session> self, Request request);
  static asio::awaitable<ErrorCode> connect(std::shared_ptr<Session> self, std::string host, std::string target,
                                            std::string origin);
  std::optional<Result<Lease>> try_receive();
  void when_input(std::function<void()> on_input);
  void send(Chunk chunk);
  std::size_t unsent() const;
  asio::awaitable<Result<void>> drained(std::size_t below);
  void close(websocket::close_code code);
  void abort();
  void forsake();
  void dropped();  // nobody holds the channel any more
  const asio::any_io_executor& strand() const { return strand_; }
  Wire& wire() { return *wire_; }

 private:
  enum class State { open, closing, closed };

  void configure();
  void start(asio::awaitable<void> work);
  static asio::awaitable<void> read_frames(std::shared_ptr<Session> self, Errand<Session> errand);
  static asio::awaitable<void> write_frames(std::shared_ptr<Session> self, Errand<Session> errand);
  static asio::awaitable<void> say_goodbye(std::shared_ptr<Session> self);
  std::vector<Chunk> next_batch();
  void deliver(Result<Lease> received);
  void tell_receiver();
  void fail(ErrorCode why);
  ErrorCode over() const;
  template <class Token>
  auto async_drained(std::size_t below, Token& token);

  const Ports ports_;
  const ChannelLimits limits_;
  const asio::any_io_executor strand_;
  const std::shared_ptr<Wire> wire_;

  // On the strand.
  websocket::stream<WireStream, false> stream_;
  bool large_ = false;  // the last read filled its buffer: there is more

  mutable std::mutex mutex_;  // guards what follows; the wire's mutex may be taken under it
  State state_ = State::open;
  ErrorCode why_;  // it failed
  websocket::close_code code_ = websocket::close_code::normal;
  SendQueue queue_;
  std::size_t in_flight_ = 0;  // bytes taken out of the queue and not yet written
  bool writing_ = false;       // write_frames() runs
  DrainWait drain_;
  std::optional<Result<Lease>> received_;  // not yet taken
  std::function<void()> on_input_;         // of the receiver that waits
  Timers::Handle close_deadline_ = 0;
};

void Session::configure() {
  // Deadlines are the wheel's, and keep-alive is MQTT's.
  const websocket::stream_base::timeout no_timers{websocket::stream_base::none(), websocket::stream_base::none(),
                                                  false};
  stream_.set_option(no_timers);
  stream_.read_message_max(limits_.frame_max);
  stream_.auto_fragment(false);
  stream_.binary(true);
}

// Later: co_spawn itself would begin at once, under the mutex of who calls it from the strand.
void Session::start(asio::awaitable<void> work) {
  asio::post(strand_, [strand = strand_, work = std::move(work)]() mutable {
    asio::co_spawn(strand, std::move(work), asio::detached);
  });
}

http::request<http::empty_body> beast_request(const Request& request) {
  http::request<http::empty_body> made(http::verb::get, request.target, 11);
  for (const auto& [name, value] : request.headers) made.insert(name, value);
  return made;
}

asio::awaitable<ErrorCode> Session::accept(std::shared_ptr<Session> self, Request request) {
  self->configure();
  const auto name_protocol = [](websocket::response_type& response) {
    response.set(http::field::sec_websocket_protocol, "mqtt");
    response.set(http::field::server, "sealpost");
  };
  self->stream_.set_option(websocket::stream_base::decorator(name_protocol));
  const auto upgrade = beast_request(request);
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await self->stream_.async_accept(upgrade, token);
  co_return error;
}

asio::awaitable<ErrorCode> Session::connect(std::shared_ptr<Session> self, std::string host, std::string target,
                                            std::string origin) {
  self->configure();
  const auto name_protocol = [origin](websocket::request_type& request) {
    request.set(http::field::sec_websocket_protocol, "mqtt");
    if (!origin.empty()) request.set(http::field::origin, origin);
  };
  self->stream_.set_option(websocket::stream_base::decorator(name_protocol));
  websocket::response_type response;
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await self->stream_.async_handshake(response, host, target, token);
  if (error == websocket::error::upgrade_declined) co_return Errc::not_a_websocket;
  if (!error && response[http::field::sec_websocket_protocol] != "mqtt") co_return Errc::not_a_websocket;
  co_return error;
}

ErrorCode translated(ErrorCode error) {
  if (error == websocket::error::closed || error == asio::error::eof) return Errc::end_of_stream;
  if (error.category() == ErrorCode(websocket::error::closed).category()) return Errc::websocket_protocol;
  return error;
}

// The errand comes from outside, so that a coroutine which is never started lets go too.
asio::awaitable<void> Session::read_frames(std::shared_ptr<Session> self, Errand<Session> errand) {
  Lease lease;
  ErrorCode error;
  do {
    lease = self->large_ ? self->ports_.buffers.large() : self->ports_.buffers.small();
    const std::span<std::uint8_t> bytes = lease.room();
    const asio::mutable_buffer room(bytes.data(), bytes.size());
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const std::size_t count = co_await self->stream_.async_read_some(room, token);
    lease.resize(error ? 0 : count);
    self->large_ = count == bytes.size();
  } while (!error && lease.empty() && self->stream_.got_binary());  // an empty frame
  if (!error && !self->stream_.got_binary()) {
    self->close(websocket::close_code::unknown_data);
    error = Errc::websocket_protocol;
  }
  self->deliver(error ? Result<Lease>(translated(error)) : Result<Lease>(std::move(lease)));
  errand.finish();
}

void Session::deliver(Result<Lease> received) {
  const std::lock_guard lock(mutex_);
  received_ = std::move(received);
  tell_receiver();
}

// Under the mutex.
void Session::tell_receiver() {
  if (on_input_) asio::post(ports_.executor, std::exchange(on_input_, nullptr));
}

std::optional<Result<Lease>> Session::try_receive() {
  const std::lock_guard lock(mutex_);
  const ErrorCode ended = over();
  if (ended) return Result<Lease>(ended);
  return std::exchange(received_, std::nullopt);
}

void Session::when_input(std::function<void()> on_input) {
  const std::lock_guard lock(mutex_);
  SEALPOST_ASSERT(!on_input_ && !received_);
  on_input_ = std::move(on_input);
  if (over()) return tell_receiver();
  auto reading = read_frames(shared_from_this(), Errand<Session>(weak_from_this()));
  start(std::move(reading));
}

// Under the mutex.
ErrorCode Session::over() const {
  if (why_) return why_;
  return state_ == State::open ? ErrorCode() : ErrorCode(Errc::closed);
}

void Session::send(Chunk chunk) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  queue_.push(std::move(chunk));
  if (queue_.bytes() + in_flight_ > limits_.unsent_max) return fail(Errc::unsent_too_large);
  if (writing_ || queue_.empty()) return;
  writing_ = true;
  auto writing = write_frames(shared_from_this(), Errand<Session>(weak_from_this()));
  start(std::move(writing));
}

std::vector<Chunk> Session::next_batch() {
  const std::lock_guard lock(mutex_);
  const std::size_t before = queue_.bytes();
  std::vector<Chunk> batch = queue_.take(batch_bytes);
  in_flight_ = before - queue_.bytes();
  writing_ = !batch.empty();
  drain_.check(queue_.bytes() + in_flight_, {});
  if (writing_ || state_ != State::closing) return batch;
  auto goodbye = say_goodbye(shared_from_this());
  start(std::move(goodbye));
  return batch;
}

asio::awaitable<void> Session::write_frames(std::shared_ptr<Session> self, Errand<Session> errand) {
  ErrorCode error;
  while (!error) {
    const std::vector<Chunk> batch = self->next_batch();
    if (batch.empty()) break;
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(batch.size());
    for (const Chunk& chunk : batch) buffers.emplace_back(view_of(chunk).data(), view_of(chunk).size());
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await self->stream_.async_write(buffers, token);
  }
  errand.finish();
  const std::lock_guard lock(self->mutex_);
  if (error) self->fail(translated(error));
}

std::size_t Session::unsent() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::closed ? 0 : queue_.bytes() + in_flight_;
}

template <class Token>
auto Session::async_drained(std::size_t below, Token& token) {
  return asio::async_initiate<Token, void(ErrorCode)>(
      [this](auto handler, std::size_t limit) {
        const std::lock_guard lock(mutex_);
        SEALPOST_ASSERT(!drain_);
        drain_.set(std::move(handler), strand_, limit);
        drain_.check(queue_.bytes() + in_flight_, over());
      },
      token, below);
}

asio::awaitable<Result<void>> Session::drained(std::size_t below) {
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await async_drained(below, token);
  if (error) co_return error;
  co_return Result<void>();
}

void Session::close(websocket::close_code code) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  state_ = State::closing;
  code_ = code;
  if (code != websocket::close_code::normal) why_ = Errc::websocket_protocol;
  tell_receiver();
  drain_.check(~std::size_t{0}, Errc::closed);
  const auto limit = limits_.flush + limits_.linger;
  close_deadline_ = ports_.timers.after(limit, [self = shared_from_this()] { self->abort(); });
  if (writing_) return;  // next_batch() goes on from here
  auto goodbye = say_goodbye(shared_from_this());
  start(std::move(goodbye));
}

// The closing handshake (RFC 6455, section 7.1.2): bounded by close_deadline_, which aborts the wire.
asio::awaitable<void> Session::say_goodbye(std::shared_ptr<Session> self) {
  const websocket::close_reason reason(self->code_);
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  if (self->stream_.is_open()) co_await self->stream_.async_close(reason, token);
  self->ports_.timers.cancel(self->close_deadline_);
  co_await linger(self->wire_, self->ports_, self->limits_.linger);
}

// Under the mutex.
void Session::fail(ErrorCode why) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  why_ = why;
  queue_.clear();
  wire_->abort();
  tell_receiver();
  drain_.check(~std::size_t{0}, why);
  ports_.timers.cancel(close_deadline_);
}

void Session::abort() {
  const std::lock_guard lock(mutex_);
  fail(Errc::closed);
}

void Session::forsake() {
  std::unique_lock lock(mutex_);
  const DrainWait dropped = std::move(drain_);
  const std::function<void()> left = std::exchange(on_input_, nullptr);
  lock.unlock();  // what waits may hold the channel
}

void Session::dropped() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::open) fail(Errc::closed);
}

class WebSocketChannel : public Channel {
 public:
  explicit WebSocketChannel(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~WebSocketChannel() override;
  std::optional<Result<Lease>> try_receive() override { return session_->try_receive(); }
  void when_input(std::function<void()> on_input) override { session_->when_input(std::move(on_input)); }
  void send(Chunk chunk) override { session_->send(std::move(chunk)); }
  std::size_t unsent() const override { return session_->unsent(); }
  asio::awaitable<Result<void>> drained(std::size_t below) override { return session_->drained(below); }
  void close() override { session_->close(websocket::close_code::normal); }
  void abort() override { session_->abort(); }
  std::optional<Digest> exporter() const override { return session_->wire().exporter(); }
  const Peer& peer() const override { return session_->wire().peer(); }
  void proven() override { session_->wire().proven(); }

 private:
  const std::shared_ptr<Session> session_;
};

WebSocketChannel::~WebSocketChannel() {
  session_->dropped();
}

// Beast's operations run on the session's strand, wherever the caller is.
asio::awaitable<Result<std::shared_ptr<Channel>>> opened(std::shared_ptr<Session> session,
                                                         asio::awaitable<ErrorCode> handshake) {
  session->wire().peer().transport =
      session->wire().peer().encrypted() ? Transport::websocket_tls : Transport::websocket;
  const ErrorCode error = co_await asio::co_spawn(session->strand(), std::move(handshake), asio::use_awaitable);
  if (error) co_return translated(error);
  co_return std::make_shared<WebSocketChannel>(std::move(session));
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<Channel>>> accept_websocket(std::shared_ptr<Wire> wire, Ports ports,
                                                                   ChannelLimits limits, Request request,
                                                                   std::string ahead) {
  auto session = std::make_shared<Session>(std::move(wire), std::move(ports), limits, std::move(ahead));
  auto handshake = Session::accept(session, std::move(request));
  auto result = co_await opened(session, std::move(handshake));
  co_return result;
}

asio::awaitable<Result<std::shared_ptr<Channel>>> connect_websocket(std::shared_ptr<Wire> wire, Ports ports,
                                                                    ChannelLimits limits, std::string host,
                                                                    std::string target, std::string origin) {
  auto session = std::make_shared<Session>(std::move(wire), std::move(ports), limits, std::string());
  auto handshake = Session::connect(session, std::move(host), std::move(target), std::move(origin));
  auto result = co_await opened(session, std::move(handshake));
  co_return result;
}

}  // namespace sealpost::net
