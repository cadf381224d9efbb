#pragma once
// A key ring: the private keys of one identity, and that identity's versions, in one encrypted file. The server keeps
// its own here; so does the command line for a client.

#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "object/key.hpp"
#include "vault/secret.hpp"
#include "vault/unlock.hpp"

namespace sealpost::vault {

constexpr std::size_t seed_size = 32;  // of an Ed25519 key (RFC 8032, section 5.1.5)

// A private key in locked memory. Signing is safe from any thread.
class HeldKey final : public object::Signer {
 public:
  HeldKey(std::string purpose, SecretBytes seed);  // of seed_size bytes

  const std::string& purpose() const { return purpose_; }
  BytesView seed() const { return seed_.view(); }
  bool locked() const { return seed_.locked() && secret_.locked(); }

  PublicKey key() const override { return key_; }
  object::Signature sign(BytesView message) const override;

 private:
  std::string purpose_;
  SecretBytes seed_;
  SecretBytes secret_;  // seed and public key, as libsodium wants them
  PublicKey key_;
};

class KeyRing {
 public:
  // Draws a new key from libsodium's generator.
  const HeldKey& generate(std::string purpose);
  const HeldKey& add(std::string purpose, SecretBytes seed);
  // Wipes a key that a newer identity version has dropped; signers of it must be gone. False if there is none.
  bool remove(const PublicKey&);

  // The newest key of a purpose ("sign", "update"), or null. Lives as long as the ring, and stays where it is when the
  // ring is moved.
  const HeldKey* signer(std::string_view purpose) const;
  const HeldKey* signer(const PublicKey&) const;
  const std::vector<std::unique_ptr<HeldKey>>& keys() const { return keys_; }

  // The identity's versions as stored texts, version 0 first.
  const std::vector<std::string>& identity() const { return identity_; }
  void add_version(std::string stored) { identity_.push_back(std::move(stored)); }

  // False if the system would not lock the memory of some key: worth a warning (LimitMEMLOCK=, ulimit -l).
  bool locked() const;

 private:
  std::vector<std::unique_ptr<HeldKey>> keys_;
  std::vector<std::string> identity_;
};

// Writes a new file, readable by its owner only; refused if something is there. Afterwards it is on disk as a whole, or
// not there at all.
Opened<void> create(const std::filesystem::path&, const UnlockBy&, const KeyRing&);
// The same in place of an existing one, which it must be able to open with the same key.
Opened<void> replace(const std::filesystem::path&, const UnlockBy&, const KeyRing&);
Opened<KeyRing> open(const std::filesystem::path&, const UnlockBy&);

}  // namespace sealpost::vault
