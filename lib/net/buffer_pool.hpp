#pragma once
// Buffers for reading. A connection that waits holds none: it takes one when there is something to read, and gives it
// back before it waits again, so that the memory for reading follows what is busy and not what is connected.

#include <array>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace sealpost::net {

class BufferPool;

// A buffer on loan; it returns to its pool when the lease ends. Holds `size()` bytes of meaning out of `capacity()`.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept { swap(other); }
  Lease& operator=(Lease&& other) noexcept {
    Lease(std::move(other)).swap(*this);
    return *this;
  }
  ~Lease();

  BytesView view() const { return {bytes_, size_}; }
  std::string_view text() const { return as_text(view()); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const { return capacity_; }

  // For who fills it: the whole buffer, and how much of it has been filled.
  std::span<std::uint8_t> room() { return {bytes_, capacity_}; }
  void resize(std::size_t size) { size_ = size; }

 private:
  friend class BufferPool;
  Lease(BufferPool* pool, std::uint8_t* bytes, std::size_t capacity)
      : pool_(pool), bytes_(bytes), capacity_(capacity) {}
  void swap(Lease& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(bytes_, other.bytes_);
    std::swap(capacity_, other.capacity_);
    std::swap(size_, other.size_);
  }

  BufferPool* pool_ = nullptr;
  std::uint8_t* bytes_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

// Two sizes. While `large_max` large buffers are on loan, small ones are given instead: reading becomes slower, and
// never stops. Safe for use from any thread; outlives its leases.
class BufferPool {
 public:
  static constexpr std::size_t large_size = 16 * 1024;  // a whole TLS record (RFC 8446, section 5.1)
  static constexpr std::size_t small_size = 1024;       // most MQTT packets

  // At most `large_max` large buffers exist, and at most `spare_max` of each size are kept while nobody uses them.
  explicit BufferPool(std::size_t large_max = 1024, std::size_t spare_max = 64);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  Lease large() { return lend(1); }
  Lease small() { return lend(0); }

  std::size_t on_loan() const;  // leases of either size
  std::size_t spare() const;    // buffers kept

 private:
  friend class Lease;
  struct Shelf {
    std::size_t size;
    std::size_t lent = 0;
    std::vector<std::uint8_t*> spare;
  };
  Lease lend(std::size_t shelf);
  void take_back(std::uint8_t* bytes, std::size_t capacity) noexcept;

  const std::size_t large_max_;
  const std::size_t spare_max_;
  mutable std::mutex mutex_;  // a leaf
  std::array<Shelf, 2> shelves_;
};

}  // namespace sealpost::net
