#pragma once
// A key ring: the private keys of one identity, and that identity's versions, in one encrypted file. The server keeps
// its own here; so does the command line for a client.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "object/identity.hpp"
#include "object/keys.hpp"
#include "vault/unlock.hpp"

namespace sealpost::vault {

// What one file may hold.
constexpr std::size_t keys_max = 64;
constexpr std::size_t versions_max = object::identity_versions_max;

class KeyRing {
 public:
  struct Held {
    std::string purpose;                    // "sign", "update" (PROTOCOL section 1), at most 255 bytes
    std::unique_ptr<object::KeyPair> pair;  // in guarded memory; stays where it is when the ring is moved
  };

  const object::Signer& generate(std::string purpose, Random&);
  const object::Signer& add(std::string purpose, object::KeyPair);
  // Wipes a key that a newer identity version has dropped; nobody may sign with it any more. False if there is none.
  bool remove(const PublicKey&);

  // The newest key of a purpose, or null. It lives as long as the ring.
  const object::Signer* signer(std::string_view purpose) const;
  const object::Signer* signer(const PublicKey&) const;
  const std::vector<Held>& keys() const { return keys_; }

  // The identity's versions as stored texts, version 0 first.
  const std::vector<std::string>& identity() const { return identity_; }
  void add_version(std::string stored) { identity_.push_back(std::move(stored)); }

 private:
  std::vector<Held> keys_;
  std::vector<std::string> identity_;
};

// Writes a new file, readable by its owner only; refused if something is there. Afterwards it is on disk as a whole, or
// not there at all.
Opened<void> create(const std::filesystem::path&, const UnlockBy&, const KeyRing&);
// The same in place of an existing ring, which `UnlockBy` must open.
Opened<void> replace(const std::filesystem::path&, const UnlockBy&, const KeyRing&);
// Refuses a file that others could read or put in place, and one that is not what `create` wrote.
Opened<KeyRing> open(const std::filesystem::path&, const UnlockBy&);

}  // namespace sealpost::vault
