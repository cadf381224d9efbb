// Any bytes as HTTP: byte by byte as at once, what is taken is bounded, and what one side writes the other side reads.

#include <algorithm>

#include "base/assert.hpp"
#include "net/http_message.hpp"
#include "script.hpp"

using namespace sealpost;
using namespace sealpost::net;

namespace {

constexpr std::size_t head_max = 512;
constexpr std::size_t body_max = 300;

HttpLimits small_limits() {
  HttpLimits limits;
  limits.head_max = head_max;
  limits.body_max = body_max;
  return limits;
}

struct ReadRequest {
  Parsed parsed = Parsed::more;
  int failure = 0;
  Request request;
  bool keep_alive = false;
  std::string rest;  // that belongs to the next request

  bool operator==(const ReadRequest& other) const {
    return parsed == other.parsed && failure == other.failure && request.method == other.request.method &&
           request.target == other.request.target && request.headers == other.request.headers &&
           request.body == other.request.body && keep_alive == other.keep_alive && rest == other.rest;
  }
};

void check_head(const RequestParser& parser) {
  const Request& request = parser.request();
  SEALPOST_ASSERT(!request.method.empty() && !request.target.empty());
  std::size_t size = request.method.size();
  for (const auto& [name, value] : request.headers) {
    SEALPOST_ASSERT(!name.empty() && std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }));
    SEALPOST_ASSERT((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    size += name.size() + value.size();
  }
  SEALPOST_ASSERT(size <= 2 * head_max);  // the limit counts the request line and the headers apart
  const auto hosts = std::ranges::count(request.headers, "host", [](const auto& header) { return header.first; });
  SEALPOST_ASSERT(hosts == 1 || (hosts == 0 && !parser.takes_chunks()));
}

// As a connection reads, so many bytes at a time.
ReadRequest read_request(std::string_view bytes, std::size_t step) {
  RequestParser parser(small_limits());
  ReadRequest read;
  bool head = false;
  std::size_t at = 0;
  for (;;) {
    read.parsed = parser.feed(read.rest);
    SEALPOST_ASSERT(read.rest.size() <= head_max + step);
    if (read.parsed == Parsed::head) {
      SEALPOST_ASSERT(!std::exchange(head, true));
      check_head(parser);
      read.parsed = parser.limit_body(body_max);
      if (read.parsed == Parsed::head) continue;
    }
    if (read.parsed != Parsed::more || at == bytes.size()) break;
    const std::size_t size = std::min(step, bytes.size() - at);
    read.rest += bytes.substr(at, size);
    at += size;
  }
  read.failure = parser.failure();
  SEALPOST_ASSERT((read.parsed == Parsed::failed) == (read.failure >= 400 && read.failure < 600));
  if (read.parsed != Parsed::whole) {
    read.rest.clear();
    return read;
  }
  read.keep_alive = parser.keep_alive();
  read.request = parser.take();
  SEALPOST_ASSERT(read.request.body.size() <= body_max);
  read.rest += bytes.substr(at);
  return read;
}

// The same limits meet the same bytes at other places: what is too long may be noticed sooner or later.
bool is_about_size(const ReadRequest& read) {
  return read.failure == 413 || read.failure == 431;
}

// Of a head in pieces Beast judges no line before the last has come: what is refused may be refused later.
bool is_early(const ReadRequest& one, const ReadRequest& other) {
  return one.parsed == Parsed::failed && other.parsed == Parsed::more;
}

void check_request(std::string_view bytes) {
  const ReadRequest at_once = read_request(bytes, bytes.size() + 1);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    const ReadRequest by_steps = read_request(bytes, step);
    if (is_about_size(at_once) || is_about_size(by_steps) || is_early(at_once, by_steps)) continue;
    SEALPOST_ASSERT(at_once == by_steps);
  }
}

struct ReadAnswer {
  Parsed parsed = Parsed::more;
  HttpAnswer answer;
};

ReadAnswer read_answer(std::string_view bytes, std::size_t step) {
  ResponseParser parser(false, body_max);
  ReadAnswer read;
  std::string rest;
  for (std::size_t at = 0; read.parsed == Parsed::more && at < bytes.size(); at += step) {
    rest += bytes.substr(at, step);
    read.parsed = parser.feed(rest);
    SEALPOST_ASSERT(read.parsed != Parsed::head);
  }
  if (read.parsed == Parsed::more) read.parsed = parser.end();
  if (read.parsed != Parsed::whole) return read;
  read.answer = parser.take();
  SEALPOST_ASSERT(read.answer.body.size() <= body_max && read.answer.status >= 200);
  return read;
}

void check_answer(std::string_view bytes) {
  const ReadAnswer at_once = read_answer(bytes, bytes.size() + 1);
  const ReadAnswer by_bytes = read_answer(bytes, 1);
  if (at_once.parsed != Parsed::whole || by_bytes.parsed != Parsed::whole) return;
  SEALPOST_ASSERT(at_once.answer.status == by_bytes.answer.status && at_once.answer.body == by_bytes.answer.body &&
                  at_once.answer.headers == by_bytes.answer.headers);
}

// What the server writes, its own client reads; what would break a header is left out of it.
void check_writing(std::string_view text, bool chunked) {
  Response response = problem(400, "malformed", text.substr(0, 40));
  response.headers = {{"X-First", std::string(text)}, {std::string(text.substr(0, 3)), "second"}};
  const bool breaks = text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
  if (breaks || text.size() < 4) response.headers.resize(1);
  Framing framing;
  if (chunked) framing.body = Framing::Body::chunked;
  std::string bytes = text_of(response, framing);
  if (chunked) bytes += chunk_of("");
  ResponseParser parser(false, bytes.size());
  const Parsed parsed = parser.feed(bytes);
  SEALPOST_ASSERT(parsed == Parsed::whole || (parsed == Parsed::failed && !breaks));
  if (parsed == Parsed::whole) SEALPOST_ASSERT(parser.take().body == response.body && bytes.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::Script script({data, size});
  const std::uint8_t what = script.byte();
  const std::string_view text = as_text(script.bytes(4096));
  if (what % 3 == 0) check_request(text);
  if (what % 3 == 1) check_answer(text);
  if (what % 3 == 2) check_writing(text, what >= 128);
  return 0;
}
