#pragma once
// Gives a log transactions, such that the same dice make the same operations on the disk: of each burst the first is
// given while the writer is idle, and the others on the writer's own thread, so that they make its next batch whatever
// the threads do.

#include <semaphore>

#include "author.hpp"
#include "machine.hpp"

namespace sealpost::power {

class Player {
 public:
  Player(Machine& machine, log::EventLog& log, Ledger& ledger, Author& author, Dice& dice)
      : machine_(machine), log_(log), ledger_(ledger), author_(author), dice_(dice) {}

  // Waits until all are answered. Throws where the log refuses what is lawful, or takes what is not.
  void burst(int transactions);

 private:
  void give_one();
  void give_rest();
  void answered(std::size_t place, const Result<log::Appended>&);
  void note_position();
  void one_less();

  Machine& machine_;
  log::EventLog& log_;
  Ledger& ledger_;
  Author& author_;
  Dice& dice_;
  int rest_ = 0;     // to be given when the first is answered
  int waiting_ = 0;  // given and not answered
  std::string broken_;
  std::binary_semaphore all_answered_{0};
};

}  // namespace sealpost::power
