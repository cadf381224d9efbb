#include "object/canonical.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/assert.hpp"
#include "object/json.hpp"
#include "object/members.hpp"

namespace sealpost::object {
namespace {

namespace json = boost::json;

// A UTF-8 lead byte of 0xF0 and more stands for a surrogate pair (D800..DFFF), which in UTF-16 sorts before the lead
// bytes EE and EF (U+E000..U+FFFF). Elsewhere bytes sort as code units do.
bool lead_less(std::uint8_t a, std::uint8_t b) {
  const bool a_is_pair = a >= 0xF0;
  const bool b_is_pair = b >= 0xF0;
  if (a_is_pair != b_is_pair && a >= 0xEE && b >= 0xEE) return a_is_pair;
  return a < b;
}

bool must_be_escaped(char c) {
  return static_cast<std::uint8_t>(c) < 0x20 || c == '"' || c == '\\';
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += hex[static_cast<std::uint8_t>(c) >> 4];
      out += hex[c & 15];
  }
}

// The shortest decimal digits that give back the number, and the place of the point: 0.digits * 10^point.
struct Decimal {
  std::array<char, 17> digits;
  int count = 0;
  int point = 0;

  std::string_view text() const { return {digits.data(), static_cast<std::size_t>(count)}; }
};

Decimal shortest(double positive) {
  std::array<char, 32> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), positive, std::chars_format::scientific);
  const char* const exponent = std::find(text.data(), written.ptr, 'e');
  Decimal decimal;
  for (const char* at = text.data(); at != exponent; ++at)
    if (*at != '.') decimal.digits[static_cast<std::size_t>(decimal.count++)] = *at;
  const char* const magnitude = exponent + (exponent[1] == '+' ? 2 : 1);  // from_chars takes no plus
  std::from_chars(magnitude, written.ptr, decimal.point);
  ++decimal.point;
  return decimal;
}

void append_zeros(std::string& out, int count) {
  out.append(static_cast<std::size_t>(count), '0');
}

// ECMAScript, Number::toString (radix 10), steps 6 to 10; the specification's n is `point`, its k is `count`.
void append_decimal(std::string& out, const Decimal& decimal) {
  const std::string_view digits = decimal.text();
  const int point = decimal.point;
  if (decimal.count <= point && point <= 21) {
    out += digits;
    append_zeros(out, point - decimal.count);
  } else if (0 < point && point <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    append_zeros(out, -point);
    out += digits;
  } else {
    out += digits[0];
    if (digits.size() > 1) (out += '.') += digits.substr(1);
    out += point > 0 ? "e+" : "e";
    append_integer(out, point - 1);
  }
}

void append_array(std::string& out, const json::array& array) {
  out += '[';
  bool first = true;
  for (const json::value& element : array) {
    if (!first) out += ',';
    first = false;
    append_canonical(out, element);
  }
  out += ']';
}

void append_object(std::string& out, const json::object& object) {
  out += '{';
  bool first = true;
  for (const auto* member : SortedMembers(object)) {
    if (!first) out += ',';
    first = false;
    append_member(out, *member);
  }
  out += '}';
}

}  // namespace

bool utf16_less(std::string_view a, std::string_view b) {
  const auto [at_a, at_b] = std::ranges::mismatch(a, b);
  if (at_a == a.end() || at_b == b.end()) return at_a == a.end() && at_b != b.end();
  return lead_less(static_cast<std::uint8_t>(*at_a), static_cast<std::uint8_t>(*at_b));
}

SortedMembers::SortedMembers(const json::object& object) {
  members_.reserve(object.size());
  for (const auto& member : object) members_.push_back(&member);
  const auto by_key = [](const auto* a, const auto* b) { return utf16_less(a->key(), b->key()); };
  if (!std::ranges::is_sorted(members_, by_key)) std::ranges::sort(members_, by_key);
}

void append_member(std::string& out, const json::key_value_pair& member) {
  append_string(out, member.key());
  out += ':';
  append_canonical(out, member.value());
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  auto plain = text.begin();
  for (auto at = text.begin(); at != text.end(); ++at) {
    if (!must_be_escaped(*at)) continue;
    out.append(plain, at);
    append_escaped(out, *at);
    plain = at + 1;
  }
  out.append(plain, text.end());
  out += '"';
}

void append_integer(std::string& out, std::int64_t value) {
  SEALPOST_ASSERT(value <= safe_integer_max && value >= -safe_integer_max);
  std::array<char, 20> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), written.ptr);
}

void append_number(std::string& out, double value) {
  SEALPOST_ASSERT(std::isfinite(value));
  if (value == 0) {  // minus zero too
    out += '0';
    return;
  }
  if (value < 0) out += '-';
  append_decimal(out, shortest(std::fabs(value)));
}

void append_canonical(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case json::kind::int64:
      append_integer(out, value.get_int64());
      return;
    case json::kind::uint64:
      SEALPOST_ASSERT(value.get_uint64() <= static_cast<std::uint64_t>(safe_integer_max));
      append_integer(out, static_cast<std::int64_t>(value.get_uint64()));
      return;
    case json::kind::double_:
      append_number(out, value.get_double());
      return;
    case json::kind::string:
      append_string(out, value.get_string());
      return;
    case json::kind::array:
      append_array(out, value.get_array());
      return;
    case json::kind::object:
      append_object(out, value.get_object());
      return;
  }
}

std::string canonicalize(const json::value& value) {
  std::string out;
  append_canonical(out, value);
  return out;
}

}  // namespace sealpost::object
