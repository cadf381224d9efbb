#pragma once
// SHA-256 (FIPS 180-4), by OpenSSL.

#include <array>
#include <initializer_list>

#include "base/bytes.hpp"

namespace sealpost {

using Digest = std::array<std::uint8_t, 32>;

// The digest of the parts, one after the other.
Digest sha256(std::initializer_list<BytesView> parts);
inline Digest sha256(BytesView bytes) {
  return sha256({bytes});
}

}  // namespace sealpost
