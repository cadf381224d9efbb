#include <openssl/ssl.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <future>

#include "net/network.hpp"

namespace sealpost::net {
namespace {

const auto all_schemes = {Scheme::mqtt, Scheme::mqtts, Scheme::ws, Scheme::wss, Scheme::local};

std::string scheme_name(Scheme scheme) {
  const char* const names[] = {"mqtt", "mqtts", "ws", "wss", "local"};
  return names[static_cast<int>(scheme)];
}

// Both ends of a connection.
struct Pair {
  explicit Pair(Scheme scheme, ListenerOptions options = {}, ChannelLimits dialled = {}) {
    served = serve(network, folder, scheme, accepted, std::move(options));
    served.options.limits = dialled;
    client = network.dial(served.options);
    server = accepted.next();
  }
  std::string server_reads(std::size_t bytes) { return network.await(read_from(server, bytes)); }
  std::string client_reads(std::size_t bytes) { return network.await(read_from(client, bytes)); }

  Network network;
  Folder folder;
  Accepted accepted;
  Served served;
  std::shared_ptr<Channel> client;
  std::shared_ptr<Channel> server;
};

asio::awaitable<void> send_all(std::shared_ptr<Channel> channel, std::string text, unsigned seed) {
  while (!text.empty()) {
    seed = seed * 1664525 + 1013904223;
    const std::size_t size = std::min<std::size_t>(text.size(), 1 + (seed >> 8) % 3000);
    channel->send(text.substr(0, size));
    text.erase(0, size);
    Result<void> drained = co_await channel->drained(32 * 1024);
    if (!drained) co_return;
  }
}

TEST_CASE("what is sent comes back whole over every transport, in pieces of any size") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  asio::co_spawn(*pair.network.context, echo(pair.server, 1), asio::detached);
  const std::string sent = noise(700'000, 2);
  asio::co_spawn(*pair.network.context, send_all(pair.client, sent, 3), asio::detached);
  const std::string back = pair.client_reads(sent.size());
  REQUIRE(back.size() == sent.size());
  CHECK(back == sent);
  pair.client->close();
}

TEST_CASE("close delivers what is queued, and then the end, over every transport") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  const std::string sent = noise(900'000, 4);
  pair.server->send(std::string("unread, and still no reset"));
  pair.client->send(sent);
  pair.client->close();
  CHECK(pair.server_reads(sent.size()) == sent);
  CHECK(pair.network.await(end_of(pair.server)) == Errc::end_of_stream);
  pair.server->close();
}

TEST_CASE("the last packet of a server that closes while the client still sends is not lost to a reset") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  for (int i = 0; i < 50; ++i) pair.client->send(noise(1000, 5));
  pair.server->send(std::string("disconnect, and why"));
  pair.server->close();
  for (int i = 0; i < 50; ++i) pair.client->send(noise(1000, 6));
  CHECK(pair.client_reads(19) == "disconnect, and why");
  CHECK(pair.network.await(end_of(pair.client)) == Errc::end_of_stream);
  pair.client->close();
}

TEST_CASE("a peer that has finished sending can still be sent to") {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::mqtt, accepted);
  RawClient client(served.listener->port());
  client.send("question");
  client.finish();
  const auto server = accepted.next();
  CHECK(network.await(read_from(server, 100)) == "question");
  server->send(std::string("answer"));
  server->close();
  CHECK(client.read_all() == "answer");
  CHECK_FALSE(client.reset());
}

TEST_CASE("a peer that resets ends the channel with an error") {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::mqtt, accepted);
  RawClient client(served.listener->port());
  const auto server = accepted.next();
  client.break_off();
  const ErrorCode error = network.await(end_of(server));
  CHECK(error == boost::system::errc::connection_reset);
  server->send(std::string("into the void"));
  CHECK(server->unsent() == 0);
}

TEST_CASE("a peer that does not read is cut off at the limit, over every transport") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  ListenerOptions options;
  options.channel.unsent_max = 300'000;
  Pair pair(scheme, options);
  auto ending = asio::co_spawn(*pair.network.context, end_of(pair.server), asio::use_future);
  std::size_t sent = 0;
  while (ending.wait_for(0s) != std::future_status::ready && sent < 200'000'000) {
    pair.server->send(noise(50'000, 7));
    sent += 50'000;
    CHECK(pair.server->unsent() <= options.channel.unsent_max);
  }
  REQUIRE(ending.wait_for(patience) == std::future_status::ready);
  CHECK(ending.get() == Errc::unsent_too_large);
  CHECK(pair.server->unsent() == 0);
}

asio::awaitable<ErrorCode> wait_until_drained(std::shared_ptr<Channel> channel, std::size_t below) {
  Result<void> drained = co_await channel->drained(below);
  co_return drained ? ErrorCode() : drained.error();
}

// Fills what lies between the two until something stays here.
void fill(Channel& channel, std::size_t unsent) {
  while (channel.unsent() < unsent) channel.send(noise(20'000, 8));
}

TEST_CASE("drained waits until the peer has read enough, over every transport") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  ListenerOptions options;
  options.channel.unsent_max = 100'000'000;
  options.channel.frame_max = 100'000'000;
  Pair pair(scheme, options);
  CHECK(pair.network.await(wait_until_drained(pair.server, 1)) == ErrorCode());
  // WebSocket channels hand over to the kernel a moment later than send(), so fill more than once.
  fill(*pair.server, 3'000'000);
  auto waiting = asio::co_spawn(*pair.network.context, wait_until_drained(pair.server, 1000), asio::use_future);
  while (waiting.wait_for(50ms) == std::future_status::ready) {  // the kernel had room for all of it
    waiting = asio::co_spawn(*pair.network.context, wait_until_drained(pair.server, 1000), asio::use_future);
    fill(*pair.server, 3'000'000);
  }
  auto reading = asio::co_spawn(*pair.network.context, read_from(pair.client, ~0u), asio::use_future);
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(waiting.get() == ErrorCode());
  CHECK(pair.server->unsent() < 1000);
  pair.server->close();
  CHECK(reading.wait_for(patience) == std::future_status::ready);
}

TEST_CASE("abort ends receive and drained with closed, over every transport") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  ListenerOptions options;
  options.channel.unsent_max = 100'000'000;
  Pair pair(scheme, options);
  auto ending = asio::co_spawn(*pair.network.context, end_of(pair.server), asio::use_future);
  fill(*pair.server, 20'000'000);
  auto waiting = asio::co_spawn(*pair.network.context, wait_until_drained(pair.server, 1), asio::use_future);
  CHECK(waiting.wait_for(20ms) == std::future_status::timeout);
  pair.server->abort();
  REQUIRE(ending.wait_for(patience) == std::future_status::ready);
  REQUIRE(waiting.wait_for(patience) == std::future_status::ready);
  CHECK(ending.get() == Errc::closed);
  CHECK(waiting.get() == Errc::closed);
}

TEST_CASE("close ends a pending receive at once, over every transport") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  ListenerOptions options;
  options.channel.linger = 60s;
  options.channel.flush = 60s;
  Pair pair(scheme, options);
  auto ending = asio::co_spawn(*pair.network.context, end_of(pair.server), asio::use_future);
  CHECK(ending.wait_for(20ms) == std::future_status::timeout);
  pair.server->close();
  REQUIRE(ending.wait_for(patience) == std::future_status::ready);
  CHECK(ending.get() == Errc::closed);
  pair.client->abort();
}

// Without a coroutine: reads what there is, and has itself called for the rest.
void collect(std::shared_ptr<Channel> channel, std::shared_ptr<std::promise<std::string>> all, std::string text) {
  for (;;) {
    const auto received = channel->try_receive();
    if (!received) {
      return channel->when_input([channel, all, text] { collect(channel, all, text); });
    }
    if (!*received) return all->set_value(text + (received->error() == Errc::closed ? "|closed" : "|end"));
    text += as_text((*received)->view());
  }
}

TEST_CASE("a receiver without a coroutine is called when there is input, and when there will be none") {
  const Scheme scheme = GENERATE(values(all_schemes));
  const bool closes_itself = GENERATE(false, true);
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  const auto all = std::make_shared<std::promise<std::string>>();
  auto future = all->get_future();
  collect(pair.server, all, "");
  std::string sent = noise(400'000, 5);  // so that others have their turn on the way
  pair.client->send(sent);
  REQUIRE(eventually([&] { return pair.client->unsent() == 0; }));
  if (closes_itself) {
    pair.server->close();
  } else {
    pair.client->close();
  }
  REQUIRE(future.wait_for(patience) == std::future_status::ready);
  const std::string text = future.get();
  if (closes_itself) {
    CHECK(text.ends_with("|closed"));
  } else {
    CHECK(text == sent + "|end");
  }
}

TEST_CASE("a receiver that waits is forgotten when the executor ends") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  const auto held = std::make_shared<int>();
  {
    Pair pair(scheme);
    if (!pair.server->try_receive()) pair.server->when_input([held, channel = pair.server] { (void)channel; });
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("close gives up on a peer that does not read, and one that does not finish") {
  const Scheme scheme = GENERATE(values({Scheme::mqtt, Scheme::mqtts, Scheme::ws, Scheme::wss}));
  const bool reads = GENERATE(true, false);
  INFO(scheme_name(scheme));
  ListenerOptions options;
  options.channel.unsent_max = 100'000'000;
  options.channel.flush = 300ms;
  options.channel.linger = 300ms;
  Pair pair(scheme, options);
  if (!reads) fill(*pair.server, 20'000'000);
  pair.server->close();
  pair.server.reset();
  CHECK(eventually([&] { return pair.network.counters.connections_open.value() == 0; }));
}

TEST_CASE("dropping a channel without close aborts it, also when it has bytes to send") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  ListenerOptions options;
  options.channel.unsent_max = 100'000'000;
  Pair pair(scheme, options);
  fill(*pair.server, 20'000'000);
  pair.server.reset();
  CHECK(eventually([&] { return pair.network.counters.connections_open.value() == 0; }));
}

TEST_CASE("both ends of TLS 1.3 have the same channel binding, and every connection another") {
  const Scheme scheme = GENERATE(Scheme::mqtts, Scheme::wss);
  Pair pair(scheme);
  REQUIRE(pair.server->exporter());
  CHECK(pair.server->exporter() == pair.client->exporter());
  CHECK(*pair.server->exporter() != Digest{});
  const auto other = pair.network.dial(pair.served.options);
  CHECK(other->exporter() != pair.client->exporter());
}

TEST_CASE("without TLS there is no channel binding") {
  const Scheme scheme = GENERATE(Scheme::mqtt, Scheme::ws, Scheme::local);
  Pair pair(scheme);
  CHECK_FALSE(pair.server->exporter());
  CHECK_FALSE(pair.client->exporter());
}

TEST_CASE("a channel knows its peer") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  const Peer& peer = pair.server->peer();
  const Transport transports[] = {Transport::tcp, Transport::tls, Transport::websocket, Transport::websocket_tls,
                                  Transport::local};
  CHECK(peer.transport == transports[static_cast<int>(scheme)]);
  CHECK(peer.transport == pair.client->peer().transport);
  CHECK(peer.listener == "test");
  CHECK(peer.loopback);
  CHECK(peer.address == (scheme == Scheme::local ? "unix" : "127.0.0.1"));
  CHECK(peer.uid.has_value() == (scheme == Scheme::local));
  if (peer.uid) CHECK(*peer.uid == ::geteuid());
}

asio::awaitable<std::string> read_once(std::shared_ptr<Channel> channel) {
  Result<Lease> received = co_await channel->receive();
  co_return received ? std::string(received->text()) : received.error().message();
}

TEST_CASE("a waiting channel holds no buffer but a WebSocket's small one") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  auto reading = asio::co_spawn(*pair.network.context, read_once(pair.server), asio::use_future);
  CHECK(reading.wait_for(30ms) == std::future_status::timeout);
  const bool websocket = scheme == Scheme::ws || scheme == Scheme::wss;
  CHECK(eventually([&] { return pair.network.buffers.on_loan() == (websocket ? 1 : 0); }));
  pair.client->send(std::string("now"));
  REQUIRE(reading.wait_for(patience) == std::future_status::ready);
  CHECK(reading.get() == "now");
}

TEST_CASE("a channel goes from strand to strand, with nothing to rebind") {
  const Scheme scheme = GENERATE(values(all_schemes));
  INFO(scheme_name(scheme));
  Pair pair(scheme);
  for (int i = 0; i < 20; ++i) {
    auto strand = asio::make_strand(*pair.network.context);
    pair.client->send("turn " + std::to_string(i + 10));
    auto reading = asio::co_spawn(strand, read_from(pair.server, 7), asio::use_future);
    REQUIRE(reading.wait_for(patience) == std::future_status::ready);
    CHECK(reading.get() == "turn " + std::to_string(i + 10));
    pair.server->send(std::string("back"));
    CHECK(pair.client_reads(4) == "back");
  }
}

}  // namespace
}  // namespace sealpost::net
