#include "net/http_client.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "net/connect.hpp"
#include "net/deadline.hpp"
#include "net/http_message.hpp"
#include "net/wheel.hpp"

namespace sealpost::net {
namespace {

bool is_one_word(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f; });
}

Destination destination_of(const HttpCall& call) {
  Destination destination;
  destination.host = call.host;
  destination.port = call.port != 0 ? call.port : call.tls ? 443 : 80;
  destination.unix_path = call.unix_path;
  destination.tls = call.tls;
  destination.trust = call.trust;
  return destination;
}

// Appends what there is to `bytes`.
Attempt read_into(Wire& wire, BufferPool& buffers, std::string& bytes) {
  Lease lease = buffers.large();
  const Attempt attempt = wire.read(lease.room());
  lease.resize(attempt.bytes);
  bytes += lease.text();
  return attempt;
}

asio::awaitable<Result<HttpAnswer>> read_answer(Wire& wire, BufferPool& buffers, const HttpCall& call) {
  ResponseParser parser(call.method == "HEAD", call.response_max);
  std::string bytes;
  Parsed parsed = Parsed::more;
  while (parsed == Parsed::more) {
    const Attempt attempt = read_into(wire, buffers, bytes);
    ErrorCode error = attempt.error;
    if (attempt.wait) error = co_await ready(wire, *attempt.wait);
    if (error && error != Errc::end_of_stream) co_return error;
    parsed = parser.feed(bytes);
    if (error && parsed == Parsed::more) parsed = parser.end();
  }
  if (parsed == Parsed::failed) co_return parser.failure();
  co_return parser.take();
}

}  // namespace

asio::awaitable<Result<HttpAnswer>> http_call(Ports ports, HttpCall call) {
  if (!is_one_word(call.method) || !is_one_word(call.target)) co_return Errc::bad_address;
  if (call.host.empty() && call.unix_path.empty()) co_return Errc::bad_address;
  const auto attempts = std::make_shared<Attempts>();
  const Deadline deadline(ports.timers, call.timeout, [attempts] { attempts->expire(); });
  Destination destination = destination_of(call);
  const std::string host = call.host.empty() ? "localhost" : call.host;
  const std::string authority = authority_of(host, destination.port, call.tls ? 443 : 80);
  Result<std::shared_ptr<Wire>> wire = co_await connect(ports, std::move(destination), attempts);
  if (!wire) co_return wire.error();
  const std::string text = text_of(call, authority);
  // A server that refuses a body answers before it has read it: what it says counts, not that it stopped reading.
  const ErrorCode unwritten = co_await write_all(**wire, as_bytes(text));
  Result<HttpAnswer> answer = co_await read_answer(**wire, ports.buffers, call);
  if (!answer && attempts->expired()) co_return Errc::timeout;
  if (!answer && unwritten) co_return unwritten;
  co_return answer;
}

namespace {

class Silent : public LogSink {
 public:
  bool wants(Level) const override { return false; }
  void write(Level, std::string_view, std::string_view) override {}
};

}  // namespace

Result<HttpAnswer> http_call_now(HttpCall call) {
  BufferPool buffers(1, 1);
  Silent log;
  Counters counters;
  asio::io_context context(1);
  Wheel wheel(context.get_executor());
  Result<HttpAnswer> result = Errc::timeout;
  auto calling = http_call(Ports{context.get_executor(), buffers, wheel, log, counters}, std::move(call));
  asio::co_spawn(context, std::move(calling), [&](std::exception_ptr failure, Result<HttpAnswer> answer) {
    context.stop();  // the wheel still sleeps for the deadline that was cancelled
    if (failure) std::rethrow_exception(failure);
    result = std::move(answer);
  });
  context.run();
  return result;
}

}  // namespace sealpost::net
