#pragma once
// A place where coroutines of one strand wait until something happens. Thread rule: every call on one strand.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <utility>
#include <vector>

namespace sealpost::pipeline {

namespace asio = boost::asio;

class Gate {
 public:
  // Resumes after the next open(). What was waited for must be looked at again: the world has moved.
  asio::awaitable<void> wait();
  // Wakes everyone who waits now. They run after the caller has returned to its executor.
  void open();

 private:
  struct Waiting {
    asio::any_io_executor executor;
    asio::any_completion_handler<void()> handler;
  };
  std::vector<Waiting> waiting_;
};

// At most one coroutine of a strand is past lock() at a time; the others queue up.
class Turn {
 public:
  class Held {
   public:
    explicit Held(Turn& turn) : turn_(&turn) {}
    Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (turn_ != nullptr) turn_->release();
    }

   private:
    Turn* turn_;
  };

  asio::awaitable<Held> take();

 private:
  void release();

  bool taken_ = false;
  Gate freed_;
};

}  // namespace sealpost::pipeline
