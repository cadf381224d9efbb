#pragma once
// All deadlines of the process behind one timer. A hashed wheel: an entry goes into the slot of its tick, in constant
// time and about 100 bytes; most are cancelled before they are due. With no entries no timer runs, and between entries
// it sleeps until the next slot that holds any.

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/ports.hpp"

namespace sealpost::net {

// The wheel without time: ticks in, what is due out. Not safe for several threads.
class WheelSlots {
 public:
  using Tick = std::int64_t;
  using Expired = std::function<void()>;
  static constexpr std::size_t slot_count = 1024;

  Timers::Handle add(Tick due, Expired expired);
  // Takes out the entry, and gives what will not be called; empty if it is not there any more.
  Expired cancel(Timers::Handle handle);
  // Takes out everything due at `now` or before, in the order of their ticks as far as slots tell, and appends it to
  // `out`.
  void advance(Tick now, std::vector<Expired>& out);
  // The first tick after the last advance() whose slot holds something, or -1 if the wheel is empty. Never later than
  // the first due entry; may be earlier, as a slot is shared by ticks a turn apart.
  Tick next() const;
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t none = 0xffffffff;
  struct Entry {
    Expired expired;
    Tick due = 0;
    std::uint32_t next = none, previous = none;
    std::uint32_t generation = 1;  // so that an old handle does not cancel a new entry
  };
  static std::size_t slot_of(Tick tick) { return static_cast<std::size_t>(tick) % slot_count; }
  std::uint32_t allot();
  void unlink(std::uint32_t index);
  Expired take(std::uint32_t index);
  void advance_slot(std::size_t slot, Tick now, std::vector<Expired>& out);

  std::vector<Entry> entries_;
  std::uint32_t free_ = none;
  std::vector<std::uint32_t> heads_ = std::vector<std::uint32_t>(slot_count, none);
  Tick advanced_ = 0;
  std::size_t size_ = 0;
};

// The wheel on an io_context. Ticks are 50 ms: an entry expires between its delay and 100 ms later, on a thread that
// runs the io_context. Safe for use from any thread.
class Wheel : public Timers {
 public:
  explicit Wheel(boost::asio::any_io_executor executor);
  ~Wheel() override;  // stops
  Handle after(std::chrono::milliseconds delay, std::function<void()> expired) override;
  void cancel(Handle handle) override;
  std::size_t size() const;

  // Lets go of the io_context and of all entries; afterwards after() does nothing. For the end of a process: with the
  // threads joined stop the wheel, destroy the io_context, whose coroutines still cancel their deadlines, then the
  // wheel.
  void stop();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace sealpost::net
