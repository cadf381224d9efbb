#include "failing_new.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace sealpost::power {
namespace {

thread_local std::uint64_t left = 0;  // until one fails; 0: none
thread_local bool has_failed = false;
thread_local std::int64_t live = 0;

void* allocate(std::size_t size, std::size_t alignment) {
  if (left > 0 && --left == 0) {
    has_failed = true;
    throw std::bad_alloc();
  }
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = alignment <= alignof(std::max_align_t) ? std::malloc(size) : std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  ++live;
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

void fail_allocation(std::uint64_t nth) {
  has_failed = false;
  left = nth;
}

bool end_failing() {
  left = 0;
  return has_failed;
}

std::int64_t live_allocations() {
  return live;
}

}  // namespace sealpost::power

void* operator new(std::size_t size) {
  return sealpost::power::allocate(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return sealpost::power::allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  sealpost::power::release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  sealpost::power::release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  sealpost::power::release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  sealpost::power::release(memory);
}
