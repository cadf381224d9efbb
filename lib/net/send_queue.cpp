#include "net/send_queue.hpp"

#include <algorithm>
#include <iterator>

namespace sealpost::net {

void SendQueue::push(Chunk chunk) {
  const std::size_t size = view_of(chunk).size();
  if (size == 0) return;
  bytes_ += size;
  chunks_.push_back(std::move(chunk));
}

std::size_t SendQueue::peek(Views& views) const {
  const std::size_t count = std::min(views.size(), chunks_.size() - first_);
  for (std::size_t i = 0; i < count; ++i) views[i] = view_of(chunks_[first_ + i]);
  if (count > 0) views[0] = views[0].subspan(offset_);
  return count;
}

void SendQueue::consume(std::size_t bytes) {
  bytes_ -= bytes;
  offset_ += bytes;
  while (first_ < chunks_.size()) {
    const std::size_t size = view_of(chunks_[first_]).size();
    if (offset_ < size) break;
    offset_ -= size;
    chunks_[first_++] = Chunk();
  }
  tidy();
}

std::vector<Chunk> SendQueue::take(std::size_t bytes) {
  std::vector<Chunk> taken;
  for (std::size_t size = 0; first_ < chunks_.size() && (taken.empty() || size < bytes); ++first_) {
    size += view_of(chunks_[first_]).size();
    bytes_ -= view_of(chunks_[first_]).size();
    taken.push_back(std::move(chunks_[first_]));
  }
  tidy();
  return taken;
}

void SendQueue::clear() {
  chunks_ = {};
  first_ = offset_ = bytes_ = 0;
}

void SendQueue::tidy() {
  if (first_ == chunks_.size()) {
    clear();
  } else if (first_ >= 64 && first_ * 2 >= chunks_.size()) {  // each chunk is moved once on the average
    chunks_.erase(chunks_.begin(), std::next(chunks_.begin(), static_cast<std::ptrdiff_t>(first_)));
    first_ = 0;
  }
}

}  // namespace sealpost::net
