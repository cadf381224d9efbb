#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/http_message.hpp"
#include "net/network.hpp"

namespace sealpost::net {
namespace {

// A server with a few routes, over TCP.
struct Web {
  explicit Web(ListenerOptions options = {}, bool with_tls = false, bool with_unix = false) {
    options.name = "web";
    options.service = Service::web;
    if (with_unix) options.unix_path = folder / "http";
    if (with_tls) {
      const TestCertificate certificate(folder);
      options.tls = std::make_shared<TlsContext>(certificate.files, network.log);
      call.tls = true;
      call.trust.ca_file = certificate.files.certificate;
    }
    const Handler handler = [this](Request request) { return handle(*this, std::move(request)); };
    listener = std::make_unique<Listener>(network.ports(), options, std::make_shared<Admission>(),
                                          Receivers{nullptr, handler});
    listener->start();
    call.unix_path = options.unix_path;
    call.host = "127.0.0.1";
    call.port = listener->port();
  }

  static asio::awaitable<Response> handle(Web& web, Request request);
  static asio::awaitable<Response> wait_for_ever(Web& web, Request request);
  static Response events(Web& web, const Request& request);

  HttpAnswer get(const std::string& target) {
    HttpCall one = call;
    one.target = target;
    return answer(one);
  }
  HttpAnswer answer(HttpCall one) {
    Result<HttpAnswer> result = network.await(http_call(network.ports(), std::move(one)));
    INFO((result ? "" : result.error().message()));
    REQUIRE(result.has_value());
    return *result;
  }
  std::string raw(const std::string& request) {  // all that is answered until the server closes
    RawClient client(listener->port());
    client.send(request);
    return client.read_all();
  }

  Network network;
  Folder folder;
  HttpCall call;
  std::unique_ptr<Listener> listener;
  std::atomic<int> waiting{0};
  std::atomic<int> told_gone{0};
};

asio::awaitable<Response> Web::handle(Web& web, Request request) {
  const std::string& target = request.target;
  if (target == "/wait") {
    Response response = co_await wait_for_ever(web, std::move(request));
    co_return response;
  }
  if (target == "/throw") throw std::runtime_error("this handler is broken");
  if (target == "/events") co_return events(web, request);
  Response response;
  response.content_type = "text/plain";
  if (target == "/header") response.headers = {{"X-Fine", "yes"}, {"X-Evil", "a\r\nSet-Cookie: b"}};
  if (target == "/nothing") response.status = 204;
  if (target == "/peer") {
    response.body = request.peer.address + (request.peer.uid ? " " + std::to_string(*request.peer.uid) : "");
  } else {
    response.body = request.method + " " + target + " " + std::to_string(request.body.size()) + " " +
                    std::string(request.header("x-question")) + request.body.substr(0, 100);
  }
  co_return response;
}

// A long poll: ends when the peer goes away.
asio::awaitable<Response> Web::wait_for_ever(Web& web, Request request) {
  const auto executor = co_await asio::this_coro::executor;
  const auto timer = std::make_shared<asio::steady_timer>(executor, 1h);
  const std::stop_callback callback(request.gone,
                                    [timer, executor] { asio::post(executor, [timer] { timer->cancel(); }); });
  ++web.waiting;
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await timer->async_wait(token);
  ++web.told_gone;
  co_return Response{};
}

asio::awaitable<std::string> next_event(std::shared_ptr<int> left) {
  if (*left == 0) co_return "";
  co_return "data: " + std::to_string((*left)--) + "\n\n";
}

Response Web::events(Web&, const Request&) {
  const auto left = std::make_shared<int>(3);
  Response response{200, "text/event-stream", ": hello\n\n", {}, nullptr};
  response.more = [left] { return next_event(left); };
  return response;
}

TEST_CASE("a request is answered over TCP, TLS and a Unix socket") {
  const int kind = GENERATE(0, 1, 2);
  Web web({}, kind == 1, kind == 2);
  HttpCall call = web.call;
  call.method = "POST";
  call.target = "/v1/things?after=7";
  call.headers = {{"X-Question", "why"}};
  call.body = std::string(300'000, 'b');
  const HttpAnswer answer = web.answer(call);
  CHECK(answer.status == 200);
  CHECK(answer.body.starts_with("POST /v1/things?after=7 300000 whybbb"));
  CHECK(find_header(answer.headers, "content-type") == "text/plain");
  CHECK(find_header(answer.headers, "date").ends_with(" GMT"));
  CHECK(web.get("/peer").body == (kind == 2 ? "unix " + std::to_string(::geteuid()) : "127.0.0.1"));
}

TEST_CASE("a call may block, for programs without an io_context") {
  Web web;
  const Result<HttpAnswer> answer = http_call_now(web.call);
  REQUIRE(answer.has_value());
  CHECK(answer->body.starts_with("GET / 0"));
}

const std::string get_a = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string get_b_last = "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_CASE("a connection is kept, and requests that come together are answered in turn") {
  Web web;
  const std::string answers = web.raw(get_a + get_a + get_b_last);
  const std::size_t first = answers.find("GET /a"), second = answers.find("GET /a", first + 1);
  CHECK(first < second);
  CHECK(second < answers.find("GET /b"));
  CHECK(answers.find("GET /b") != answers.npos);
  CHECK(answers.find("Connection: close\r\n") > second);
  CHECK(web.network.counters.connections_total.value() == 1);
}

TEST_CASE("a request that comes byte by byte is a request") {
  Web web;
  RawClient client(web.listener->port());
  const std::string request = "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  for (const char c : request) client.send({&c, 1});
  CHECK(client.read_all().find("POST /slow 5 hello") != std::string::npos);
}

TEST_CASE("a chunked body is put together") {
  Web web;
  const std::string answer = web.raw(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  CHECK(answer.find("POST /c 11 hello world") != std::string::npos);
}

TEST_CASE("a chunked body may end in pieces, also one that is empty") {
  for (const std::string body : {"0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "0\r\nA: b\r\n\r\n"}) {
    RequestParser requests{HttpLimits()};
    ResponseParser responses(false, 100);
    std::string asked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string answered = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    REQUIRE(requests.feed(asked) == Parsed::head);
    REQUIRE(responses.feed(answered) == Parsed::more);
    for (std::size_t at = 0; at < body.size(); ++at) {
      const Parsed expected = at + 1 == body.size() ? Parsed::whole : Parsed::more;
      asked += body[at];
      answered += body[at];
      CHECK(requests.feed(asked) == expected);
      CHECK(responses.feed(answered) == expected);
    }
  }
}

TEST_CASE("HEAD has the headers of GET and no body, and the connection goes on") {
  Web web;
  const std::string answers = web.raw("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + get_b_last);
  CHECK(answers.find("Content-Length: 9\r\n") != std::string::npos);
  CHECK(answers.find("GET /a") == std::string::npos);
  CHECK(answers.find("GET /b") != std::string::npos);
  HttpCall call = web.call;
  call.method = "HEAD";
  CHECK(web.answer(call).body.empty());
}

TEST_CASE("OPTIONS * is answered, OPTIONS of a path reaches the handler, 204 has neither body nor length") {
  Web web;
  const std::string star = web.raw("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(star.starts_with("HTTP/1.1 204 "));
  CHECK(star.find("Allow: GET, HEAD") != std::string::npos);
  CHECK(web.raw("OPTIONS /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").find("OPTIONS /a") != std::string::npos);
  const std::string nothing = web.raw("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(nothing.find("Content-Length") == std::string::npos);
  CHECK(nothing.ends_with("\r\n\r\n"));
}

TEST_CASE("HTTP/1.0 is answered and closed") {
  Web web;
  const std::string answer = web.raw("GET /old HTTP/1.0\r\n\r\n");
  CHECK(answer.find("GET /old") != std::string::npos);
  CHECK(answer.find("Connection: close") != std::string::npos);
}

TEST_CASE("what is not HTTP/1.1, ambiguous or without a host is refused and the connection ends") {
  Web web;
  const auto status = [&](const std::string& request) { return web.raw(request).substr(9, 3); };
  CHECK(status("nonsense\r\n\r\n") == "400");
  CHECK(status("GET /a HTTP/1.1\r\n\r\n") == "400");
  CHECK(status("GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n") == "400");
  CHECK(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "505");
  CHECK(status("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n") == "505");
  CHECK(status("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd") == "400");
  CHECK(status("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n") == "400");
  CHECK(status("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") == "400");
  CHECK(status("GET /a HTTP/1.1\r\nHost : x\r\n\r\n") == "400");
  CHECK(status("GET /a HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n") == "417");
}

TEST_CASE("a body whose end could be seen in two ways is never taken for a second request") {
  Web web;
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(smuggled.size()) + "\r\n";
  for (const std::string& headers :
       {length + "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n" + length,
        std::string("Transfer-Encoding: xchunked\r\n"), std::string("Transfer-Encoding: chunked, identity\r\n"),
        std::string("Transfer-Encoding: gzip\r\n")}) {
    INFO(headers);
    const std::string answer = web.raw("POST /a HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + smuggled);
    CHECK(answer.find("/smuggled") == std::string::npos);
    CHECK((answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 501")));
  }
}

TEST_CASE("a header or body over its limit gets 431 or 413, which the client can read while it still sends") {
  ListenerOptions options;
  options.http.body_max = 1000;
  options.http.head_max = 2000;
  Web web(options);
  const auto status = [&](const std::string& request) { return web.raw(request).substr(9, 3); };
  CHECK(status("GET /" + std::string(3000, 'a')) == "431");
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(3000, 'a') + "\r\n\r\n") == "431");
  HttpCall call = web.call;
  call.method = "PUT";
  call.body = std::string(1000, 'b');
  CHECK(web.answer(call).status == 200);
  call.body = std::string(5'000'000, 'b');
  CHECK(web.answer(call).status == 413);
  CHECK(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n" + std::string(0x500, 'c') +
               "\r\n0\r\n\r\n") == "413");
}

TEST_CASE("a target that names the host as well is the path behind it") {
  Web web;
  const auto path_of = [&](const std::string& target) {
    return web.raw("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  };
  CHECK(path_of("http://example.org/a?b=1").find("GET /a?b=1 0") != std::string::npos);
  CHECK(path_of("HTTPS://example.org").find("GET / 0") != std::string::npos);
  CHECK(path_of("http://example.org?b=1").find("GET /?b=1 0") != std::string::npos);
}

TEST_CASE("a refusal is a problem with a code, whatever its detail holds") {
  Web web;
  const std::string answer = web.raw("nonsense\r\n\r\n");
  CHECK(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
  CHECK(answer.find(R"("title":"Bad Request","status":400,"code":"malformed")") != std::string::npos);
  CHECK(problem(404, "not_found", "at \"/mqtt\\\n").body.ends_with(R"("detail":"at \u0022/mqtt\u005c\u000a"})"));
}

TEST_CASE("a line of a chunked body that does not end is refused, and not kept for ever") {
  Web web;
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string endless(40'000, 'a');  // no end of line: nobody would ever look at it
  CHECK(web.raw(head + "1;" + endless).starts_with("HTTP/1.1 400 "));
  CHECK(web.raw(head + "0\r\nX: " + endless).starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a client that waits for 100 Continue gets it, or the refusal at once") {
  ListenerOptions options;
  options.http.body_max = 10;
  Web web(options);
  const auto head = [](int length) {
    return "POST /e HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: " +
           std::to_string(length) + "\r\n\r\n";
  };
  RawClient polite(web.listener->port());
  polite.send(head(5));
  CHECK(polite.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  polite.send("hello");
  CHECK(polite.read_all().find("POST /e 5 hello") != std::string::npos);
  RawClient large(web.listener->port());
  large.send(head(11));
  CHECK(large.read_until("\r\n\r\n").starts_with("HTTP/1.1 413"));
}

TEST_CASE("a slow head or body gets 408, and a connection that only stays open is closed without a word") {
  ListenerOptions options;
  options.http.head = 150ms;
  options.http.body = 150ms;
  options.http.idle = 150ms;
  Web web(options);
  CHECK(web.raw("GET /a HT").starts_with("HTTP/1.1 408 "));
  CHECK(web.raw("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel").starts_with("HTTP/1.1 408 "));
  CHECK(web.raw("").empty());
  const std::string kept = web.raw(get_a);
  CHECK(kept.find("GET /a") != kept.npos);
  CHECK(kept.find("408") == kept.npos);
}

asio::awaitable<Response> answer_at_length(Request) {
  Response response;
  response.body = std::string(50'000'000, 'x');
  co_return response;
}

TEST_CASE("a client that does not read its answer is cut") {
  ListenerOptions options;
  options.http.write = 200ms;
  options.http.body_max = 100;
  Network network;
  options.service = Service::web;
  Listener listener(network.ports(), options, std::make_shared<Admission>(), {nullptr, answer_at_length});
  listener.start();
  RawClient client(listener.port(), 4096);
  client.send(get_a);
  CHECK(eventually([&] { return network.counters.connections_total.value() == 1; }));
  CHECK(eventually([&] { return network.counters.connections_open.value() == 0; }));
}

TEST_CASE("a long poll is told when its peer goes away, in order or by a reset") {
  const bool tls = GENERATE(false, true);
  Web web({}, tls);
  HttpCall call = web.call;
  call.target = "/wait";
  call.timeout = 300ms;
  CHECK(web.network.await(http_call(web.network.ports(), call)).error() == Errc::timeout);
  CHECK(eventually([&] { return web.told_gone == 1; }));
  if (tls) return;
  RawClient rude(web.listener->port());
  rude.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(eventually([&] { return web.waiting == 2; }));
  rude.break_off();
  CHECK(eventually([&] { return web.told_gone == 2; }));
  CHECK(eventually([&] { return web.network.counters.connections_open.value() == 0; }));
}

TEST_CASE("a handler that throws is logged and answered with 500, and the connection goes on") {
  Web web;
  const std::string answers = web.raw("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n" + get_b_last);
  CHECK(answers.starts_with("HTTP/1.1 500 "));
  CHECK(answers.find("broken") == std::string::npos);
  CHECK(answers.find("GET /b") != std::string::npos);
  CHECK(web.network.log.count("this handler is broken") == 1);
}

TEST_CASE("a header value cannot make headers of its own") {
  Web web;
  const HttpAnswer answer = web.get("/header");
  CHECK(find_header(answer.headers, "x-fine") == "yes");
  CHECK(find_header(answer.headers, "set-cookie").empty());
}

TEST_CASE("a streamed body comes in chunks and the connection goes on; to HTTP/1.0 it comes plain until the end") {
  Web web;
  const std::string whole = ": hello\n\ndata: 3\n\ndata: 2\n\ndata: 1\n\n";
  const HttpAnswer answer = web.get("/events");
  CHECK(answer.body == whole);
  CHECK(find_header(answer.headers, "content-type") == "text/event-stream");
  const std::string both = web.raw("GET /events HTTP/1.1\r\nHost: x\r\n\r\n" + get_b_last);
  CHECK(both.find("9\r\ndata: 3\n\n\r\n") != std::string::npos);
  CHECK(both.find("GET /b") != std::string::npos);
  CHECK(web.raw("GET /events HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n" + whole));
}

TEST_CASE("stop answers what is under way and cuts what is idle") {
  Web web;
  RawClient idle(web.listener->port());
  idle.send(get_a);
  idle.read_until("GET /a 0 ");
  RawClient sending(web.listener->port());
  sending.send("POST /last HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
  CHECK(eventually([&] { return web.network.counters.connections_open.value() == 2; }));
  RawClient asking(web.listener->port());
  asking.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(eventually([&] { return web.waiting == 1; }));
  web.listener->stop();
  CHECK(idle.read_all().empty());
  sending.send("ok");
  const std::string answer = sending.read_all();
  CHECK((answer.empty() || answer.find("Connection: close\r\n") != answer.npos));
  sending.finish();
  CHECK(eventually([&] { return web.listener->connections() == 1; }));
  asking.break_off();
  CHECK(eventually([&] { return web.listener->connections() == 0; }));
}

}  // namespace
}  // namespace sealpost::net
