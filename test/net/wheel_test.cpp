#include "net/wheel.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "net/network.hpp"

namespace sealpost::net {
namespace {

void call_all(std::vector<WheelSlots::Expired>& due) {
  for (const auto& expired : due) expired();
  due.clear();
}

TEST_CASE("an entry is due at its tick, and not before") {
  WheelSlots slots;
  int calls = 0;
  slots.add(5, [&] { ++calls; });
  std::vector<WheelSlots::Expired> due;
  slots.advance(4, due);
  CHECK(due.empty());
  CHECK(slots.next() == 5);
  slots.advance(5, due);
  call_all(due);
  CHECK(calls == 1);
  CHECK(slots.next() == -1);
}

TEST_CASE("entries a turn of the wheel apart share a slot and keep their ticks") {
  WheelSlots slots;
  std::vector<int> calls;
  constexpr auto turn = static_cast<WheelSlots::Tick>(WheelSlots::slot_count);
  slots.add(7, [&] { calls.push_back(1); });
  slots.add(7 + turn, [&] { calls.push_back(2); });
  slots.add(7 + 3 * turn, [&] { calls.push_back(3); });
  std::vector<WheelSlots::Expired> due;
  slots.advance(7, due);
  call_all(due);
  CHECK(calls == std::vector{1});
  slots.advance(7 + 2 * turn, due);
  call_all(due);
  CHECK(calls == std::vector{1, 2});
  slots.advance(7 + 10 * turn, due);
  call_all(due);
  CHECK(calls == std::vector{1, 2, 3});
}

TEST_CASE("an old handle does not cancel the entry that took its place") {
  WheelSlots slots;
  const auto old = slots.add(3, [] {});
  CHECK(slots.cancel(old));
  const auto fresh = slots.add(4, [] {});
  CHECK_FALSE(slots.cancel(old));
  CHECK(slots.size() == 1);
  CHECK(slots.cancel(fresh));
  CHECK(slots.size() == 0);
  CHECK_FALSE(slots.cancel(0));
  CHECK_FALSE(slots.cancel(~Timers::Handle{0}));
}

TEST_CASE("an entry for a tick that has passed is due at the next") {
  WheelSlots slots;
  std::vector<WheelSlots::Expired> due;
  slots.advance(100, due);
  slots.add(1, [] {});
  CHECK(slots.next() == 101);
  slots.advance(101, due);
  CHECK(due.size() == 1);
}

TEST_CASE("the wheel does what a sorted map of deadlines does") {
  const bool holds = rc::check("wheel equals map", [] {
    WheelSlots slots;
    std::multimap<WheelSlots::Tick, int> model;
    std::map<int, Timers::Handle> handles;
    std::vector<int> called;
    WheelSlots::Tick now = 0;
    for (int id = 0; id < 200; ++id) {
      const int action = *rc::gen::inRange(0, 4);
      if (action < 2) {
        const auto due = now + *rc::gen::inRange<WheelSlots::Tick>(1, 3000);
        handles[id] = slots.add(due, [&called, id] { called.push_back(id); });
        model.emplace(due, id);
      } else if (action == 2 && !model.empty()) {
        const auto victim = std::next(model.begin(), *rc::gen::inRange<long>(0, static_cast<long>(model.size())));
        RC_ASSERT(static_cast<bool>(slots.cancel(handles[victim->second])));
        model.erase(victim);
      } else {
        RC_ASSERT(model.empty() == (slots.next() == -1));
        if (!model.empty()) RC_ASSERT(slots.next() > now && slots.next() <= model.begin()->first);
        now += *rc::gen::inRange<WheelSlots::Tick>(0, 1500);
        std::vector<WheelSlots::Expired> due;
        slots.advance(now, due);
        call_all(due);
        std::vector<int> expected;
        for (; !model.empty() && model.begin()->first <= now; model.erase(model.begin())) {
          expected.push_back(model.begin()->second);
        }
        std::ranges::sort(called);
        std::ranges::sort(expected);
        RC_ASSERT(called == expected);
        called.clear();
      }
      RC_ASSERT(slots.size() == model.size());
    }
  });
  CHECK(holds);
}

TEST_CASE("deadlines on the real clock come in order, never early, and only once") {
  Network network;
  using Clock = std::chrono::steady_clock;
  std::mutex mutex;
  std::vector<int> order;
  std::atomic<bool> early{false};
  for (const int delay : {300, 0, 150}) {
    const auto due = Clock::now() + std::chrono::milliseconds(delay);
    network.wheel->after(std::chrono::milliseconds(delay), [&, due, delay] {
      if (Clock::now() < due) early = true;
      const std::lock_guard lock(mutex);
      order.push_back(delay);
    });
  }
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return order.size();
  };
  REQUIRE(eventually([&] { return count() == 3; }));
  CHECK_FALSE(early);
  CHECK(order == std::vector{0, 150, 300});
  CHECK(network.wheel->size() == 0);
}

TEST_CASE("an earlier deadline than the one the wheel sleeps for wakes it in time") {
  Network network;
  std::atomic<bool> called{false};
  network.wheel->after(1h, [] {});
  network.wheel->after(20ms, [&] { called = true; });
  CHECK(eventually([&] { return called.load(); }));
}

TEST_CASE("a cancelled deadline never comes, nor does one of a wheel that has stopped") {
  Network network;
  std::atomic<int> wrong{0};
  std::atomic<bool> last{false};
  const auto handle = network.wheel->after(10ms, [&] { ++wrong; });
  network.wheel->cancel(handle);
  network.wheel->after(150ms, [&] { last = true; });
  CHECK(eventually([&] { return last.load(); }));
  network.wheel->stop();
  CHECK(network.wheel->after(0ms, [&] { ++wrong; }) == 0);
  CHECK(wrong == 0);
}

TEST_CASE("many threads may set and cancel deadlines at once, also from within deadlines") {
  Network network;
  std::atomic<int> called{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto kept = network.wheel->after(1ms, [&] { ++called; });
        const auto dropped = network.wheel->after(1h, [&] { called += 1'000'000; });
        network.wheel->cancel(dropped);
        if (i % 100 == 0) network.wheel->after(1ms, [&network, kept] { network.wheel->cancel(kept); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(eventually([&] { return network.wheel->size() == 0; }));
  CHECK(eventually([&] { return called.load() >= 8000 - 80; }));
  CHECK(called <= 8000);
}

TEST_CASE("what a deadline holds may cancel another when it ends") {
  Network network;
  const auto other = network.wheel->after(1h, [] {});
  struct Cancels {
    Wheel& wheel;
    Timers::Handle handle;
    ~Cancels() { wheel.cancel(handle); }
  };
  auto held = std::make_shared<Cancels>(*network.wheel, other);
  const auto handle = network.wheel->after(1h, [held] {});
  held.reset();
  network.wheel->cancel(handle);
  CHECK(network.wheel->size() == 0);
}

}  // namespace
}  // namespace sealpost::net
