#pragma once
// A coroutine that waits for something a channel will tell it.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "net/channel.hpp"

namespace sealpost::net {

// At most one at a time. Guarded by the mutex of the channel it belongs to: completing only posts.
class Waiter {
 public:
  explicit operator bool() const { return static_cast<bool>(done_); }

  // `fallback` is for handlers that have no executor of their own.
  template <class Handler>
  void set(Handler handler, const asio::any_io_executor& fallback) {
    executor_ = asio::get_associated_executor(handler, fallback);
    // Not by assignment: in Boost 1.81 that calls itself for ever.
    Done(std::move(handler)).swap(done_);
  }

  void complete(ErrorCode error) {
    if (!done_) return;
    asio::post(std::exchange(executor_, nullptr),
               [done = std::exchange(done_, nullptr), error]() mutable { std::move(done)(error); });
  }

 private:
  using Done = asio::any_completion_handler<void(ErrorCode)>;
  asio::any_io_executor executor_;
  Done done_;
};

// Waits for the queue to shrink below a number of bytes.
class DrainWait {
 public:
  template <class Handler>
  void set(Handler handler, const asio::any_io_executor& fallback, std::size_t below) {
    below_ = below;
    waiter_.set(std::move(handler), fallback);
  }
  // Tells if the queue is small enough, or the channel over.
  void check(std::size_t unsent, ErrorCode over) {
    if (unsent < below_) {
      waiter_.complete({});
    } else if (over) {
      waiter_.complete(over);
    }
  }
  explicit operator bool() const { return static_cast<bool>(waiter_); }

 private:
  std::size_t below_ = 0;
  Waiter waiter_;
};

// Work under way for a channel. If it is destroyed unfinished, as when an io_context ends, the channel lets go of the
// coroutines that wait for it: they hold the channel, and would keep each other for ever.
template <class Owner>
class Errand {
 public:
  explicit Errand(std::weak_ptr<Owner> owner) : owner_(std::move(owner)) {}
  Errand(Errand&&) noexcept = default;
  Errand& operator=(Errand&&) = delete;
  ~Errand() {
    if (const auto owner = owner_.lock()) owner->forsake();
  }
  std::shared_ptr<Owner> finish() { return std::exchange(owner_, {}).lock(); }

 private:
  std::weak_ptr<Owner> owner_;
};

}  // namespace sealpost::net
