#include "network.hpp"

#include <boost/asio/post.hpp>

namespace sealpost::sim {
namespace {

// What a kernel would hold of it before the server sees it as unsent.
constexpr std::size_t kernel_bytes = 16 * 1024;
constexpr std::size_t unsent_max = 1024 * 1024;

}  // namespace

// The server's end ----------------------------------------------------------------------------------------------------

std::optional<Result<net::Lease>> ServerEnd::try_receive() {
  if (closed_) return Result<net::Lease>(net::Errc::closed);
  if (given_.empty() && ended_) return Result<net::Lease>(net::Errc::end_of_stream);
  if (given_.empty()) return std::nullopt;
  net::Lease lease = buffers_.large();
  const std::size_t size = std::min(given_.size(), lease.capacity());
  std::copy_n(given_.begin(), size, lease.room().begin());
  lease.resize(size);
  given_.erase(given_.begin(), given_.begin() + static_cast<std::ptrdiff_t>(size));
  return Result<net::Lease>(std::move(lease));
}

void ServerEnd::tell_receiver() {
  if (on_input_) asio::post(executor, std::exchange(on_input_, nullptr));
}

void ServerEnd::send(net::Chunk chunk) {
  if (closed_) return;
  line_->from_server(net::view_of(chunk));
  if (unsent() > unsent_max) abort();
}

std::size_t ServerEnd::unsent() const {
  const std::size_t queued = line_->queued_to_client();
  return queued > kernel_bytes ? queued - kernel_bytes : 0;
}

asio::awaitable<Result<void>> ServerEnd::drained(std::size_t below) {
  while (unsent() >= below && !closed_) co_await taken_.wait();
  if (closed_) co_return net::Errc::closed;
  co_return Result<void>();
}

void ServerEnd::close() {
  if (std::exchange(closed_, true)) return;
  line_->end_from_server(true);
  taken_.open();
  tell_receiver();
}

void ServerEnd::abort() {
  if (std::exchange(closed_, true)) return;
  line_->end_from_server(false);
  taken_.open();
  tell_receiver();
}

void ServerEnd::arrive(BytesView bytes) {
  given_.insert(given_.end(), bytes.begin(), bytes.end());
  tell_receiver();
}

void ServerEnd::arrive_end() {
  ended_ = true;
  tell_receiver();
}

void ServerEnd::drop() {
  on_input_ = nullptr;
  taken_ = pipeline::Gate();
  executor = {};
  closed_ = true;
}

// The line ------------------------------------------------------------------------------------------------------------

Millis Line::arrival(Direction& direction) {
  const Millis now = scene_.schedule.now();
  Millis at = now + (scene_.calm ? 1 : dice_.between(0, scene_.weather.delay_max));
  if (!scene_.calm) at = std::max(at, stalled_until_);
  direction.last_arrival = std::max(direction.last_arrival, at);
  return direction.last_arrival - now;
}

void Line::send(BytesView bytes) {
  if (client_gone_) return;
  scene_.trace.add(number << 1);
  scene_.trace.add(bytes);
  if (recording) recorded_.insert(recorded_.end(), bytes.begin(), bytes.end());
  if (bytes.size() > 1 && !scene_.calm && dice_.chance(scene_.weather.splits)) {
    const std::size_t at = 1 + dice_.below(bytes.size() - 1);
    to_server({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at)});
    bytes = bytes.subspan(at);
  }
  to_server({bytes.begin(), bytes.end()});
}

void Line::to_server(Bytes bytes) {
  scene_.schedule.after(arrival(to_server_), [self = shared_from_this(), this, bytes = std::move(bytes)] {
    if (to_server_.dead || !server || server->is_closed()) return;
    if (superseded) scene_.coverage.add(Row::older_bytes);
    server->arrive(bytes);
    scene_.reached_by_server(Row::message_arrived);
  });
}

void Line::from_server(BytesView bytes) {
  scene_.trace.add(number << 1 | 1);
  scene_.trace.add(bytes);
  if (on_server_sent) on_server_sent(bytes);
  to_client({bytes.begin(), bytes.end()});
}

void Line::to_client(Bytes bytes) {
  to_client_.queued += bytes.size();
  scene_.schedule.after(arrival(to_client_), [self = shared_from_this(), this, bytes = std::move(bytes)] {
    to_client_.queued -= bytes.size();
    if (server && !server->is_closed()) server->room();
    const auto on_bytes = client.on_bytes;  // which may let go of it
    if (!to_client_.dead && !client_gone_ && on_bytes) on_bytes(bytes);
  });
}

void Line::hang_up() {
  if (std::exchange(client_gone_, true)) return;
  scene_.schedule.after(arrival(to_server_), [self = shared_from_this(), this] {
    if (!to_server_.dead && server && !server->is_closed()) server->arrive_end();
  });
}

void Line::tell_client_end(Millis at) {
  if (std::exchange(client_told_, true)) return;
  scene_.schedule.after(at, [self = shared_from_this(), this] {
    if (client_gone_) return;
    client_gone_ = true;
    const auto on_end = client.on_end;
    if (on_end) on_end();
  });
}

void Line::end_from_server(bool in_order) {
  if (!in_order) to_client_.dead = true;
  tell_client_end(arrival(to_client_));
}

void Line::cut(bool client_notices, bool server_notices) {
  to_server_.dead = to_client_.dead = true;
  if (client_notices) tell_client_end(1);
  if (server_notices && server && !server->is_closed()) server->arrive_end();
}

}  // namespace sealpost::sim
