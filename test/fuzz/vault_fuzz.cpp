// Any bytes as a key ring: refused with words, also what has been altered by somebody who knows the form; and what a
// ring holds is written and read as the same.

#include <sodium.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/sha256.hpp"
#include "script.hpp"
#include "vault/contents.hpp"
#include "vault/sealed.hpp"

using namespace sealpost;
using namespace sealpost::vault;

namespace {

constexpr const char* where = "server.keys";

Lock key_lock(std::uint8_t byte) {
  Lock lock;
  lock.by_passphrase = false;
  lock.secret = SecretBytes::copy_of(Bytes(key_size, byte));
  return lock;
}

void check_refusal(const Refusal& refusal) {
  SEALPOST_ASSERT(refusal.text().find(where) != std::string::npos && refusal.text().size() > sizeof "server.keys");
}

// Nobody but the holder of the key makes a ring that opens.
void check_bytes(BytesView bytes) {
  const auto opened = unseal(bytes, key_lock(1), where);
  SEALPOST_ASSERT(!opened);
  check_refusal(opened.error());
}

// The same with a checksum that fits.
void check_summed(BytesView bytes) {
  Bytes summed(bytes.begin(), bytes.end());
  const Digest sum = sha256(summed);
  summed.insert(summed.end(), sum.begin(), sum.end());
  check_bytes(summed);
}

void check_altered(test::Script& script) {
  const Bytes plain(script.byte() % 64U, 'p');
  Bytes sealed = seal(plain, key_lock(1), where).value();
  const auto opened = unseal(sealed, key_lock(1), where);
  SEALPOST_ASSERT(opened && std::ranges::equal(opened->view(), plain));
  SEALPOST_ASSERT(unseal(sealed, key_lock(2), where).error().code == Errc::wrong_key);
  const std::size_t body = sealed.size() - sizeof(Digest);
  const std::size_t at = (script.byte() * std::size_t{256} + script.byte()) % body;
  const std::uint8_t change = script.byte();
  if (change == 0) return;
  sealed[at] ^= change;
  if (script.byte() % 2 == 0)
    std::ranges::copy(sha256(BytesView(sealed).first(body)), sealed.begin() + static_cast<std::ptrdiff_t>(body));
  const auto altered = unseal(sealed, key_lock(1), where);
  SEALPOST_ASSERT(!altered);
  check_refusal(altered.error());
}

// What is inside once the seal is broken: by the server's own hand, and yet it has bounds.
void check_contents(BytesView plain) {
  const auto ring = ring_of(plain);
  if (!ring || !fits(*ring)) return;
  const SecretBytes written = plain_of(*ring);
  SEALPOST_ASSERT(std::ranges::equal(written.view(), plain));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::Script script({data, size});
  switch (script.byte() % 4) {
    case 0:
      check_bytes(script.bytes(size));
      break;
    case 1:
      check_summed(script.bytes(size));
      break;
    case 2:
      check_altered(script);
      break;
    default:
      check_contents(script.bytes(size));
  }
  return 0;
}
