// The client's side of HTTP, against servers that answer anything.

#include <boost/asio/co_spawn.hpp>

#include "net/http_message.hpp"
#include "net/network.hpp"

namespace sealpost::net {
namespace {

// A server that says what it is told, whatever is asked.
class Parrot {
 public:
  explicit Parrot(std::string answer) : answer_(std::move(answer)) {
    const Receivers receivers{[this](std::shared_ptr<Channel> channel) {
                                auto talk = say(std::move(channel), answer_);
                                asio::co_spawn(*network.context, std::move(talk), [](std::exception_ptr) {});
                              },
                              nullptr};
    listener = std::make_unique<Listener>(network.ports(), ListenerOptions{}, std::make_shared<Admission>(), receivers);
    listener->start();
  }
  static asio::awaitable<void> say(std::shared_ptr<Channel> channel, std::string answer) {
    Result<Lease> asked = co_await channel->receive();
    if (asked) channel->send(std::move(answer));
    channel->close();
  }
  Result<HttpAnswer> ask(HttpCall call = {}) {
    call.host = "127.0.0.1";
    call.port = listener->port();
    return network.await(http_call(network.ports(), call));
  }
  const std::string answer_;
  Network network;
  std::unique_ptr<Listener> listener;
};

TEST_CASE("the client reads a body that ends with the connection, and skips interim answers") {
  Parrot parrot("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Case: Kept\r\n\r\nuntil the end");
  const auto answer = parrot.ask();
  REQUIRE(answer.has_value());
  CHECK(answer->body == "until the end");
  CHECK(find_header(answer->headers, "x-case") == "Kept");
}

TEST_CASE("the client refuses what is cut short, malformed or too large") {
  CHECK(Parrot("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").ask().error() == Errc::http_malformed);
  CHECK(Parrot("SSH-2.0-OpenSSH_9.2\r\n").ask().error() == Errc::http_malformed);
  CHECK(Parrot("").ask().error() == Errc::http_malformed);
  HttpCall small;
  small.response_max = 10;
  CHECK(Parrot("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world").ask(small).error() == Errc::http_too_large);
  CHECK(Parrot("HTTP/1.1 200 OK\r\n\r\nhello world").ask(small).error() == Errc::http_too_large);
  HttpCall injected;
  injected.target = "/ HTTP/1.1\r\nX-Injected: 1";
  CHECK(Parrot("").ask(injected).error() == Errc::bad_address);
}

TEST_CASE("a line of an answer's chunked body that does not end fails the call") {
  for (const std::string& begun : {std::string("1;"), std::string("0\r\nX: ")}) {
    ResponseParser parser(false, 1000);
    std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + begun;
    CHECK(parser.feed(bytes) == Parsed::more);
    bytes += std::string(100'000, 'a');
    CHECK(parser.feed(bytes) == Parsed::failed);
    CHECK(parser.failure() == Errc::http_too_large);
  }
}

}  // namespace
}  // namespace sealpost::net
