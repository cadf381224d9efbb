#include "cli/bench/reply.hpp"

#include <charconv>

#include "base/encoding.hpp"

namespace sealpost::cli::bench {
namespace {

// Walks along the text; after the first piece that does not fit, `good` is false for ever.
struct Scan {
  std::string_view text;
  std::size_t at = 0;
  bool good = true;

  bool take(std::string_view literal) {
    good = good && text.substr(at).starts_with(literal);
    if (good) at += literal.size();
    return good;
  }
  bool take_if(std::string_view literal) { return good && text.substr(at).starts_with(literal) && take(literal); }
  std::string_view take_until(char end) {
    const std::size_t found = good ? text.find(end, at) : std::string_view::npos;
    good = found != std::string_view::npos;
    const std::string_view piece = good ? text.substr(at, found - at) : std::string_view();
    at += piece.size();
    return piece;
  }
  void hex(std::span<std::uint8_t> out) {
    const std::string_view piece = take_until('"');
    good = good && piece.size() == 2 * out.size() && from_hex(piece, out);
  }
  void base64url(std::span<std::uint8_t> out) {
    const std::string_view piece = take_until('"');
    good = good && from_base64url(piece, out);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::string_view piece = take_until(',');
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
    good = good && error == std::errc() && end == piece.data() + piece.size();
    return value;
  }
};

}  // namespace

std::optional<Reply> read_reply(std::string_view stored) {
  Reply reply;
  Scan scan{stored};
  scan.take("{\"_author\":\"");
  scan.hex(reply.author.bytes);
  scan.take("\",\"_d\":\"");
  scan.take_until('"');
  scan.take("\",\"_n\":");
  reply.n = {scan.number()};
  if (scan.take_if(",\"_q\":\"")) {
    scan.hex(reply.previous.bytes);
    scan.take("\"");
  }
  scan.take(",\"_recipient\":\"");
  scan.hex(reply.recipient.bytes);
  scan.take("\",");
  const std::size_t before_signature = scan.at;
  scan.take("\"_s\":{\"alg\":\"ed25519\",\"key\":\"");
  scan.base64url(reply.key.bytes);
  scan.take("\",\"sig\":\"");
  scan.base64url(reply.signature.bytes);
  scan.take("\"},");
  const std::size_t after_signature = scan.at;
  scan.take("\"_t\":\"sealpost.Message\",\"_time\":");
  scan.number();
  scan.take(",\"_z\":\"");
  scan.take_until('"');
  scan.take("\",");
  if (scan.take_if("\"inReplyTo\":\"")) {
    scan.hex(reply.in_reply_to.bytes);
    scan.take("\",");
  }
  scan.take("\"object\":{");
  if (!scan.good) return std::nullopt;
  reply.link = object::link_of(stored.substr(0, before_signature), stored.substr(after_signature));
  return reply;
}

}  // namespace sealpost::cli::bench
