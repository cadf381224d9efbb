#pragma once
// Addresses of machines as numbers and as text, and ranges of them.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace sealpost::net {

// Of 4 or 16 bytes. An IPv4-mapped one (RFC 4291, section 2.5.5.2) is IPv4, so that a peer has one text only.
std::string numeric_text(BytesView address);

bool is_loopback(std::string_view numeric);

// "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". IPv4 and IPv6 are apart: "::/0" holds no IPv4 address.
class AddressRange {
 public:
  // None where it is no address; where bits beyond the prefix are set, which is a slip more often than not; or where it
  // is IPv4-mapped, as no peer ever has such an address.
  static std::optional<AddressRange> parse(std::string_view text);

  bool contains(std::string_view numeric) const;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::size_t size_ = 0;  // bytes: 4 or 16
  std::size_t bits_ = 0;  // that count
};

}  // namespace sealpost::net
