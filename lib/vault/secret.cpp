#include "vault/secret.hpp"

#include <sodium.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <new>

#include "base/assert.hpp"

namespace sealpost::vault {
namespace {

std::uint8_t* guarded(std::size_t size) {
  SEALPOST_ASSERT(sodium_init() >= 0);
  auto* bytes = static_cast<std::uint8_t*>(sodium_malloc(size));
  if (bytes == nullptr) throw std::bad_alloc();
  return bytes;
}

}  // namespace

void SecretBytes::Free::operator()(std::uint8_t* bytes) const {
  sodium_free(bytes);  // wipes first
}

SecretBytes::SecretBytes(std::size_t size) : bytes_(guarded(size)), size_(size) {
  std::ranges::fill(writable(), std::uint8_t{0});
}

SecretBytes SecretBytes::copy_of(BytesView source) {
  SecretBytes copy(source.size());
  std::ranges::copy(source, copy.bytes_.get());
  return copy;
}

void wipe(std::string& text) {
  sodium_memzero(text.data(), text.size());
  text.clear();
}

bool memory_can_be_locked() {
  constexpr std::size_t page = 4096;
  void* probe = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return false;
  const bool locked = ::mlock(probe, page) == 0;
  ::munmap(probe, page);
  return locked;
}

bool forbid_core_dumps() {
  const rlimit none{0, 0};
  const bool limited = ::setrlimit(RLIMIT_CORE, &none) == 0;
  const bool undumpable = ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
  return limited && undumpable;
}

}  // namespace sealpost::vault
