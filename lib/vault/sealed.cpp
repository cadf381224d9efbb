#include "vault/sealed.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/sha256.hpp"

namespace sealpost::vault {
namespace {

constexpr std::string_view magic = "sealring";
constexpr std::uint8_t version_written = 1;
constexpr std::uint8_t way_passphrase = 1;
constexpr std::uint8_t way_key = 2;
constexpr std::size_t version_at = 8, way_at = 9, operations_at = 12, memory_at = 16, salt_at = 20, nonce_at = 36,
                      length_at = 60, header_size = 64;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t checksum_size = sizeof(Digest);

static_assert(salt_at + crypto_pwhash_SALTBYTES == nonce_at);
static_assert(nonce_at + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == length_at);
static_assert(key_size == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

void put_u32(std::span<std::uint8_t> out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint32_t get_u32(BytesView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

bool within_bounds(const Argon2& cost) {
  return cost.operations >= argon2_least.operations && cost.operations <= argon2_most.operations &&
         cost.memory_kib >= argon2_least.memory_kib && cost.memory_kib <= argon2_most.memory_kib;
}

// The key that `header` and the lock's secret give.
Opened<SecretBytes> key_of(const Lock& lock, BytesView header, const std::string& where) {
  if (!lock.by_passphrase) return SecretBytes::copy_of(lock.secret.view());
  const Argon2 cost{get_u32(header, operations_at), get_u32(header, memory_at)};
  if (!within_bounds(cost)) return Refusal{Errc::costly, where};
  SecretBytes key(key_size);
  const std::string_view text = as_text(lock.secret.view());
  const int derived = crypto_pwhash(key.writable().data(), key_size, text.data(), text.size(), header.data() + salt_at,
                                    cost.operations, std::size_t{cost.memory_kib} * 1024, crypto_pwhash_ALG_ARGON2ID13);
  if (derived != 0) return Refusal{Errc::no_memory, where};
  return key;
}

Bytes new_header(const Lock& lock, std::size_t plain_size) {
  Bytes header(header_size);
  std::ranges::copy(magic, header.begin());
  header[version_at] = version_written;
  header[way_at] = lock.by_passphrase ? way_passphrase : way_key;
  if (lock.by_passphrase) {
    put_u32(header, operations_at, lock.cost.operations);
    put_u32(header, memory_at, lock.cost.memory_kib);
    randombytes_buf(header.data() + salt_at, crypto_pwhash_SALTBYTES);
  }
  randombytes_buf(header.data() + nonce_at, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  put_u32(header, length_at, static_cast<std::uint32_t>(plain_size + tag_size));
  return header;
}

// All that can be told without the key.
Errc fault_of_form(BytesView sealed) {
  constexpr Errc none{};
  if (sealed.size() < magic.size() || as_text(sealed.first(magic.size())) != magic) return Errc::not_a_ring;
  if (sealed.size() <= version_at) return Errc::truncated;
  if (sealed[version_at] > version_written) return Errc::newer_version;
  if (sealed.size() < header_size + tag_size + checksum_size) return Errc::truncated;
  const std::size_t size = header_size + std::size_t{get_u32(sealed, length_at)} + checksum_size;
  const std::size_t body = sealed.size() - checksum_size;
  if (sealed.size() < size) return Errc::truncated;
  if (sealed.size() > size) return Errc::damaged;
  const Digest checksum = sha256(sealed.first(body));
  if (!std::ranges::equal(checksum, sealed.subspan(body))) return Errc::damaged;
  if (sealed[version_at] != version_written) return Errc::damaged;
  return none;
}

}  // namespace

Opened<Bytes> seal(BytesView plain, const Lock& lock, const std::string& where) {
  SEALPOST_ASSERT(sodium_init() >= 0 && (lock.by_passphrase || lock.secret.size() == key_size));
  if (plain.size() > sealed_max - header_size - tag_size - checksum_size) return Refusal{Errc::too_much, where};
  Bytes sealed = new_header(lock, plain.size());
  const auto key = key_of(lock, sealed, where);
  if (!key) return key.error();
  sealed.resize(header_size + plain.size() + tag_size);
  const int done = crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + header_size, nullptr, plain.data(),
                                                              plain.size(), sealed.data(), header_size, nullptr,
                                                              sealed.data() + nonce_at, key->view().data());
  SEALPOST_ASSERT(done == 0);
  const Digest checksum = sha256(sealed);
  sealed.insert(sealed.end(), checksum.begin(), checksum.end());
  return sealed;
}

Opened<SecretBytes> unseal(BytesView sealed, const Lock& lock, const std::string& where) {
  SEALPOST_ASSERT(sodium_init() >= 0 && (lock.by_passphrase || lock.secret.size() == key_size));
  if (const Errc fault = fault_of_form(sealed); fault != Errc{}) return Refusal{fault, where};
  if (sealed[way_at] != (lock.by_passphrase ? way_passphrase : way_key)) return Refusal{Errc::wrong_way, where};
  const auto key = key_of(lock, sealed, where);
  if (!key) return key.error();
  const BytesView cipher = sealed.subspan(header_size, get_u32(sealed, length_at));
  SecretBytes plain(cipher.size() - tag_size);
  const int done = crypto_aead_xchacha20poly1305_ietf_decrypt(plain.writable().data(), nullptr, nullptr, cipher.data(),
                                                              cipher.size(), sealed.data(), header_size,
                                                              sealed.data() + nonce_at, key->view().data());
  if (done != 0) return Refusal{Errc::wrong_key, where};
  return plain;
}

}  // namespace sealpost::vault
