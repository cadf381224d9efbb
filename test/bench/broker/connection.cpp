#include "bench/broker/connection.hpp"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "bench/broker/measure.hpp"

namespace sealpost::bench {

namespace {

constexpr std::size_t read_bytes = 256 * 1024;
// Small enough that an acknowledgement does not wait long for the rest of the batch.
constexpr std::size_t events_at_once = 64;

std::shared_ptr<SSL_CTX> client_context() {
  std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free);
  if (!context) give_up("no TLS context");
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  return context;
}

}  // namespace

Endpoint endpoint_of(const std::string& host, std::uint16_t port, bool tls) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) give_up("{}: {}", host, ::gai_strerror(failed));
  Endpoint endpoint;
  ::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  if (tls) endpoint.tls = client_context();
  return endpoint;
}

Reactor::Reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(read_bytes) {
  if (epoll_ < 0) give_up("epoll: {}", ::strerror(errno));
}

Reactor::~Reactor() {
  ::close(epoll_);
}

bool Reactor::run_until(std::int64_t deadline_ns, const std::function<bool()>& done) {
  std::array<epoll_event, events_at_once> events;
  flush_all();
  while (!done()) {
    const std::int64_t left_ns = deadline_ns - now_ns();
    if (left_ns <= 0) return false;
    const int wait_ms = static_cast<int>(std::min<std::int64_t>(left_ns / 1'000'000 + 1, 100));
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
    if (count < 0 && errno != EINTR) give_up("epoll: {}", ::strerror(errno));
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      static_cast<Connection*>(event.data.ptr)->ready(event.events);
    }
    flush_all();
  }
  return true;
}

void Reactor::flush_all() {
  // A flush that fails may end a connection, whose owner may write to another.
  for (std::size_t i = 0; i < with_output_.size(); ++i) with_output_[i]->flush();
  with_output_.clear();
}

Connection::~Connection() {
  close();
  std::erase(reactor_.with_output_, this);
}

void Connection::dial(const Endpoint& endpoint) {
  endpoint_ = endpoint;
  state_ = State::connecting;
  socket_ = ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) give_up("socket: {}", ::strerror(errno));
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  if (::connect(socket_, address, endpoint.size) != 0 && errno != EINPROGRESS) {
    give_up("connect: {}", ::strerror(errno));
  }
  watches_output_ = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = this;
  ::epoll_ctl(reactor_.epoll_, EPOLL_CTL_ADD, socket_, &event);
}

std::string& Connection::outgoing() {
  if (!has_output_) {
    has_output_ = true;
    reactor_.with_output_.push_back(this);
  }
  return outgoing_;
}

void Connection::close() {
  tls_.reset();
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  incomplete_.clear();
  outgoing_.clear();
}

void Connection::on_end() {
  give_up("the server closed a connection");
}

void Connection::ready(unsigned events) {
  if (socket_ < 0) return;
  if (state_ == State::connecting) {
    finish_connecting();
  } else if (state_ == State::handshaking) {
    handshake();
  }
  if (socket_ >= 0 && state_ == State::open && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_some();
  if (socket_ >= 0 && state_ == State::open && (events & EPOLLOUT) != 0) flush();
}

void Connection::finish_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) give_up("connect: {}", ::strerror(error));
  if (endpoint_.tls == nullptr) return opened();
  tls_.reset(::SSL_new(endpoint_.tls.get()));
  ::SSL_set_fd(tls_.get(), socket_);
  ::SSL_set_connect_state(tls_.get());
  state_ = State::handshaking;
  watch(false);
  handshake();
}

void Connection::handshake() {
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(tls_.get());
  if (result == 1) return opened();
  if (tls_result(result) < 0) give_up("the handshake of TLS failed");
}

void Connection::opened() {
  state_ = State::open;
  watch(false);
  on_open();
}

void Connection::read_some() {
  // TLS may hold more than the socket shows; TCP shows the rest again.
  do {
    std::vector<char>& buffer = reactor_.buffer_;
    const std::size_t kept = incomplete_.size();
    if (kept + read_bytes / 2 > buffer.size()) buffer.resize(kept + read_bytes);
    std::copy(incomplete_.begin(), incomplete_.end(), buffer.begin());
    const long count = receive(buffer.data() + kept, buffer.size() - kept);
    if (count == 0) return;
    if (count < 0) return on_end();
    received_ns_ = now_ns();
    parse({buffer.data(), kept + static_cast<std::size_t>(count)});
  } while (tls_ != nullptr);
}

void Connection::parse(std::string_view bytes) {
  Packet packet;
  while (const std::size_t size = take_packet(bytes, packet)) {
    on_packet(packet);
    if (socket_ < 0) return;
    bytes.remove_prefix(size);
  }
  incomplete_.assign(bytes);
}

void Connection::flush() {
  has_output_ = false;
  if (socket_ < 0 || state_ != State::open) return;
  std::size_t sent = 0;
  while (sent < outgoing_.size()) {
    const long count = send(outgoing_.data() + sent, outgoing_.size() - sent);
    if (count < 0) return on_end();
    if (count == 0) break;
    sent += static_cast<std::size_t>(count);
  }
  outgoing_.erase(0, sent);
  watch(!outgoing_.empty());
}

void Connection::watch(bool output) {
  if (output == watches_output_) return;
  watches_output_ = output;
  epoll_event event{};
  event.events = EPOLLIN | (output ? unsigned{EPOLLOUT} : 0u);
  event.data.ptr = this;
  ::epoll_ctl(reactor_.epoll_, EPOLL_CTL_MOD, socket_, &event);
}

long Connection::receive(char* to, std::size_t size) {
  if (tls_ != nullptr) {
    ::ERR_clear_error();
    return tls_result(::SSL_read(tls_.get(), to, static_cast<int>(size)));
  }
  const long count = ::recv(socket_, to, size, 0);
  if (count > 0) return count;
  return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

long Connection::send(const char* from, std::size_t size) {
  if (tls_ != nullptr) {
    ::ERR_clear_error();
    return tls_result(::SSL_write(tls_.get(), from, static_cast<int>(size)));
  }
  const long count = ::send(socket_, from, size, MSG_NOSIGNAL);
  return count >= 0 ? count : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

long Connection::tls_result(int result) {
  if (result > 0) return result;
  const int reason = ::SSL_get_error(tls_.get(), result);
  if (reason == SSL_ERROR_WANT_WRITE) watch(true);
  return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

void dial_all(Reactor& reactor, const Endpoint& endpoint, const std::vector<Connection*>& connections,
              std::size_t at_once, const std::function<std::size_t()>& count_ready) {
  const std::int64_t deadline_ns = now_ns() + ns_of(60);
  for (std::size_t dialled = 0; dialled < connections.size(); ++dialled) {
    connections[dialled]->dial(endpoint);
    const std::size_t wanted = dialled + 1 == connections.size() ? connections.size()
                               : dialled + 1 > at_once           ? dialled + 1 - at_once
                                                                 : 0;
    if (count_ready() >= wanted) continue;
    if (!reactor.run_until(deadline_ns, [&] { return count_ready() >= wanted; })) {
      give_up("{} of {} connections were ready in 60 s", count_ready(), connections.size());
    }
  }
}

}  // namespace sealpost::bench
