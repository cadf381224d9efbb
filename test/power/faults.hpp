#pragma once
// A hundred appends, checkpoints and starts, and each call to the disk failing once, or for good from there on. Never
// is acknowledged what is not durable; a log that meets an error says so and takes no more, one that finds no room goes
// on when there is some; and afterwards everything is whole.

#include <optional>

#include "author.hpp"
#include "failing_disk.hpp"
#include "machine.hpp"

namespace sealpost::power {

class Faults {
 public:
  // `watcher`: of the disk's calls; null: none.
  Faults(Breakage& breakage, Watcher* watcher) : breakage_(breakage) { machine_.disk.watch(watcher); }

  // The number of calls that a run makes to what does not fail.
  std::uint64_t calls();
  // Throws a Violation. False: of the writes that were to fail for want of room there was none.
  bool run(std::uint64_t call, Failing);

 private:
  struct LogFailed {};

  void play(std::uint64_t call, Failing);
  void step(int number);
  void open();
  void append(int transactions);
  std::vector<ErrorCode> give(const std::vector<std::size_t>& places);
  void find_room();
  void look();
  void keep_house();
  void end_failed_log();
  void restart();
  void must_be_whole_after_cut(const std::vector<Operation>& trace, std::size_t at, Survivors);

  Machine machine_;
  Breakage& breakage_;
  Failing failing_ = Failing::once;
  Dice dice_;
  std::optional<Author> author_;
  Ledger ledger_;
  std::unique_ptr<log::EventLog> log_;
};

}  // namespace sealpost::power
