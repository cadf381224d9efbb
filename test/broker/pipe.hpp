#pragma once
// The server's end of a pipe whose other end is the test.

#include <mutex>

#include "net/buffer_pool.hpp"
#include "net/channel.hpp"
#include "net/waiter.hpp"

namespace sealpost::broker::test {

namespace asio = boost::asio;

// Any thread.
class Pipe final : public net::Channel {
 public:
  Pipe(asio::any_io_executor executor, net::BufferPool& buffers) : executor_(std::move(executor)), buffers_(buffers) {}

  std::optional<Result<net::Lease>> try_receive() override;
  void when_input(std::function<void()> on_input) override;
  void send(net::Chunk chunk) override;
  std::size_t unsent() const override;
  asio::awaitable<Result<void>> drained(std::size_t below) override;
  void close() override { hang_up(); }
  void abort() override { hang_up(); }
  std::optional<Digest> exporter() const override { return std::nullopt; }
  const net::Peer& peer() const override { return peer_; }
  void proven() override {}

  // The test's end.
  void give(BytesView bytes);
  Bytes take();
  void hang_up();
  bool is_closed() const;
  // From now on what is sent counts as unsent, until take_unsent().
  void stop_reading();
  // The peer takes so many of the bytes that are unsent, and goes on reading if that was all.
  void take_unsent(std::size_t bytes);

 private:
  void tell_receiver();

  const asio::any_io_executor executor_;
  net::BufferPool& buffers_;
  const net::Peer peer_{};
  mutable std::mutex mutex_;  // guards what follows
  Bytes given_;
  Bytes sent_;
  std::function<void()> on_input_;
  std::size_t unsent_ = 0;
  bool reading_ = true;
  bool closed_ = false;
  net::DrainWait drain_;
};

}  // namespace sealpost::broker::test
