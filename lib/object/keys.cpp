#include "object/keys.hpp"

#include <sodium.h>

#include <new>

#include "base/assert.hpp"

namespace sealpost::object {
namespace {

static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_BYTES == 64 && crypto_sign_PUBLICKEYBYTES == 32);

void start_sodium() {
  static const bool started = sodium_init() >= 0;
  SEALPOST_ASSERT(started);
}

}  // namespace

void KeyPair::Free::operator()(std::uint8_t* secret) const {
  sodium_free(secret);
}

KeyPair KeyPair::from_seed(std::span<std::uint8_t, 32> seed) {
  start_sodium();
  KeyPair pair;
  pair.secret_.reset(static_cast<std::uint8_t*>(sodium_malloc(crypto_sign_SECRETKEYBYTES)));
  if (!pair.secret_) throw std::bad_alloc();
  crypto_sign_seed_keypair(pair.key_.bytes.data(), pair.secret_.get(), seed.data());
  wipe(seed);
  return pair;
}

KeyPair KeyPair::generate(Random& random) {
  std::array<std::uint8_t, 32> seed;
  random.fill(seed);
  return from_seed(seed);
}

Signature KeyPair::sign(BytesView message) const {
  Signature signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, message.data(), message.size(), secret_.get());
  return signature;
}

void KeyPair::copy_seed(std::span<std::uint8_t, 32> out) const {
  crypto_sign_ed25519_sk_to_seed(out.data(), secret_.get());
}

bool verify(const PublicKey& key, BytesView message, const Signature& signature) {
  start_sodium();
  return crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(), key.bytes.data()) == 0;
}

void wipe(std::span<std::uint8_t> secret) {
  sodium_memzero(secret.data(), secret.size());
}

}  // namespace sealpost::object
