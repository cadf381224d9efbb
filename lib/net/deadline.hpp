#pragma once
// A call that comes unless this ends first.

#include "base/ports.hpp"

namespace sealpost::net {

class Deadline {
 public:
  Deadline(Timers& timers, std::chrono::milliseconds delay, std::function<void()> expired)
      : timers_(timers), handle_(timers.after(delay, std::move(expired))) {}
  ~Deadline() { timers_.cancel(handle_); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  Timers& timers_;
  const Timers::Handle handle_;
};

}  // namespace sealpost::net
