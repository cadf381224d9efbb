#include "broker/pipe.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sealpost::broker::test {

std::optional<Result<net::Lease>> Pipe::try_receive() {
  const std::lock_guard lock(mutex_);
  if (closed_) return Result<net::Lease>(net::Errc::closed);
  if (given_.empty()) return std::nullopt;
  net::Lease lease = buffers_.large();
  const std::size_t size = std::min(given_.size(), lease.capacity());
  std::copy_n(given_.begin(), size, lease.room().begin());
  lease.resize(size);
  given_.erase(given_.begin(), given_.begin() + static_cast<std::ptrdiff_t>(size));
  return Result<net::Lease>(std::move(lease));
}

void Pipe::when_input(std::function<void()> on_input) {
  const std::lock_guard lock(mutex_);
  on_input_ = std::move(on_input);
  if (closed_ || !given_.empty()) tell_receiver();
}

// Under the mutex.
void Pipe::tell_receiver() {
  if (on_input_) asio::post(executor_, std::exchange(on_input_, nullptr));
}

void Pipe::send(net::Chunk chunk) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  const BytesView bytes = net::view_of(chunk);
  sent_.insert(sent_.end(), bytes.begin(), bytes.end());
  if (!reading_) unsent_ += bytes.size();
}

std::size_t Pipe::unsent() const {
  const std::lock_guard lock(mutex_);
  return unsent_;
}

asio::awaitable<Result<void>> Pipe::drained(std::size_t below) {
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const auto begin = [this](auto handler, std::size_t limit) {
    const std::lock_guard lock(mutex_);
    drain_.set(std::move(handler), executor_, limit);
    drain_.check(closed_ ? ~std::size_t{0} : unsent_, closed_ ? ErrorCode(net::Errc::closed) : ErrorCode());
  };
  co_await asio::async_initiate<decltype(token), void(ErrorCode)>(begin, token, below);
  if (error) co_return error;
  co_return Result<void>();
}

void Pipe::give(BytesView bytes) {
  const std::lock_guard lock(mutex_);
  given_.insert(given_.end(), bytes.begin(), bytes.end());
  tell_receiver();
}

Bytes Pipe::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(sent_, {});
}

void Pipe::hang_up() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  drain_.check(~std::size_t{0}, net::Errc::closed);
  tell_receiver();
}

bool Pipe::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void Pipe::stop_reading() {
  const std::lock_guard lock(mutex_);
  reading_ = false;
}

void Pipe::take_unsent(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  unsent_ -= std::min(unsent_, bytes);
  reading_ = reading_ || unsent_ == 0;
  drain_.check(unsent_, {});
}

}  // namespace sealpost::broker::test
