#include "net/socket_channel.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/assert.hpp"
#include "net/send_queue.hpp"
#include "net/waiter.hpp"

namespace sealpost::net {
namespace {

constexpr int eager_turns_max = 4;  // full buffers of one peer in a row, then others have their turn

class SocketChannel : public Channel, public std::enable_shared_from_this<SocketChannel> {
 public:
  SocketChannel(std::shared_ptr<Wire> wire, std::shared_ptr<const ChannelTerms> terms)
      : wire_(std::move(wire)), terms_(std::move(terms)) {}
  ~SocketChannel() override;

  std::optional<Result<Lease>> try_receive() override;
  void when_input(std::function<void()> on_input) override;
  void send(Chunk chunk) override;
  std::size_t unsent() const override;
  asio::awaitable<Result<void>> drained(std::size_t below) override;
  void close() override;
  void abort() override;
  std::optional<Digest> exporter() const override { return wire_->exporter(); }
  const Peer& peer() const override { return wire_->peer(); }
  void proven() override { wire_->proven(); }
  void forsake();

 private:
  enum class State { open, closing, saying_goodbye, closed };

  ErrorCode over() const;
  ErrorCode over_locked() const;
  void flush();
  void wait_to_write(Ready ready);
  void on_ready_to_write();
  void check_drained(std::size_t unsent, ErrorCode over);
  void fail(ErrorCode why);
  void say_goodbye();
  template <class Token>
  auto async_drained(std::size_t below, Token& token);

  const std::shared_ptr<Wire> wire_;
  const std::shared_ptr<const ChannelTerms> terms_;

  // Of the receiver.
  bool eager_ = true;    // there may be more to read already
  bool waited_ = false;  // for input, since the last attempt
  int eager_turns_ = 0;  // since others had theirs
  Ready wanted_ = Ready::read;

  mutable std::mutex mutex_;  // guards what follows; the wire's mutex may be taken under it
  State state_ = State::open;
  ErrorCode why_;  // it failed
  SendQueue queue_;
  bool writing_ = false;              // a wait to write is under way
  std::unique_ptr<DrainWait> drain_;  // while somebody waits for that
  Timers::Handle flush_deadline_ = 0;
};

SocketChannel::~SocketChannel() {
  if (state_ != State::saying_goodbye) wire_->abort();
}

void SocketChannel::when_input(std::function<void()> on_input) {
  waited_ = true;
  if (!eager_) {
    wire_->async_ready(wanted_, Wire::Waits::unless_interrupted,
                       [on_input = std::move(on_input)](ErrorCode) { on_input(); });  // the attempt tells
    return;
  }
  // By the queue, not by the socket: with TLS there may be bytes that have left the socket already.
  eager_turns_ = 0;
  asio::post(terms_->ports.executor, std::move(on_input));
}

std::optional<Result<Lease>> SocketChannel::try_receive() {
  const ErrorCode ended = over();
  if (ended) return Result<Lease>(ended);
  const bool goes_on = eager_ && ++eager_turns_ < eager_turns_max;
  if (!std::exchange(waited_, false) && !goes_on) return std::nullopt;
  Lease lease = terms_->ports.buffers.large();
  const Attempt attempt = wire_->read(lease.room());
  if (attempt.error) return Result<Lease>(attempt.error == Errc::closed && over() ? over() : attempt.error);
  // A buffer that was not filled has emptied the socket, most likely.
  eager_ = attempt.bytes == lease.capacity();
  wanted_ = attempt.wait.value_or(Ready::read);
  if (attempt.wait) return std::nullopt;
  lease.resize(attempt.bytes);
  return Result<Lease>(std::move(lease));
}

// Why nothing can be received any more, if so.
ErrorCode SocketChannel::over() const {
  const std::lock_guard lock(mutex_);
  return over_locked();
}

ErrorCode SocketChannel::over_locked() const {
  if (why_) return why_;
  return state_ == State::open ? ErrorCode() : ErrorCode(Errc::closed);
}

void SocketChannel::send(Chunk chunk) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  queue_.push(std::move(chunk));
  if (!writing_) flush();
  if (queue_.bytes() > terms_->limits.unsent_max) fail(Errc::unsent_too_large);
}

// Writes what the kernel takes. Under the mutex.
void SocketChannel::flush() {
  SendQueue::Views views;
  while (!queue_.empty()) {
    const std::size_t count = queue_.peek(views);
    const Attempt attempt = wire_->write({views.data(), count});
    if (attempt.error) return fail(attempt.error);
    if (attempt.wait) return wait_to_write(*attempt.wait);
    queue_.consume(attempt.bytes);
  }
  if (state_ == State::closing) say_goodbye();
}

// Holds the channel weakly: whoever drops a channel does not mean to wait for a peer that does not read.
void SocketChannel::wait_to_write(Ready ready) {
  writing_ = true;
  Errand<SocketChannel> errand(weak_from_this());
  wire_->async_ready(ready, Wire::Waits::always, [errand = std::move(errand)](ErrorCode) mutable {
    if (const auto self = errand.finish()) self->on_ready_to_write();
  });
}

void SocketChannel::forsake() {
  std::unique_lock lock(mutex_);
  const std::unique_ptr<DrainWait> dropped = std::move(drain_);
  lock.unlock();  // what waits may hold the channel
}

void SocketChannel::on_ready_to_write() {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (state_ == State::closed) return;
  flush();
  check_drained(queue_.bytes(), {});
}

void SocketChannel::check_drained(std::size_t unsent, ErrorCode over) {
  if (!drain_) return;
  drain_->check(unsent, over);
  if (!*drain_) drain_.reset();
}

void SocketChannel::fail(ErrorCode why) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  why_ = why;
  queue_.clear();
  wire_->abort();
  check_drained(~std::size_t{0}, why);
  terms_->ports.timers.cancel(flush_deadline_);
}

std::size_t SocketChannel::unsent() const {
  const std::lock_guard lock(mutex_);
  return queue_.bytes();
}

template <class Token>
auto SocketChannel::async_drained(std::size_t below, Token& token) {
  return asio::async_initiate<Token, void(ErrorCode)>(
      [this](auto handler, std::size_t limit) {
        const std::lock_guard lock(mutex_);
        SEALPOST_ASSERT(!drain_);
        drain_ = std::make_unique<DrainWait>();
        drain_->set(std::move(handler), terms_->ports.executor, limit);
        check_drained(queue_.bytes(), over_locked());
      },
      token, below);
}

asio::awaitable<Result<void>> SocketChannel::drained(std::size_t below) {
  const ErrorCode ended = over();
  if (ended) co_return ended;
  if (unsent() < below) co_return Result<void>();
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await async_drained(below, token);
  if (error) co_return error;
  co_return Result<void>();
}

void SocketChannel::close() {
  const std::lock_guard lock(mutex_);
  if (state_ != State::open) return;
  state_ = State::closing;
  check_drained(~std::size_t{0}, Errc::closed);
  wire_->interrupt();  // ends a pending receive
  // Holds the channel until the queue is empty, or its time is up.
  flush_deadline_ = terms_->ports.timers.after(terms_->limits.flush, [self = shared_from_this()] { self->abort(); });
  if (queue_.empty()) say_goodbye();
}

void SocketChannel::say_goodbye() {
  state_ = State::saying_goodbye;
  auto goodbye = linger(wire_, terms_->ports, terms_->limits.linger);
  asio::co_spawn(terms_->ports.executor, std::move(goodbye), asio::detached);
  terms_->ports.timers.cancel(flush_deadline_);
}

void SocketChannel::abort() {
  const std::lock_guard lock(mutex_);
  fail(Errc::closed);
}

}  // namespace

std::shared_ptr<Channel> make_socket_channel(std::shared_ptr<Wire> wire, std::shared_ptr<const ChannelTerms> terms) {
  return std::make_shared<SocketChannel>(std::move(wire), std::move(terms));
}

}  // namespace sealpost::net
