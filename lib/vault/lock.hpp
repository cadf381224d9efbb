#pragma once
// The secret behind an UnlockBy, read and checked.

#include "vault/unlock.hpp"

namespace sealpost::vault {

constexpr std::size_t key_size = 32;

struct Lock {
  bool by_passphrase = false;
  SecretBytes secret;  // the passphrase, still to be stretched, or a key of key_size bytes
  Argon2 cost{};       // for sealing with a passphrase
};

Opened<Lock> lock_of(const UnlockBy&);

}  // namespace sealpost::vault
