#include "schedules.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <thread>

#include "asking.hpp"
#include "judge.hpp"
#include "pauses.hpp"

namespace sealpost::power {
namespace {

using namespace log;

constexpr int bodies_max = 20'000;
constexpr std::size_t transactions = 300;

// Each thread has dice of its own, by the order in which the threads come; what they make of it is the scheduler's.
class Delays final : public Watcher {
 public:
  explicit Delays(std::uint64_t seed) : seed_(seed) {}

  int before(Call) override {
    thread_local std::uint64_t of = 0;
    thread_local Dice dice;
    if (std::exchange(of, seed_) != seed_) dice.seed(seed_ * 64 + threads_++);
    switch (roll(dice, 16)) {
      case 0:
      case 1:
        sched_yield();
        break;
      case 2:
        put_off(roll(dice, 200));
        break;
      default:
        break;
    }
    return SQLITE_OK;
  }

 private:
  // Long enough for others to do several things. (What the standard library calls is over at once here.)
  static void put_off(int microseconds) {
    const timespec time{0, microseconds * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
  }

  const std::uint64_t seed_;
  std::atomic<std::uint64_t> threads_{0};
};

// What one answer showed.
struct Snapshot {
  LogHead head;
  std::vector<std::pair<std::int64_t, Digest>> events;  // the newest
  std::string broken;
};

Snapshot look(Reader& reader, const Permalink& whose) {
  Snapshot shot;
  shot.head = reader.head();
  const EventId from{std::max<std::int64_t>(0, shot.head.id.value - 50)};
  for (const StoredEvent& event : reader.events_after(from, {}, {1000, 1 << 30}).events)
    shot.events.emplace_back(event.committed.id().value, event.committed.hash());
  if (shot.events.size() != static_cast<std::size_t>(shot.head.id.value - from.value))
    shot.broken = "events are missing";
  if (!shot.events.empty() && shot.events.back() != std::pair(shot.head.id.value, shot.head.hash))
    shot.broken = "the head is not the newest event";
  const auto client = reader.client(whose);
  const auto lane = reader.lane({whose}, {1}, {100'000, 1 << 30});
  const std::uint64_t length = client ? client->out.seq.value : 0;
  if (lane.size() != length) shot.broken = fmt::format("a lane of {} has {} messages", length, lane.size());
  for (std::size_t i = 0; i < lane.size(); ++i)
    if (lane[i].committed.seq().value != i + 1) shot.broken = "a lane has a gap";
  if (length > 0 && lane.back().committed.id() != client->out.event) shot.broken = "a lane's head is another message";
  return shot;
}

// Asks again and again until told to stop.
class Asker {
 public:
  Asker(EventLog& log, const std::atomic<std::int64_t>& acked, std::string who)
      : log_(log), acked_(acked), whose_{sha256(as_bytes(who))} {}

  void run(const std::atomic<bool>& stop) {
    try {
      while (!stop && broken_.empty()) one();
    } catch (const std::exception& error) {
      broken_ = error.what();
    }
  }
  const std::string& broken() const { return broken_; }
  const std::map<std::int64_t, Digest>& seen() const { return seen_; }

 private:
  void one() {
    const std::int64_t acked = acked_;
    const Snapshot shot = ask(log_, [this](Reader& reader) { return look(reader, whose_); });
    broken_ = shot.broken;
    if (shot.head.id.value < acked) broken_ = "an answer does not have what was acknowledged before the question";
    if (shot.head.id < newest_) broken_ = "an answer is older than the one before";
    newest_ = shot.head.id;
    for (const auto& [id, hash] : shot.events)
      if (seen_.emplace(id, hash).first->second != hash) broken_ = "an event has changed";
  }

  EventLog& log_;
  const std::atomic<std::int64_t>& acked_;
  const Permalink whose_;
  EventId newest_;
  std::map<std::int64_t, Digest> seen_;
  std::string broken_;
};

// Gives all of it, some at a time; throws where something is refused.
void append_all(EventLog& log, Ledger& ledger, Author& author, Dice& dice, std::atomic<std::int64_t>& acked) {
  std::atomic<std::size_t> answered{0};
  std::atomic<bool> refused{false};
  for (std::size_t i = 0; i < transactions; ++i) {
    const Transaction transaction = author.lawful(ledger.model());
    ledger.give(transaction, 0);
    log.append(transaction, [&](const Result<Appended>& answer) {
      if (!answer) refused = true;
      if (answer && !answer->events.empty()) acked = answer->events.back().id().value;
      ++answered;
      answered.notify_all();
    });
    // Sometimes all must be answered first: then the writer sees to the house.
    const auto in_flight = static_cast<std::size_t>(chance(dice, 30) ? 0 : roll(dice, 20));
    for (std::size_t now = answered; i + 1 - now > in_flight; now = answered) answered.wait(now);
  }
  for (std::size_t now = answered; now < transactions; now = answered) answered.wait(now);
  if (refused) throw Violation("a lawful transaction is refused");
}

}  // namespace

void Schedules::run(std::uint64_t seed) {
  Dice dice(seed);
  Author author(dice, bodies_max);
  Ledger ledger;
  Delays delays(seed);
  machine.start({});
  machine.clock.take(chance(dice, 50) ? 100 : 9000);
  auto log = machine.must_open();
  machine.disk.watch(&delays);
  let_time_pass();
  std::atomic<std::int64_t> acked{0};
  std::atomic<bool> stop{false};
  std::vector<std::unique_ptr<Asker>> all;
  std::vector<std::thread> threads;
  for (const char* who : {"ann", "bob", "cat"}) all.push_back(std::make_unique<Asker>(*log, acked, who));
  for (const auto& asker : all) threads.emplace_back([&asker = *asker, &stop] { asker.run(stop); });
  std::string broken;
  try {
    append_all(*log, ledger, author, dice, acked);
  } catch (const Violation& violation) {
    broken = violation.what();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  machine.disk.watch(nullptr);
  for (const auto& asker : all)
    if (!asker->broken().empty()) broken = asker->broken();
  if (!broken.empty()) throw Violation(broken);
  const Finding found = judge(*log, ledger, ledger.entries().size(), machine.clock.now());
  for (const auto& asker : all)
    for (const auto& [id, hash] : asker->seen())
      if (found.hashes.at(static_cast<std::size_t>(id - 1)) != hash) throw Violation("an answer was of another chain");
  log.reset();
  let_time_stand_still();
  machine.must_verify();
}

}  // namespace sealpost::power
