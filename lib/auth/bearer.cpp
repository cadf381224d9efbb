#include "auth/bearer.hpp"

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"
#include "base/encoding.hpp"

namespace sealpost::auth {
namespace {

constexpr std::size_t word_bytes_max = 64;

bool is_word(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.size() <= word_bytes_max && text.find_first_not_of(allowed) == std::string_view::npos;
}

// Takes the part before the next `separator` (or the rest) off the front.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// Takes the next line off the front, without its end.
std::string_view take_line(std::string_view& file) {
  std::string_view line = take_until(file, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view take_field(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end);
  return field;
}

bool says_nothing(std::string_view line) {
  const std::string_view first = take_field(line);
  return first.empty() || first.starts_with('#');
}

bool read_scopes(std::string_view text, std::vector<std::string>& scopes) {
  bool more = true;
  while (more) {
    more = text.find(',') != std::string_view::npos;
    const std::string_view scope = take_until(text, ',');
    if (!is_bearer_scope(scope)) return false;
    scopes.emplace_back(scope);
  }
  return true;
}

bool read_millis(std::string_view text, Millis& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

// What is wrong with the line; empty if nothing.
std::string_view read_line(std::string_view line, Bearer& bearer) {
  bearer.name = take_field(line);
  if (!is_bearer_name(bearer.name)) return "the name is not 1 to 64 of A-Z a-z 0-9 _ . -";
  if (!read_scopes(take_field(line), bearer.scopes)) return "the scopes are not words joined by commas";
  if (!from_hex(take_field(line), bearer.hash)) return "the hash is not 64 lower-case hex digits";
  if (!read_millis(take_field(line), bearer.created)) return "the time of creation is not in ms since the Unix epoch";
  if (!take_field(line).empty()) return "there is more on the line than name, scopes, hash and time";
  return {};
}

}  // namespace

bool is_bearer_name(std::string_view text) {
  return is_word(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
}

bool is_bearer_scope(std::string_view text) {
  return is_word(text, "abcdefghijklmnopqrstuvwxyz0123456789_.:-");
}

bool Bearer::may(std::string_view scope) const {
  return std::ranges::find(scopes, scope) != scopes.end();
}

std::string Bearer::line() const {
  std::string text = name + ' ';
  for (const std::string& scope : scopes) text.append(scope).append(",");
  text.back() = ' ';
  return text.append(to_hex(hash)).append(" ").append(std::to_string(created)).append("\n");
}

boost::system::result<Bearers, BadLine> Bearers::parse(std::string_view file) {
  Bearers read;
  for (std::size_t number = 1; !file.empty(); ++number) {
    const std::string_view line = take_line(file);
    if (says_nothing(line)) continue;
    if (read.bearers_.size() == bearer_tokens_max) return BadLine{number, "there are more than 1000 tokens"};
    Bearer bearer;
    const std::string_view wrong = read_line(line, bearer);
    if (!wrong.empty()) return BadLine{number, wrong};
    if (std::ranges::find(read.bearers_, bearer.name, &Bearer::name) != read.bearers_.end())
      return BadLine{number, "the name stands on an earlier line already"};
    if (std::ranges::find(read.bearers_, bearer.hash, &Bearer::hash) != read.bearers_.end())
      return BadLine{number, "the token stands on an earlier line already"};
    read.bearers_.push_back(std::move(bearer));
  }
  return read;
}

const Bearer* Bearers::find(std::string_view token) const {
  const Digest hash = sha256(as_bytes(token));
  const Bearer* found = nullptr;
  for (const Bearer& bearer : bearers_)
    if (equal_in_constant_time(bearer.hash, hash)) found = &bearer;
  return found;
}

NewBearer make_bearer(std::string name, std::vector<std::string> scopes, const std::array<std::uint8_t, 32>& secret,
                      Millis created) {
  SEALPOST_ASSERT(is_bearer_name(name) && !scopes.empty() && std::ranges::all_of(scopes, is_bearer_scope));
  std::string token = to_base64url(secret);
  const Digest hash = sha256(as_bytes(token));
  return {std::move(token), {std::move(name), std::move(scopes), hash, created}};
}

std::string with_bearer(std::string_view file, const Bearer& bearer) {
  std::string text(file);
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + bearer.line();
}

std::optional<std::string> without_bearer(std::string_view file, std::string_view name) {
  std::string text;
  bool found = false;
  while (!file.empty()) {
    const std::string_view before = file;
    std::string_view line = take_line(file);
    const std::string_view whole = before.substr(0, before.size() - file.size());
    if (!says_nothing(line) && take_field(line) == name) {
      found = true;
      continue;
    }
    text += whole;
  }
  if (!found) return std::nullopt;
  return text;
}

}  // namespace sealpost::auth
