// One peer that never pauses, on a single thread: everybody else still has a turn.

#include <sys/socket.h>

#include <boost/asio/detached.hpp>

#include "net/network.hpp"

namespace sealpost::net {
namespace {

// Counts what one peer is given, and how much of that came before the others had their turn.
struct Turns {
  asio::io_context& context;
  std::atomic<int> taken{0};
  std::atomic<int> before_others{-1};

  void take() {
    if (++taken > 1) return;
    asio::post(context, [this] { before_others = taken.load(); });
  }
};

TEST_CASE("requests that come all at once leave the others their turn") {
  Network network(1);
  Turns turns{*network.context};
  const Handler handler = [&turns](Request) -> asio::awaitable<Response> {
    turns.take();
    co_return Response{};
  };
  ListenerOptions options;
  options.service = Service::web;
  Listener listener(network.ports(), options, std::make_shared<Admission>(), {nullptr, handler});
  listener.start();
  RawClient client(listener.port());
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(requests + "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  client.read_all();
  CHECK(turns.taken == 101);
  CHECK(turns.before_others > 0);
  CHECK(turns.before_others < 5);
}

// As much as the kernel takes while nobody reads.
std::size_t fill(const RawClient& client) {
  const std::string chunk(64 * 1024, 'x');
  std::size_t sent = 0;
  for (;;) {
    const ssize_t count = ::send(client.descriptor(), chunk.data(), chunk.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) return sent;
    sent += static_cast<std::size_t>(count);
  }
}

asio::awaitable<void> read_all(std::shared_ptr<Channel> channel, std::size_t bytes, Turns& turns) {
  while (bytes > 0) {
    Result<Lease> received = co_await channel->receive();
    if (!received) co_return;
    bytes -= received->size();
    turns.take();
  }
}

TEST_CASE("bytes that come without a pause leave the others their turn") {
  Network network(1);
  Accepted accepted;
  Listener listener(network.ports(), {}, std::make_shared<Admission>(), {accepted.receiver(), nullptr});
  listener.start();
  RawClient client(listener.port());
  const auto channel = accepted.next();
  const std::size_t sent = fill(client);
  REQUIRE(sent > 8 * BufferPool::large_size);
  Turns turns{*network.context};
  network.await(read_all(channel, sent, turns));
  CHECK(turns.taken >= 8);
  CHECK(turns.before_others > 0);
  CHECK(turns.before_others < 8);
}

}  // namespace
}  // namespace sealpost::net
