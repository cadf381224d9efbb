#include "net/wire_stream.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

namespace sealpost::net {

void WireStream::read(asio::mutable_buffer room, Done done) {
  if (!ahead_.empty()) {
    const std::size_t count = asio::buffer_copy(room, asio::buffer(ahead_));
    ahead_.erase(0, count);
    return complete(std::move(done), {}, count);
  }
  const Attempt attempt = wire_->read({static_cast<std::uint8_t*>(room.data()), room.size()});
  if (!attempt.wait) {
    const ErrorCode error = attempt.error == Errc::end_of_stream ? ErrorCode(asio::error::eof) : attempt.error;
    return complete(std::move(done), error, attempt.bytes);
  }
  auto again = [this, room, done = std::move(done)](ErrorCode error) mutable {
    error ? std::move(done)(error, 0) : read(room, std::move(done));
  };
  wire_->async_ready(*attempt.wait, Wire::Waits::unless_interrupted, asio::bind_executor(strand_, std::move(again)));
}

void WireStream::write(std::vector<BytesView> pieces, Done done) {
  if (pieces.empty()) return complete(std::move(done), {}, 0);
  const Attempt attempt = wire_->write(pieces);
  if (!attempt.wait) return complete(std::move(done), attempt.error, attempt.bytes);
  auto again = [this, pieces = std::move(pieces), done = std::move(done)](ErrorCode error) mutable {
    error ? std::move(done)(error, 0) : write(std::move(pieces), std::move(done));
  };
  wire_->async_ready(*attempt.wait, Wire::Waits::unless_interrupted, asio::bind_executor(strand_, std::move(again)));
}

void WireStream::complete(Done done, ErrorCode error, std::size_t bytes) {
  asio::post(strand_, [done = std::move(done), error, bytes]() mutable { std::move(done)(error, bytes); });
}

}  // namespace sealpost::net
