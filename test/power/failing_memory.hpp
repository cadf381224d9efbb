#pragma once
// SQLite's memory running out: its allocator, with each call that may fail.

#include "failing_disk.hpp"

namespace sealpost::power {

class FailingMemory final : public Breakage {
 public:
  // Before SQLite's first use in this process; for good.
  FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  std::string failed() const override { return "an allocation of SQLite's"; }

 private:
  bool refuses();
  static void* allocate(int size);
  static void* grow(void* memory, int size);
};

}  // namespace sealpost::power
