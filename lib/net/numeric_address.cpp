#include "net/numeric_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace sealpost::net {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(BytesView address) {
  return address.size() == 16 && std::ranges::equal(address.first(12), mapped_prefix);
}

// The size of the address in bytes; 0: it is none.
std::size_t read_address(std::string_view text, std::array<std::uint8_t, 16>& bytes) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return 0;
  const std::string ended(text);
  if (inet_pton(AF_INET, ended.c_str(), bytes.data()) == 1) return 4;
  return inet_pton(AF_INET6, ended.c_str(), bytes.data()) == 1 ? 16 : 0;
}

bool bit(BytesView bytes, std::size_t at) {
  return (bytes[at / 8] >> (7 - at % 8) & 1) != 0;
}

std::optional<std::size_t> prefix_from(std::string_view digits, std::size_t most) {
  std::size_t bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc{} || end != digits.data() + digits.size() || bits > most) return std::nullopt;
  return bits;
}

}  // namespace

std::string numeric_text(BytesView address) {
  const BytesView own = is_mapped(address) ? address.subspan(12) : address;
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(own.size() == 4 ? AF_INET : AF_INET6, own.data(), text, sizeof text);
  return text;
}

bool is_loopback(std::string_view numeric) {
  return numeric == "::1" || numeric.starts_with("127.");
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  AddressRange range;
  const std::size_t slash = text.find('/');
  range.size_ = read_address(text.substr(0, slash), range.bytes_);
  const BytesView bytes(range.bytes_.data(), range.size_);
  if (bytes.empty() || is_mapped(bytes)) return std::nullopt;
  range.bits_ = 8 * range.size_;
  if (slash == text.npos) return range;
  const auto bits = prefix_from(text.substr(slash + 1), range.bits_);
  if (!bits) return std::nullopt;
  for (std::size_t at = *bits; at < range.bits_; ++at) {
    if (bit(bytes, at)) return std::nullopt;
  }
  range.bits_ = *bits;
  return range;
}

bool AddressRange::contains(std::string_view numeric) const {
  std::array<std::uint8_t, 16> other{};
  if (read_address(numeric, other) != size_) return false;
  std::size_t at = 0;
  while (at < bits_ && bit(bytes_, at) == bit(other, at)) ++at;
  return at == bits_;
}

}  // namespace sealpost::net
