#pragma once
// A byte pipe to one MQTT peer, whatever it runs over: TCP, TLS, a Unix socket, or WebSocket over TCP or TLS.
//
//   asio::awaitable<void> talk(std::shared_ptr<Channel> channel) {
//     for (;;) {
//       Result<Lease> received = co_await channel->receive();
//       if (!received) break;                       // Errc::end_of_stream, Errc::closed, or what the kernel says
//       channel->send(answer(received->view()));    // never blocks, never waits
//       *received = Lease();                        // gives the buffer back before waiting
//       Result<void> drained = co_await channel->drained(256 * 1024);
//       if (!drained) break;
//     }
//     channel->close();
//   }
//
// Who has ten thousand of them does without a coroutine for each that waits: try_receive(), and when_input() where that
// has nothing.
//
// Threads: one receiver and one drained() at a time; receive() and drained() complete on the executor of the coroutine
// that awaits them. Everything else may be called from any thread. So a channel may move from one strand to another
// whenever nothing waits for it, with nothing to rebind. Who waits holds the channel (a shared_ptr in its own frame or
// closure) meanwhile. Whoever lets go of the last reference without close() has aborted it.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "base/sha256.hpp"
#include "net/buffer_pool.hpp"
#include "net/errc.hpp"

namespace sealpost::net {

namespace asio = boost::asio;

enum class Transport { tcp, tls, local, websocket, websocket_tls };

std::string_view name_of(Transport transport);  // "tcp", "tls", "unix", "ws", "wss"

// Who is at the other end, as far as the network tells, or a proxy that is believed (ListenerOptions::proxies).
struct Peer {
  std::string address;  // "192.0.2.7", "2001:db8::7"; for a Unix socket "unix"
  std::uint16_t port = 0;
  Transport transport = Transport::tcp;
  std::string listener;              // the name of the listener that accepted it; empty for a dialled channel
  bool loopback = false;             // it is a program on this machine
  bool near = false;                 // the connection is from this machine: the peer's, or a proxy's that speaks for it
  bool certified = false;            // it has shown a certificate that TlsOptions::client_ca vouches for
  std::string certificate_name;      // the common name in it; empty: it has none
  std::optional<std::uint32_t> uid;  // of the process at the other end of a Unix socket
  bool encrypted() const { return transport == Transport::tls || transport == Transport::websocket_tls; }
};

struct ChannelLimits {
  std::size_t unsent_max = 1024 * 1024;    // bytes; one more, and the channel aborts: the peer does not read
  std::chrono::milliseconds flush{5000};   // for close() to send what is queued
  std::chrono::milliseconds linger{2000};  // for the peer to close its side, after that
  std::size_t frame_max = 1024 * 1024;     // bytes in a WebSocket message from the peer; more: close 1009
};

// What send() takes: text or bytes, by move.
using Chunk = std::variant<Bytes, std::string>;

inline BytesView view_of(const Chunk& chunk) {
  const auto* bytes = std::get_if<Bytes>(&chunk);
  return bytes ? BytesView(*bytes) : as_bytes(std::get<std::string>(chunk));
}

class Channel {
 public:
  virtual ~Channel() = default;

  // The next bytes from the peer, at least one. Holds no buffer while it waits.
  asio::awaitable<Result<Lease>> receive();
  // The same if it can be had at once. None: there is nothing, or it is the turn of others; then when_input() is called
  // before this is called again.
  virtual std::optional<Result<Lease>> try_receive() = 0;
  // Calls `on_input` once, as soon as try_receive() is worth a try: on a thread of the executor, and never from within
  // a call of this channel. If the executor ends first, it is dropped.
  virtual void when_input(std::function<void()> on_input) = 0;

  // Queues the chunk and writes what the kernel takes at once; the rest follows when the peer has room. After close(),
  // abort() or a failure it does nothing: receive() and drained() tell.
  virtual void send(Chunk chunk) = 0;

  // Bytes queued here, without what the kernel holds.
  virtual std::size_t unsent() const = 0;

  // Waits until unsent() < below; at once if it is.
  virtual asio::awaitable<Result<void>> drained(std::size_t below) = 0;

  // Sends what is queued, then says goodbye (TLS close_notify, WebSocket close 1000), finishes sending, waits for the
  // peer to do the same and closes; each within ChannelLimits. So the last packet is not lost to a reset. Returns at
  // once; a pending receive() ends with Errc::closed. The channel lives as long as this takes.
  virtual void close() = 0;

  // Closes at once; what is queued is lost.
  virtual void abort() = 0;

  // The channel binding "tls-exporter" (RFC 9266): only where TLS 1.3 ends here.
  virtual std::optional<Digest> exporter() const = 0;

  virtual const Peer& peer() const = 0;

  // Tells that the peer has authenticated: it no longer counts against the limits on strangers (AdmissionLimits).
  virtual void proven() = 0;
};

}  // namespace sealpost::net
