#include "script.hpp"

#include <fmt/format.h>

#include "judge.hpp"
#include "pauses.hpp"
#include "player.hpp"

namespace sealpost::power {
namespace {

constexpr std::uint64_t script_seed = 200;
constexpr std::size_t messages = 200;
constexpr int bodies_max = 5000;

std::size_t messages_in(const Ledger& ledger) {
  std::size_t count = 0;
  for (const Entry& entry : ledger.entries())
    for (const log::Draft& draft : entry.transaction.drafts)
      count += draft.kind == log::Kind::in || draft.kind == log::Kind::out ? 1 : 0;
  return count;
}

}  // namespace

Recorded record_script() {
  Machine machine;
  Dice dice(script_seed);
  Author author(dice, bodies_max);
  Recorded recorded;
  machine.start({});
  machine.vfs.seed(script_seed);
  auto log = machine.must_open();
  bool restarted = false;
  for (int step = 1; messages_in(recorded.ledger) < messages; ++step) {
    Player(machine, *log, recorded.ledger, author, dice).burst(1 + roll(dice, 6));
    if (step % 10 == 0) wait_until_idle();
    if (restarted || messages_in(recorded.ledger) < messages / 2) continue;
    log.reset();
    log = machine.must_open();
    restarted = true;
  }
  log.reset();
  recorded.trace = machine.disk.trace();
  return recorded;
}

int EveryOperation::cut_at(std::size_t operation) {
  const std::size_t operations = operation - 1;
  for (; applied_ < operations; ++applied_) platter_.apply(script_.trace[applied_]);
  int cuts = 0;
  for (const Survivors survivors : {Survivors::none, Survivors::all, Survivors::prefix, Survivors::sectors}) {
    try {
      check(operations, survivors);
      ++cuts;
    } catch (const std::exception& error) {
      throw Violation(fmt::format("{} (survivors: {})", error.what(), name_of(survivors)));
    }
  }
  return cuts;
}

void EveryOperation::check(std::size_t operations, Survivors survivors) {
  Dice dice(operations);
  machine_.start(platter_.after_cut(survivors, dice));
  machine_.vfs.seed(operations);
  Ledger ledger = script_.ledger;
  const std::size_t sure = ledger.sure(operations);
  if (sure > 0) machine_.must_verify();
  const auto log = machine_.must_open();
  settle(ledger, judge(*log, ledger, sure, machine_.clock.now()));
  Author author(dice, bodies_max);
  Player(machine_, *log, ledger, author, dice).burst(2);
}

}  // namespace sealpost::power
