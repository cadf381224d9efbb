#pragma once
// A wire as Beast wants to see it: an AsyncStream. Handlers are erased here, so that Beast's operations are compiled
// over one type of stream whatever is below it.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <memory>

#include "net/wire.hpp"

namespace sealpost::net {

// All its operations are started on its executor, a strand, and complete there.
class WireStream {
 public:
  using executor_type = asio::any_io_executor;
  using Done = asio::any_completion_handler<void(ErrorCode, std::size_t)>;

  // `ahead` is read before what the wire brings.
  WireStream(std::shared_ptr<Wire> wire, executor_type strand, std::string ahead)
      : wire_(std::move(wire)), strand_(std::move(strand)), ahead_(std::move(ahead)) {}

  executor_type get_executor() const { return strand_; }
  Wire& wire() { return *wire_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, asio::mutable_buffer room) { read(room, Done(std::move(handler))); }, token,
        first_of<asio::mutable_buffer>(buffers));
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, std::vector<BytesView> pieces) { write(std::move(pieces), Done(std::move(handler))); },
        token, pieces_of(buffers));
  }

 private:
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& buffers) {
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
      const Buffer buffer(*it);
      if (buffer.size() > 0) return buffer;
    }
    return {};
  }
  template <class Buffers>
  static std::vector<BytesView> pieces_of(const Buffers& buffers) {
    std::vector<BytesView> pieces;
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
      const asio::const_buffer buffer(*it);
      if (buffer.size() > 0) pieces.emplace_back(static_cast<const std::uint8_t*>(buffer.data()), buffer.size());
    }
    return pieces;
  }

  void read(asio::mutable_buffer room, Done done);
  void write(std::vector<BytesView> pieces, Done done);
  void complete(Done done, ErrorCode error, std::size_t bytes);

  std::shared_ptr<Wire> wire_;
  executor_type strand_;
  std::string ahead_;
};

// Called by Beast when a WebSocket has ended. The wire is ended by linger(), for all channels alike.
template <class Handler>
void async_teardown(boost::beast::role_type, WireStream& stream, Handler&& handler) {
  asio::post(stream.get_executor(), boost::beast::bind_front_handler(std::forward<Handler>(handler), ErrorCode()));
}

// Called by Beast when one of its own timers has expired.
inline void beast_close_socket(WireStream& stream) {
  stream.wire().abort();
}

}  // namespace sealpost::net
