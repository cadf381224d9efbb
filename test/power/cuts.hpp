#pragma once
// Power cuts at random operations of random runs.

#include <cstdint>

#include "author.hpp"
#include "machine.hpp"

namespace sealpost::power {

// What lies on a disk, and what its log is held to.
struct Base {
  Image image;
  Ledger ledger;
};

class Cuts {
 public:
  Cuts();

  // One run and its cuts, all of it from the seed: gives how many cuts. Throws a Violation.
  int run(std::uint64_t seed);

  Machine machine;
  bool tell = false;  // on stdout, of each operation before a cut

 private:
  void prepare();
  int run_by_dice(std::uint64_t seed);
  void work(Dice&, Author&, Ledger&, int steps);
  std::size_t cut(Dice&, Base&);
  void tell_trace(const Ledger&, std::size_t at) const;
  void recover(Dice&, Author&, Ledger&, std::size_t sure);

  std::vector<Base> bases_;  // what runs begin with: an empty disk, and logs that ended in several ways
  std::string story_;
};

}  // namespace sealpost::power
