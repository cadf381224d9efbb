#include "base/encoding.hpp"

#include <array>

namespace sealpost {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::int8_t no_digit = -1;

constexpr std::array<std::int8_t, 256> values_of(std::string_view digits) {
  std::array<std::int8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < digits.size(); ++i)
    values[static_cast<std::uint8_t>(digits[i])] = static_cast<std::int8_t>(i);
  return values;
}

constexpr auto hex_values = values_of(hex_digits);
constexpr auto base64url_values = values_of(base64url_digits);

constexpr std::size_t base64url_length(std::size_t bytes) {
  return (bytes * 4 + 2) / 3;
}

}  // namespace

bool equal_in_constant_time(BytesView a, BytesView b) {
  if (a.size() != b.size()) return false;
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = difference | static_cast<std::uint8_t>(a[i] ^ b[i]);
  return difference == 0;
}

std::string to_hex(BytesView bytes) {
  std::string text;
  append_hex(text, bytes);
  return text;
}

void append_hex(std::string& text, BytesView bytes) {
  const std::size_t before = text.size();
  text.resize(before + bytes.size() * 2);
  char* digit = text.data() + before;
  for (const std::uint8_t byte : bytes) {
    *digit++ = hex_digits[byte >> 4];
    *digit++ = hex_digits[byte & 15];
  }
}

bool from_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_values[static_cast<std::uint8_t>(text[2 * i])];
    const int low = hex_values[static_cast<std::uint8_t>(text[2 * i + 1])];
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

std::optional<Bytes> from_hex(std::string_view text) {
  Bytes bytes(text.size() / 2);
  if (!from_hex(text, bytes)) return std::nullopt;
  return bytes;
}

std::string to_base64url(BytesView bytes) {
  std::string text;
  text.reserve(base64url_length(bytes.size()));
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    count += 8;
    while (count >= 6) {
      count -= 6;
      text.push_back(base64url_digits[bits >> count & 63]);
    }
  }
  if (count > 0) text.push_back(base64url_digits[bits << (6 - count) & 63]);
  return text;
}

bool from_base64url(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != base64url_length(out.size())) return false;
  std::uint32_t bits = 0;
  int count = 0;
  std::size_t written = 0;
  for (const char digit : text) {
    const int value = base64url_values[static_cast<std::uint8_t>(digit)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out[written++] = static_cast<std::uint8_t>(bits >> count);
  }
  const std::uint32_t left_over = bits & ((1U << count) - 1);
  return left_over == 0;
}

std::optional<Bytes> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  Bytes bytes(text.size() * 3 / 4);
  if (!from_base64url(text, bytes)) return std::nullopt;
  return bytes;
}

}  // namespace sealpost
