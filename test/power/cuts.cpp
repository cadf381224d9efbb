#include "cuts.hpp"

#include <fmt/format.h>

#include "judge.hpp"
#include "pauses.hpp"
#include "player.hpp"

namespace sealpost::power {
namespace {

constexpr int bodies_max = 20'000;

}  // namespace

Cuts::Cuts() {
  prepare();
}

// Closed well; and as the power went off with what follows behind not done.
void Cuts::prepare() {
  bases_.push_back({});
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Dice dice(seed);
    Author author(dice, bodies_max);
    Base base;
    machine.start({});
    machine.vfs.seed(seed);
    {
      const auto log = machine.must_open();
      Player player(machine, *log, base.ledger, author, dice);
      for (std::uint64_t i = 0; i < 3 * seed; ++i) player.burst(1 + roll(dice, 12));
      if (seed % 2 == 0) wait_until_idle();
      if (seed % 3 != 0) base.image = machine.disk.cached();
    }
    if (seed % 3 == 0) base.image = machine.disk.cached();
    base.ledger.settle(base.ledger.entries().size());
    bases_.push_back(std::move(base));
  }
}

int Cuts::run(std::uint64_t seed) {
  story_.clear();
  try {
    return run_by_dice(seed);
  } catch (const std::exception& error) {
    throw Violation(error.what() + (" (" + story_) + ")");
  }
}

int Cuts::run_by_dice(std::uint64_t seed) {
  Dice dice(seed);
  Base base = bases_[static_cast<std::size_t>(roll(dice, static_cast<int>(bases_.size())))];
  // Now and then what makes a long write-ahead log, and checkpoints right after commits.
  const bool heavy = chance(dice, 1);
  Author author(dice, heavy ? 100'000 : bodies_max);
  machine.vfs.seed(seed);
  machine.clock.take(chance(dice, 50) ? 100 : 9000);
  machine.start(base.image);
  work(dice, author, base.ledger, heavy ? 40 : 1 + roll(dice, 6));
  int cuts = 0;
  do {
    const std::size_t sure = cut(dice, base);
    ++cuts;
    recover(dice, author, base.ledger, sure);
  } while (chance(dice, 30));
  return cuts;
}

void Cuts::work(Dice& dice, Author& author, Ledger& ledger, int steps) {
  auto log = machine.must_open();
  for (; steps > 0; --steps) {
    const int kind = roll(dice, 10);
    if (kind == 0) wait_until_idle();
    if (kind == 1) machine.clock.jump(roll(dice, 10) == 0 ? Millis{8} * 24 * 3600 * 1000 : 1000);
    if (kind == 2) {
      log.reset();
      log = machine.must_open();
    }
    Player(machine, *log, ledger, author, dice).burst(1 + roll(dice, kind == 3 ? 40 : 8));
  }
  if (chance(dice, 50)) wait_until_idle();
}

// Cuts the power at some operation since it came on. Gives what the log must have then.
std::size_t Cuts::cut(Dice& dice, Base& base) {
  const auto& trace = machine.disk.trace();
  const auto at = static_cast<std::size_t>(roll(dice, static_cast<int>(trace.size()) + 1));
  const auto survivors = static_cast<Survivors>(roll(dice, survivors_count));
  story_ += fmt::format(" cut at operation {} of {}, survivors: {};", at, trace.size(), name_of(survivors));
  if (tell) tell_trace(base.ledger, at);
  Platter platter(machine.disk.at_start());
  for (std::size_t i = 0; i < at; ++i) platter.apply(trace[i]);
  base.image = platter.after_cut(survivors, dice);
  machine.start(base.image);
  return base.ledger.sure(at + machine.vfs.plant.early_by);
}

void Cuts::tell_trace(const Ledger& ledger, std::size_t at) const {
  const auto& trace = machine.disk.trace();
  fmt::print("{}\n", story_);
  for (std::size_t i = 0; i < trace.size(); ++i) fmt::print("{} {}{}\n", i, line_of(trace[i]), i == at ? " <<<" : "");
  for (std::size_t place = 0; place < ledger.entries().size(); ++place)
    if (const auto acked = ledger.entries()[place].acked_at; acked && *acked > 0)
      fmt::print("transaction {} acknowledged after {} operations\n", place, *acked);
  std::fflush(stdout);
}

// Looks at what is there, and goes on with it.
void Cuts::recover(Dice& dice, Author& author, Ledger& ledger, std::size_t sure) {
  if (!ledger.entries().empty() && sure > 0) machine.must_verify();
  {
    const auto log = machine.must_open();
    settle(ledger, judge(*log, ledger, sure, machine.clock.now()));
    Player player(machine, *log, ledger, author, dice);
    for (int bursts = 1 + roll(dice, 2); bursts > 0; --bursts) player.burst(1 + roll(dice, 4));
    if (chance(dice, 30)) wait_until_idle();
    if (chance(dice, 20)) judge(*log, ledger, ledger.entries().size(), machine.clock.now());
  }
  if (chance(dice, 15)) machine.must_verify();
  if (chance(dice, 3)) machine.must_rebuild();
}

}  // namespace sealpost::power
