#pragma once
// A connected socket (TCP or Unix), with or without TLS on it, that never blocks: one tries, and where the attempt says
// so waits until the socket is ready, and tries again. Nothing is buffered here, so that a wire that waits costs
// little: asio::ssl::stream holds 34 KiB for as long as it lives; OpenSSL itself, between two records, gives its
// buffers back.
//
// Safe for use from any thread: the mutex is a leaf, and no call under it blocks.

#include <sys/socket.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "net/admission.hpp"
#include "net/channel.hpp"
#include "net/ports.hpp"
#include "net/proxy_header.hpp"
#include "net/sockets.hpp"

struct ssl_st;

namespace sealpost::net {

enum class Ready { read, write };

// How an attempt came out: `bytes` were moved, or it is to be made again when the socket is ready, or it failed.
struct Attempt {
  std::size_t bytes = 0;
  std::optional<Ready> wait;
  ErrorCode error;
};

struct EndTls {
  void operator()(ssl_st* tls) const;
};
using Tls = std::unique_ptr<ssl_st, EndTls>;

class Wire {
 public:
  // Takes the descriptor, which does not block. `tls` has been told its side, and nothing else. Throws
  // boost::system::system_error if the io_context cannot take one more.
  Wire(const Executor& executor, Descriptor descriptor, Tls tls, Peer peer, Ticket ticket);
  ~Wire();

  // When it is done, the peer's certificate is noted in peer(). After a failure read() gives what the socket brings.
  Attempt handshake();
  std::string handshake_failure() const;  // what OpenSSL says of it
  // At least one byte into `room`, or no success; Errc::end_of_stream when the peer has finished. As much as there is.
  Attempt read(std::span<std::uint8_t> room);
  // The pieces one after the other, in one system call or one TLS record. Repeat with the same bytes if told to wait.
  Attempt write(std::span<const BytesView> pieces);
  // Says goodbye (close_notify), and sends no more.
  Attempt finish();
  // From the socket, below TLS, which must not have begun: what the proxy says.
  Attempt read_ahead_of_tls(std::span<std::uint8_t> room);
  // Looks without reading: has the peer finished or failed?
  bool gone();
  // Of a listening socket: -1 with errno if there is none.
  int accept(sockaddr_storage& from, socklen_t& size);
  // Of a socket that connects: how that came out.
  ErrorCode connected();

  // Completes with an ErrorCode when the next attempt is worth making. With operation_aborted after interrupt(), unless
  // it waits `always`.
  enum class Waits { unless_interrupted, always };
  template <class Token>
  auto async_ready(Ready ready, Waits waits, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode)>(
        [this](auto handler, Ready wanted, Waits how) {
          const std::lock_guard lock(mutex_);
          descriptor_.async_wait(wanted == Ready::read ? Waitable::wait_read : Waitable::wait_write,
                                 std::move(handler));
          if (interrupted_ && how == Waits::unless_interrupted) descriptor_.cancel();
        },
        token, ready, waits);
  }

  void cancel();     // ends the waits under way
  void interrupt();  // and those to come
  void resume();     // undoes interrupt()
  void abort();      // closes the socket
  bool open() const;

  std::optional<Digest> exporter() const;
  // Of the certificate that the peer has shown; none without TLS.
  std::optional<Digest> peer_certificate() const;
  long verify_result() const;  // X509_V_*

  const Peer& peer() const { return peer_; }
  Peer& peer() { return peer_; }
  void proven();
  // The proxy has told who the peer is. None if that may not have one more connection: then this ends.
  Refusal introduce(const ProxyHeader& header);
  // Counts this wire in a gauge for as long as it lives.
  void count_in(Counter& gauge);

 private:
  using Waitable = asio::posix::basic_stream_descriptor<Executor>;
  Attempt outcome(int result);
  void note_certificate();
  Attempt read_tls(std::span<std::uint8_t> room);
  Attempt read_plain(std::span<std::uint8_t> room);
  Attempt write_tls(std::span<const BytesView> pieces);
  Attempt write_plain(std::span<const BytesView> pieces);

  mutable std::mutex mutex_;
  Waitable descriptor_;
  Tls tls_;
  unsigned long handshake_error_ = 0;  // OpenSSL's
  bool interrupted_ = false;
  Peer peer_;
  Ticket ticket_;
  Counter* gauge_ = nullptr;
};

// Waits, and is where coroutines give up a frame's worth of memory only.
asio::awaitable<ErrorCode> ready(Wire& wire, Ready ready, Wire::Waits waits = Wire::Waits::unless_interrupted);

// The header of the PROXY protocol, and not a byte beyond it. Whoever bounds it in time aborts the wire: Errc::timeout.
// Errc::end_of_stream if there was nothing at all.
asio::awaitable<Result<ProxyHeader>> read_proxy_header(Wire& wire);

// The TLS handshake. Whoever bounds it in time aborts the wire.
asio::awaitable<ErrorCode> shake_hands(Wire& wire);

// All of `bytes`.
asio::awaitable<ErrorCode> write_all(Wire& wire, BytesView bytes);

// Finishes sending, reads and drops until the peer has finished too, at most for `limit`, and closes.
asio::awaitable<void> linger(std::shared_ptr<Wire> wire, Ports ports, std::chrono::milliseconds limit);

}  // namespace sealpost::net
