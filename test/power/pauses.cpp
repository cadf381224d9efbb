#include "pauses.hpp"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace sealpost::power {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// A wait that has begun. Registered with its mutex locked, and until it ends.
struct Waiter {
  pthread_cond_t* condition;
  pthread_mutex_t* mutex;
};

std::mutex waiters_mutex;
std::vector<Waiter> waiters;
std::atomic<int> may_end{0};
std::atomic<int> idle_threads{0};
std::atomic<int> changes{0};              // of what wait_until_idle() looks at
std::atomic<std::int64_t> skipped_ns{0};  // how far the steady clock is ahead of the real one

bool takes_its_end() {
  int left = may_end;
  while (left > 0 && left != INT_MAX)
    if (may_end.compare_exchange_weak(left, left - 1)) break;
  if (left > 0) notice();
  return left > 0;
}

// Whoever has begun to wait hears of it; whoever has not yet, looks.
void wake_waiters() {
  std::vector<Waiter> all;
  {
    const std::scoped_lock lock(waiters_mutex);
    all = waiters;
  }
  for (const Waiter& waiter : all) {
    pthread_mutex_lock(waiter.mutex);
    pthread_cond_broadcast(waiter.condition);
    pthread_mutex_unlock(waiter.mutex);
  }
}

void enlist(const Waiter& waiter) {
  const std::scoped_lock lock(waiters_mutex);
  waiters.push_back(waiter);
}

void strike_off(const Waiter& waiter) {
  const std::scoped_lock lock(waiters_mutex);
  std::erase_if(waiters, [&](const Waiter& each) { return each.condition == waiter.condition; });
}

}  // namespace

void let_time_pass() {
  may_end = INT_MAX;
  wake_waiters();
}

void let_time_stand_still() {
  may_end = 0;
}

void notice() {
  ++changes;
  changes.notify_all();
}

void wait_until_idle(int threads, int waits_max, const std::function<bool()>& over) {
  may_end = waits_max;
  wake_waiters();
  for (;;) {
    const int seen = changes;
    if (idle_threads >= threads || may_end == 0 || over()) break;
    changes.wait(seen);
  }
  let_time_stand_still();
}

}  // namespace sealpost::power

// What the compiler calls std::condition_variable::wait and std::chrono::steady_clock::now.
#define SEALPOST_WAIT _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE
#define SEALPOST_NOW _ZNSt6chrono3_V212steady_clock3nowEv
#define SEALPOST_JOIN(a, b) a##b
#define SEALPOST_NAME(prefix, name) SEALPOST_JOIN(prefix, name)

extern "C" {

void SEALPOST_NAME(__real_, SEALPOST_WAIT)(std::condition_variable*, std::unique_lock<std::mutex>*);
std::int64_t SEALPOST_NAME(__real_, SEALPOST_NOW)();  // a time_point is returned as the number in it

int __wrap_pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t, const timespec* until) {
  using namespace sealpost::power;
  const nanoseconds end = std::chrono::seconds(until->tv_sec) + nanoseconds(until->tv_nsec);
  enlist({condition, mutex});
  const bool over = takes_its_end();
  if (!over) pthread_cond_wait(condition, mutex);
  strike_off({condition, mutex});
  if (!over) return 0;  // woken: who waits looks for what, and waits again
  const nanoseconds left = end - steady_clock::now().time_since_epoch();
  if (left.count() > 0) skipped_ns += left.count();
  return ETIMEDOUT;
}

int __wrap_nanosleep(const timespec*, timespec*) {
  return 0;
}

std::int64_t SEALPOST_NAME(__wrap_, SEALPOST_NOW)() {
  return SEALPOST_NAME(__real_, SEALPOST_NOW)() + sealpost::power::skipped_ns;
}

void SEALPOST_NAME(__wrap_, SEALPOST_WAIT)(std::condition_variable* condition, std::unique_lock<std::mutex>* lock) {
  using sealpost::power::idle_threads;
  ++idle_threads;
  sealpost::power::notice();
  SEALPOST_NAME(__real_, SEALPOST_WAIT)(condition, lock);
  --idle_threads;
}

}  // extern "C"
