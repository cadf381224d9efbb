#pragma once
// Virtual time: what is to happen when. It stands still while something happens, and then jumps to the next. The clocks
// and timers that the server and the clients are given hang on it.

#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/ports.hpp"
#include "dice.hpp"

namespace sealpost::sim {

class Schedule {
 public:
  using Action = std::function<void()>;
  using Id = std::uint64_t;  // 0: none

  Millis now() const { return now_; }
  std::uint64_t steps() const { return steps_; }
  std::size_t waiting() const { return actions_.size(); }

  // What is due at the same time happens in the order in which it was asked for.
  Id after(Millis delay, Action action) {
    const Millis due = now_ + std::max<Millis>(delay, 0);
    actions_.emplace(std::pair(due, ++last_), std::move(action));
    due_.emplace(last_, due);
    return last_;
  }
  void cancel(Id id) {
    const auto found = due_.find(id);
    if (found == due_.end()) return;
    actions_.erase({found->second, id});
    due_.erase(found);
  }
  // False: there is nothing to do, ever.
  bool run_next() {
    if (actions_.empty()) return false;
    const auto first = actions_.extract(actions_.begin());
    now_ = first.key().first;
    due_.erase(first.key().second);
    ++steps_;
    first.mapped()();
    return true;
  }

 private:
  std::map<std::pair<Millis, Id>, Action> actions_;
  std::unordered_map<Id, Millis> due_;
  Millis now_ = 0;
  Id last_ = 0;
  std::uint64_t steps_ = 0;
};

// Somebody's clock: true time and how far it is off.
class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(const Schedule& schedule) : schedule_(schedule) {}

  Millis now() const override { return epoch + schedule_.now() + skew; }
  std::int64_t steady_us() const override { return schedule_.now() * 1000; }
  Millis skew = 0;

 private:
  static constexpr Millis epoch = 1'790'000'000'000;
  const Schedule& schedule_;
};

// What a process has yet to do. All of it ends with the process, and what it holds is gone at once.
class Errands {
 public:
  using Handle = std::uint64_t;

  explicit Errands(Schedule& schedule) : schedule_(schedule) {}
  ~Errands() { drop(); }
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  Handle after(Millis delay, Schedule::Action action) {
    const Handle handle = ++last_;
    const auto act = [this, handle] {
      const auto entry = entries_.extract(handle);
      entry.mapped().action();
    };
    entries_.emplace(handle, Entry{schedule_.after(delay, act), std::move(action)});
    return handle;
  }
  void cancel(Handle handle) {
    const auto entry = entries_.extract(handle);
    if (!entry.empty()) schedule_.cancel(entry.mapped().id);
  }
  void drop() {
    for (const auto& [handle, entry] : entries_) schedule_.cancel(entry.id);
    const auto gone = std::exchange(entries_, {});
  }

 private:
  struct Entry {
    Schedule::Id id;
    Schedule::Action action;
  };
  Schedule& schedule_;
  Handle last_ = 0;
  std::map<Handle, Entry> entries_;
};

// The port to timers, of one process.
class ProcessTimers final : public Timers {
 public:
  ProcessTimers(Schedule& schedule, Dice dice) : errands_(schedule), dice_(dice) {}

  Handle after(std::chrono::milliseconds delay, std::function<void()> expired) override {
    return errands_.after(delay.count() + dice_.between(0, 100), std::move(expired));  // late, as the port allows
  }
  void cancel(Handle handle) override { errands_.cancel(handle); }
  void drop() { errands_.drop(); }

 private:
  Errands errands_;
  Dice dice_;
};

}  // namespace sealpost::sim
