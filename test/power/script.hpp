#pragma once
// One fixed run of two hundred messages, and the power cut at every operation of it.

#include "author.hpp"
#include "machine.hpp"

namespace sealpost::power {

// What happened on the disk, from an empty one on, and what was given and acknowledged meanwhile.
struct Recorded {
  std::vector<Operation> trace;
  Ledger ledger;
};

// Creation, messages in batches and alone, indexes and checkpoints in between, a stop and a start, a stop.
Recorded record_script();

class EveryOperation {
 public:
  explicit EveryOperation(const Recorded& script) : script_(script) {}

  // Cuts the power at the operation (from 1; those before it have happened), with each kind of survivors; not to be
  // called with an earlier one than before. Gives how many cuts that was.
  int cut_at(std::size_t operation);

 private:
  void check(std::size_t operations, Survivors);

  const Recorded& script_;
  Machine machine_;
  Platter platter_{Image()};
  std::size_t applied_ = 0;
};

}  // namespace sealpost::power
