#include "object/utf8.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sealpost::object {
namespace {

struct Sequence {
  std::size_t length;  // 0: no lead byte
  std::uint8_t second_min;
  std::uint8_t second_max;
};

// RFC 3629, section 4.
Sequence sequence_of(std::uint8_t lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

bool follows(std::string_view text, const Sequence& sequence) {
  if (sequence.length == 0 || sequence.length > text.size()) return false;
  for (std::size_t i = 1; i < sequence.length; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < (i == 1 ? sequence.second_min : 0x80) || byte > (i == 1 ? sequence.second_max : 0xBF)) return false;
  }
  return true;
}

// The code unit of the \uXXXX at the start of `text`, if there is one.
std::optional<unsigned> escaped_unit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  unsigned unit = 0;
  const char* const end = text.data() + 6;
  const auto [stop, failure] = std::from_chars(text.data() + 2, end, unit, 16);
  if (failure != std::errc{} || stop != end) return std::nullopt;
  return unit;
}

bool is_high(std::optional<unsigned> unit) {
  return unit && *unit >= 0xD800 && *unit <= 0xDBFF;
}

bool is_low(std::optional<unsigned> unit) {
  return unit && *unit >= 0xDC00 && *unit <= 0xDFFF;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence sequence = sequence_of(static_cast<std::uint8_t>(text.front()));
    if (!follows(text, sequence)) return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

bool has_lone_surrogate_escape(std::string_view text) {
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    const auto unit = escaped_unit(text.substr(at));
    if (is_low(unit)) return true;
    if (is_high(unit)) {
      if (!is_low(escaped_unit(text.substr(at + 6)))) return true;
      at += 12;
    } else {
      at += 2;
    }
    if (at >= text.size()) break;
  }
  return false;
}

}  // namespace sealpost::object
