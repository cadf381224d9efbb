#pragma once
// What is sealed: a ring as bytes. Numbers are little-endian.
//
//   u8 number of keys, then for each: u8 length of its purpose, the purpose, 32 bytes of seed (RFC 8032, section 5.1.5)
//   u16 number of identity versions, then for each: u32 length of its stored text, the text

#include <optional>

#include "vault/key_ring.hpp"

namespace sealpost::vault {

bool fits(const KeyRing&);
SecretBytes plain_of(const KeyRing&);  // of a ring that fits
// None if the bytes are anything but a whole ring.
std::optional<KeyRing> ring_of(BytesView plain);

}  // namespace sealpost::vault
