#pragma once
// Memory for secrets (libsodium's guarded heap): locked so that it is never swapped, between guard pages, left out of
// core dumps, and wiped when it is given back.

#include <memory>

#include "base/bytes.hpp"

namespace sealpost::vault {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);  // zeroes; throws std::bad_alloc
  // Copies `source`, and leaves it to the caller to wipe it.
  static SecretBytes copy_of(BytesView source);

  std::span<std::uint8_t> writable() { return {bytes_.get(), size_}; }
  BytesView view() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Free {
    void operator()(std::uint8_t*) const;
  };
  std::unique_ptr<std::uint8_t, Free> bytes_;
  std::size_t size_ = 0;
};

// Overwrites text that held a secret, in a way no optimiser removes.
void wipe(std::string&);

// False if the system would not lock even a page (RLIMIT_MEMLOCK): secrets are safe as long as nothing is swapped out.
// Worth a warning at the start (LimitMEMLOCK=, ulimit -l).
bool memory_can_be_locked();

// From here on this process leaves no core dump and cannot be read by a debugger of the same user. False if refused.
bool forbid_core_dumps();

}  // namespace sealpost::vault
