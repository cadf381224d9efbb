#include "net/wheel.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <optional>

#include "base/assert.hpp"

namespace sealpost::net {

Timers::Handle WheelSlots::add(Tick due, Expired expired) {
  due = std::max(due, advanced_ + 1);
  const std::uint32_t index = allot();
  Entry& entry = entries_[index];
  std::uint32_t& head = heads_[slot_of(due)];
  entry.expired = std::move(expired);
  entry.due = due;
  entry.previous = none;
  entry.next = head;
  if (head != none) entries_[head].previous = index;
  head = index;
  ++size_;
  return (static_cast<Timers::Handle>(entry.generation) << 32) | index;
}

WheelSlots::Expired WheelSlots::cancel(Timers::Handle handle) {
  const auto index = static_cast<std::uint32_t>(handle);
  const auto generation = static_cast<std::uint32_t>(handle >> 32);
  if (index >= entries_.size() || entries_[index].generation != generation || entries_[index].due == 0) return nullptr;
  return take(index);
}

void WheelSlots::advance(Tick now, std::vector<Expired>& out) {
  if (now <= advanced_) return;
  const Tick last = std::min(now, advanced_ + static_cast<Tick>(slot_count));  // one turn visits every slot
  for (Tick tick = advanced_ + 1; size_ > 0 && tick <= last; ++tick) advance_slot(slot_of(tick), now, out);
  advanced_ = now;
}

void WheelSlots::advance_slot(std::size_t slot, Tick now, std::vector<Expired>& out) {
  for (std::uint32_t index = heads_[slot]; index != none;) {
    const std::uint32_t following = entries_[index].next;
    if (entries_[index].due <= now) out.push_back(take(index));
    index = following;
  }
}

WheelSlots::Tick WheelSlots::next() const {
  if (size_ == 0) return -1;
  Tick tick = advanced_ + 1;
  while (heads_[slot_of(tick)] == none) ++tick;
  return tick;
}

std::uint32_t WheelSlots::allot() {
  if (free_ == none) {
    SEALPOST_ASSERT(entries_.size() < none);
    entries_.emplace_back();
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  const std::uint32_t index = free_;
  free_ = entries_[index].next;
  return index;
}

void WheelSlots::unlink(std::uint32_t index) {
  const Entry& entry = entries_[index];
  if (entry.next != none) entries_[entry.next].previous = entry.previous;
  if (entry.previous != none) {
    entries_[entry.previous].next = entry.next;
  } else {
    heads_[slot_of(entry.due)] = entry.next;
  }
}

WheelSlots::Expired WheelSlots::take(std::uint32_t index) {
  unlink(index);
  Entry& entry = entries_[index];
  Expired expired = std::exchange(entry.expired, nullptr);
  entry.due = 0;
  if (++entry.generation == 0) entry.generation = 1;
  entry.next = free_;
  free_ = index;
  --size_;
  return expired;
}

// Lives on in the timer's handler, which may run while the Wheel is being destroyed.
class Wheel::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(const boost::asio::any_io_executor& executor) : timer_(executor), start_(Steady::now()) {}

  Handle after(std::chrono::milliseconds delay, std::function<void()> expired) {
    const std::lock_guard lock(mutex_);
    if (!timer_) return 0;
    // Rounded up twice: to the next millisecond, and to a whole tick.
    const WheelSlots::Tick due = (now_ms() + 1 + std::max<WheelSlots::Tick>(delay.count(), 0) + tick_ms - 1) / tick_ms;
    const Handle handle = slots_.add(due, std::move(expired));
    if (armed_ < 0 || due < armed_) arm(due);
    return handle;
  }

  void cancel(Handle handle) {
    WheelSlots::Expired cancelled;  // ends after the lock: what it holds may cancel another
    const std::lock_guard lock(mutex_);
    cancelled = slots_.cancel(handle);
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return slots_.size();
  }

  void stop() {
    WheelSlots dropped;  // ends after the lock: what it holds may cancel another
    const std::lock_guard lock(mutex_);
    std::swap(dropped, slots_);
    timer_.reset();
  }

 private:
  using Steady = std::chrono::steady_clock;
  static constexpr WheelSlots::Tick tick_ms = 50;

  std::int64_t now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start_).count();
  }

  void arm(WheelSlots::Tick tick) {
    armed_ = tick;
    timer_->expires_at(start_ + std::chrono::milliseconds(tick * tick_ms));  // cancels an earlier wait
    timer_->async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->tick();
    });
  }

  void tick() {
    std::vector<WheelSlots::Expired> due;
    {
      const std::lock_guard lock(mutex_);
      if (!timer_) return;
      slots_.advance(now_ms() / tick_ms, due);
      armed_ = -1;
      const WheelSlots::Tick next = slots_.next();
      if (next >= 0) arm(next);
    }
    for (const auto& expired : due) expired();
  }

  mutable std::mutex mutex_;                        // a leaf: nothing is called under it but the timer
  std::optional<boost::asio::steady_timer> timer_;  // none once stopped
  const Steady::time_point start_;
  WheelSlots slots_;
  WheelSlots::Tick armed_ = -1;  // the tick that the timer waits for; -1: none
};

Wheel::Wheel(boost::asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}

Wheel::~Wheel() {
  state_->stop();
}

Timers::Handle Wheel::after(std::chrono::milliseconds delay, std::function<void()> expired) {
  return state_->after(delay, std::move(expired));
}

void Wheel::stop() {
  state_->stop();
}

void Wheel::cancel(Handle handle) {
  state_->cancel(handle);
}

std::size_t Wheel::size() const {
  return state_->size();
}

}  // namespace sealpost::net
