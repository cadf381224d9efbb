#pragma once
// The sealed form of a key ring: XChaCha20-Poly1305 (libsodium's IETF variant) with everything before the ciphertext as
// associated data. Bytes in, bytes out.
//
//   offset  size
//        0     8  "sealring"
//        8     1  version: 1
//        9     1  way: 1 a passphrase through argon2id, 2 a key of 32 bytes
//       10     2  zero
//       12     4  argon2id operations (little-endian, as all numbers here); 0 for a key
//       16     4  argon2id memory in KiB; 0 for a key
//       20    16  argon2id salt; zero for a key
//       36    24  nonce
//       60     4  length of the ciphertext with its tag of 16 bytes
//       64     n  ciphertext
//     64+n    32  SHA-256 of all before. It tells damage from a wrong key; what tells forgery is the tag.

#include "vault/lock.hpp"

namespace sealpost::vault {

// Most bytes a sealed ring may have.
constexpr std::size_t sealed_max = 8 * 1024 * 1024;

// `where` names the file in a refusal.
Opened<Bytes> seal(BytesView plain, const Lock&, const std::string& where);
Opened<SecretBytes> unseal(BytesView sealed, const Lock&, const std::string& where);

}  // namespace sealpost::vault
