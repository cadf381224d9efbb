#include "net/buffer_pool.hpp"

#include "base/assert.hpp"

namespace sealpost::net {
namespace {

enum { small_shelf, large_shelf };

}  // namespace

Lease::~Lease() {
  if (pool_) pool_->take_back(bytes_, capacity_);
}

BufferPool::BufferPool(std::size_t large_max, std::size_t spare_max)
    : large_max_(large_max), spare_max_(spare_max), shelves_{Shelf{small_size, 0, {}}, Shelf{large_size, 0, {}}} {
  for (Shelf& shelf : shelves_) shelf.spare.reserve(spare_max_);  // so that take_back() does not allocate
}

BufferPool::~BufferPool() {
  for (Shelf& shelf : shelves_) {
    SEALPOST_ASSERT(shelf.lent == 0);
    for (std::uint8_t* bytes : shelf.spare) delete[] bytes;
  }
}

Lease BufferPool::lend(std::size_t wanted) {
  std::size_t size = 0;
  {
    const std::lock_guard lock(mutex_);
    if (wanted == large_shelf && shelves_[large_shelf].lent >= large_max_) wanted = small_shelf;
    Shelf& shelf = shelves_[wanted];
    ++shelf.lent;
    size = shelf.size;
    if (!shelf.spare.empty()) {
      std::uint8_t* bytes = shelf.spare.back();
      shelf.spare.pop_back();
      return {this, bytes, size};
    }
  }
  return {this, new std::uint8_t[size], size};
}

void BufferPool::take_back(std::uint8_t* bytes, std::size_t capacity) noexcept {
  {
    const std::lock_guard lock(mutex_);
    Shelf& shelf = shelves_[capacity == large_size ? large_shelf : small_shelf];
    --shelf.lent;
    if (shelf.spare.size() < spare_max_) {
      shelf.spare.push_back(bytes);
      return;
    }
  }
  delete[] bytes;
}

std::size_t BufferPool::on_loan() const {
  const std::lock_guard lock(mutex_);
  return shelves_[small_shelf].lent + shelves_[large_shelf].lent;
}

std::size_t BufferPool::spare() const {
  const std::lock_guard lock(mutex_);
  return shelves_[small_shelf].spare.size() + shelves_[large_shelf].spare.size();
}

}  // namespace sealpost::net
