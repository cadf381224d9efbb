#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>

#include "net/http_message.hpp"

namespace sealpost::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string_view find_header(const Headers& headers, std::string_view name) {
  const auto found =
      std::ranges::find(headers, name, [](const auto& header) -> std::string_view { return header.first; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::string status_line(int status) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  return fmt::format("{} {}", status, std::string_view(reason.data(), reason.size()));
}

namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return beast::iequals(beast::string_view(a.data(), a.size()), beast::string_view(b.data(), b.size()));
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return lowered;
}

Headers headers_of(const http::fields& fields) {
  Headers headers;
  for (const auto& field : fields) headers.emplace_back(lower(field.name_string()), std::string(field.value()));
  return headers;
}

// A server has to take the absolute form, too: "http://host/path" (RFC 9112, section 3.2.2).
std::string origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t path = std::min(target.find_first_of("/?", scheme.size()), target.size());
    const std::string_view rest = target.substr(path);
    return rest.starts_with('/') ? std::string(rest) : fmt::format("/{}", rest);
  }
  return std::string(target);
}

int status_of(ErrorCode error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit) return 431;
  if (error == http::error::bad_version) return 505;
  return 400;
}

// The least that a chunked body ends in: "0", and twice a line's end.
constexpr std::size_t chunked_end_min = 5;

// Feeds the parser; takes what it has understood from the front of `bytes`. Of an end in pieces, "0" and one line's end
// first, Beast 1.81 asserts that the rest is there: it gets both at once.
template <class Parser>
ErrorCode feed_into(Parser& parser, std::string& bytes) {
  const bool may_end = bytes.starts_with('0') && bytes.size() < chunked_end_min;
  if (may_end && parser.is_header_done() && parser.chunked()) return {};
  ErrorCode error;
  const std::size_t taken = parser.put(asio::buffer(bytes), error);
  bytes.erase(0, taken);
  return error == http::error::need_more ? ErrorCode() : error;
}

}  // namespace

struct RequestParser::Beast {
  http::request_parser<http::string_body> parser;
};

RequestParser::RequestParser(const HttpLimits& limits) : beast_(std::make_unique<Beast>()), limits_(limits) {
  beast_->parser.header_limit(static_cast<std::uint32_t>(limits_.head_max));
  beast_->parser.body_limit(limits_.body_max);
}

RequestParser::~RequestParser() = default;

Parsed RequestParser::fail(int status) {
  failure_ = status;
  return Parsed::failed;
}

Parsed RequestParser::feed(std::string& bytes) {
  auto& parser = beast_->parser;
  if (head_ && parser.is_done()) return Parsed::whole;
  if (bytes.empty()) return Parsed::more;
  const ErrorCode error = feed_into(parser, bytes);
  if (error) return fail(status_of(error));
  if (!head_ && parser.is_header_done()) return read_head();
  if (parser.is_done()) return Parsed::whole;
  // Beast takes a line at a time (of the head, before a chunk, after the last), and looks at no limit until it has it.
  if (bytes.size() > limits_.head_max) return fail(head_ ? 400 : 431);
  return Parsed::more;
}

Parsed RequestParser::read_head() {
  head_ = true;
  const auto& message = beast_->parser.get();
  request_.method = std::string(message.method_string());
  request_.target = origin_form(message.target());
  request_.headers = headers_of(message);
  keep_alive_ = message.keep_alive();
  beast_->parser.eager(true);
  const auto hosts = std::ranges::count(request_.headers, "host", [](const auto& header) { return header.first; });
  if (hosts > 1 || (hosts == 0 && message.version() >= 11)) return fail(400);  // RFC 9112, section 3.2
  // What Beast does not understand it ignores, and would take the body for another request.
  const bool coded = !request_.header("transfer-encoding").empty();
  if (coded && (!message.chunked() || message.version() < 11)) return fail(501);
  const std::string_view expectation = request_.header("expect");
  if (!expectation.empty() && !expects_continue()) return fail(417);
  return Parsed::head;
}

Parsed RequestParser::limit_body(std::size_t bytes) {
  auto& parser = beast_->parser;
  parser.body_limit(bytes);  // for chunks; a length that was announced has been looked at already
  const auto length = parser.content_length();
  return length && *length > bytes ? fail(413) : Parsed::head;
}

bool RequestParser::takes_chunks() const {
  return beast_->parser.get().version() >= 11;
}

bool RequestParser::expects_continue() const {
  return equal_ignoring_case(request_.header("expect"), "100-continue");
}

bool RequestParser::wants_websocket() const {
  return equal_ignoring_case(request_.header("upgrade"), "websocket");
}

Request RequestParser::take() {
  request_.body = std::move(beast_->parser.get().body());
  return std::move(request_);
}

struct ResponseParser::Beast {
  http::response_parser<http::string_body> parser;
};

ResponseParser::ResponseParser(bool bodiless, std::size_t body_max) : bodiless_(bodiless), body_max_(body_max) {
  renew();
}

ResponseParser::~ResponseParser() = default;

void ResponseParser::renew() {
  beast_ = std::make_unique<Beast>();
  beast_->parser.skip(bodiless_);
  beast_->parser.body_limit(body_max_);
  beast_->parser.header_limit(64 * 1024);
  beast_->parser.eager(true);
}

Parsed ResponseParser::fail(ErrorCode error) {
  const bool large = error == http::error::body_limit || error == http::error::header_limit;
  failure_ = large ? Errc::http_too_large : Errc::http_malformed;
  return Parsed::failed;
}

Parsed ResponseParser::feed(std::string& bytes) {
  constexpr std::size_t line_max = 64 * 1024;
  while (!bytes.empty()) {
    const std::size_t before = bytes.size();
    const ErrorCode error = feed_into(beast_->parser, bytes);
    if (error) return fail(error);
    if (beast_->parser.is_done()) {
      const unsigned status = beast_->parser.get().result_int();
      if (status >= 200) return Parsed::whole;
      if (status < 100) return fail(http::error::bad_status);
      renew();
    } else if (bytes.size() == before) {
      break;
    }
  }
  if (bytes.size() > line_max) return fail(http::error::header_limit);  // an unfinished line, as above
  return Parsed::more;
}

Parsed ResponseParser::end() {
  ErrorCode error;
  if (!beast_->parser.got_some()) return fail(error);
  beast_->parser.put_eof(error);
  const bool answers = beast_->parser.is_done() && beast_->parser.get().result_int() >= 200;
  if (error || !answers) return fail(error);
  return Parsed::whole;
}

HttpAnswer ResponseParser::take() {
  auto message = beast_->parser.release();
  return {static_cast<int>(message.result_int()), headers_of(message), std::move(message.body())};
}

namespace {

// IMF-fixdate (RFC 9110, section 5.6.7), whatever the locale.
std::string date_now() {
  const char* const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  const char* const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
                     utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

// A value that holds a line break would make headers of its own: such a header is left out.
void add_header(std::string& text, std::string_view name, std::string_view value) {
  constexpr std::string_view breaks("\r\n\0", 3);
  if (name.find_first_of(breaks) != name.npos || value.find_first_of(breaks) != value.npos) return;
  fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
}

bool may_have_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

}  // namespace

std::string text_of(const Response& response, Framing framing) {
  std::string text = fmt::format("HTTP/1.1 {}\r\n", status_line(response.status));
  add_header(text, "Date", date_now());
  if (!response.content_type.empty()) add_header(text, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) add_header(text, name, value);
  if (framing.body == Framing::Body::chunked) {
    add_header(text, "Transfer-Encoding", "chunked");
  } else if (framing.body == Framing::Body::sized && may_have_body(response.status)) {
    add_header(text, "Content-Length", std::to_string(response.body.size()));
  }
  if (!framing.keep_alive) add_header(text, "Connection", "close");
  text += "\r\n";
  if (framing.head || !may_have_body(response.status)) return text;
  if (framing.body != Framing::Body::chunked) return text += response.body;
  if (!response.body.empty()) text += chunk_of(response.body);
  return text;
}

std::string text_of(const HttpCall& call, std::string_view authority) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", call.method, call.target);
  add_header(text, "Host", authority);
  for (const auto& [name, value] : call.headers) add_header(text, name, value);
  const bool has_body = !call.body.empty() || call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (has_body) add_header(text, "Content-Length", std::to_string(call.body.size()));
  add_header(text, "Connection", "close");
  text += "\r\n";
  return text += call.body;
}

std::string chunk_of(std::string_view piece) {
  return piece.empty() ? "0\r\n\r\n" : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
}

namespace {

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const bool plain = c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
    quoted += plain ? std::string(1, c) : fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
  }
  return quoted + '"';
}

}  // namespace

Response problem(int status, std::string_view code, std::string_view detail) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = fmt::format(R"({{"title":{},"status":{},"code":{},"detail":{}}})",
                              json_text(status_line(status).substr(4)), status, json_text(code), json_text(detail));
  return response;
}

}  // namespace sealpost::net
