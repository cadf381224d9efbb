#include "vault/key_ring.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "vault/contents.hpp"
#include "vault/lock.hpp"
#include "vault/private_file.hpp"
#include "vault/sealed.hpp"

namespace sealpost::vault {
namespace {

using Write = Opened<void> (*)(const std::filesystem::path&, BytesView);

Opened<void> seal_and(Write write, const std::filesystem::path& path, const Lock& lock, const KeyRing& ring) {
  if (!fits(ring)) return Refusal{Errc::too_much, path.string()};
  const SecretBytes plain = plain_of(ring);
  const auto sealed = seal(plain.view(), lock, path.string());
  if (!sealed) return sealed.error();
  return write(path, *sealed);
}

Opened<KeyRing> open_with(const Lock& lock, const std::filesystem::path& path) {
  const auto sealed = read_private(path, Guard::own, sealed_max);
  if (!sealed) return sealed.error();
  const auto plain = unseal(sealed->view(), lock, path.string());
  if (!plain) return plain.error();
  auto ring = ring_of(plain->view());
  if (!ring) return Refusal{Errc::damaged, path.string()};
  return std::move(*ring);
}

}  // namespace

const object::Signer& KeyRing::generate(std::string purpose, Random& random) {
  return add(std::move(purpose), object::KeyPair::generate(random));
}

const object::Signer& KeyRing::add(std::string purpose, object::KeyPair pair) {
  SEALPOST_ASSERT(purpose.size() <= 255);
  keys_.push_back({std::move(purpose), std::make_unique<object::KeyPair>(std::move(pair))});
  return *keys_.back().pair;
}

bool KeyRing::remove(const PublicKey& key) {
  return std::erase_if(keys_, [&](const Held& held) { return held.pair->key() == key; }) > 0;
}

const object::Signer* KeyRing::signer(std::string_view purpose) const {
  const auto newest = std::find_if(keys_.rbegin(), keys_.rend(), [&](const Held& h) { return h.purpose == purpose; });
  return newest == keys_.rend() ? nullptr : newest->pair.get();
}

const object::Signer* KeyRing::signer(const PublicKey& key) const {
  const auto found = std::ranges::find_if(keys_, [&](const Held& held) { return held.pair->key() == key; });
  return found == keys_.end() ? nullptr : found->pair.get();
}

Opened<void> create(const std::filesystem::path& path, const UnlockBy& way, const KeyRing& ring) {
  const auto lock = lock_of(way);
  if (!lock) return lock.error();
  return seal_and(write_new, path, *lock, ring);
}

Opened<void> replace(const std::filesystem::path& path, const UnlockBy& way, const KeyRing& ring) {
  const auto lock = lock_of(way);
  if (!lock) return lock.error();
  if (const auto opened = open_with(*lock, path); !opened) return opened.error();
  return seal_and(write_over, path, *lock, ring);
}

Opened<KeyRing> open(const std::filesystem::path& path, const UnlockBy& way) {
  const auto lock = lock_of(way);
  if (!lock) return lock.error();
  return open_with(*lock, path);
}

}  // namespace sealpost::vault
