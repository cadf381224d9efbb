#pragma once
// Ed25519 (RFC 8032) by libsodium, with its strictness: no small-order keys, no non-canonical encodings.

#include <array>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/ports.hpp"

namespace sealpost::object {

struct Signature {
  std::array<std::uint8_t, 64> bytes{};

  BytesView view() const { return bytes; }
  friend bool operator==(const Signature&, const Signature&) = default;
};

// Whoever can sign: a key pair in memory, or a key that lives elsewhere. Any thread may call.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual PublicKey key() const = 0;
  virtual Signature sign(BytesView message) const = 0;  // about 17 us
};

// A key pair in guarded memory (sodium_malloc: locked where the system lets it, wiped when freed).
class KeyPair final : public Signer {
 public:
  // Wipes `seed`, so that the guarded memory holds the only copy.
  static KeyPair from_seed(std::span<std::uint8_t, 32> seed);
  static KeyPair generate(Random&);

  PublicKey key() const override { return key_; }
  Signature sign(BytesView message) const override;

  // For storing the key; the caller wipes `out`.
  void copy_seed(std::span<std::uint8_t, 32> out) const;

 private:
  struct Free {
    void operator()(std::uint8_t* secret) const;
  };
  KeyPair() = default;

  std::unique_ptr<std::uint8_t, Free> secret_;  // 64 bytes: the seed, then the public key
  PublicKey key_;
};

// About 50 us.
bool verify(const PublicKey&, BytesView message, const Signature&);

// Overwrites secret bytes in a way that the compiler keeps.
void wipe(std::span<std::uint8_t> secret);

}  // namespace sealpost::object
