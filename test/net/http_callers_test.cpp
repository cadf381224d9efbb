// What a caller may send, and how long it may stay, by who it is.

#include "net/network.hpp"

namespace sealpost::net {
namespace {

const std::string get_a = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

// Whoever says a word is known here, and may send more than others.
struct Judged {
  explicit Judged(std::chrono::milliseconds stranger = 0ms) {
    options.service = Service::web;
    options.http.stranger = stranger;
    const Handler handler = [](Request request) { return sizes(std::move(request)); };
    const Judge judge = [](const Request& request, const Peer&) {
      const bool known = !request.header("x-word").empty();
      return Standing{known ? 100u : 10u, known};
    };
    listener.emplace(network.ports(), options, admission, Receivers{nullptr, handler, judge});
    listener->start();
  }
  static asio::awaitable<Response> sizes(Request request) {
    Response response;
    response.body = "size " + std::to_string(request.body.size());
    co_return response;
  }
  std::string post(const std::string& header, const std::string& framed) {
    RawClient client(listener->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + framed);
    return client.read_all();
  }

  Network network;
  ListenerOptions options;
  std::shared_ptr<Admission> admission = std::make_shared<Admission>();
  std::optional<Listener> listener;
};

TEST_CASE("how much a caller may send is decided by the head, and refused before the body is read") {
  Judged judged;
  const std::string word = "X-Word: please\r\n";
  const auto sized = [](int size) {
    return "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(static_cast<std::size_t>(size), 'x');
  };
  CHECK(judged.post("", sized(10)).ends_with("size 10"));
  CHECK(judged.post("", "Content-Length: 11\r\n\r\n").starts_with("HTTP/1.1 413 "));
  CHECK(judged.post("Expect: 100-continue\r\n", "Content-Length: 11\r\n\r\n").starts_with("HTTP/1.1 413 "));
  CHECK(judged.post("Transfer-Encoding: chunked\r\n", "\r\nb\r\n").starts_with("HTTP/1.1 413 "));
  CHECK(judged.post(word, sized(100)).ends_with("size 100"));
  CHECK(judged.post(word, "Content-Length: 101\r\n\r\n").starts_with("HTTP/1.1 413 "));
}

TEST_CASE("the connection of a caller that has proven itself is no stranger's") {
  Judged judged;
  RawClient client(judged.listener->port());
  client.send(get_a);
  CHECK(client.read_until("size 0").ends_with("size 0"));
  CHECK(judged.admission->strangers() == 1);
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Word: please\r\n\r\n");
  CHECK(client.read_until("size 0").ends_with("size 0"));
  CHECK(judged.admission->strangers() == 0);
  CHECK(judged.admission->connections() == 1);
}

TEST_CASE("a stranger's connection has its time in all, however busy it is; another has not") {
  Judged judged(200ms);
  RawClient stranger(judged.listener->port()), known(judged.listener->port());
  const std::string with_word = "GET / HTTP/1.1\r\nHost: x\r\nX-Word: please\r\n\r\n";
  const auto begun = std::chrono::steady_clock::now();
  int answers = 0;
  while (stranger.send(get_a), stranger.read_until("size 0").ends_with("size 0")) {
    REQUIRE(std::chrono::steady_clock::now() - begun < patience);
    ++answers;
    known.send(with_word);
    CHECK(known.read_until("size 0").ends_with("size 0"));
  }
  CHECK(answers > 0);
  known.send(with_word);
  CHECK(known.read_until("size 0").ends_with("size 0"));
}

}  // namespace
}  // namespace sealpost::net
