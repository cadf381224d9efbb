#pragma once
// What was given to a log, in order, and what it said to it: the account that it is held to.

#include <optional>
#include <stdexcept>

#include "model.hpp"

namespace sealpost::power {

// The promise was broken.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Entry {
  log::Transaction transaction;
  Millis given = 0;
  EventId first;                        // which its first event gets, if it has any
  std::vector<Digest> hashes;           // of its events, once acknowledged or seen
  std::optional<std::size_t> acked_at;  // how much had happened on the disk by then
};

// A device's position, noted when so many entries had been given.
struct Noted {
  Permalink client;
  Device device;
  Seq seq;
  std::size_t entries;
};

class Ledger {
 public:
  // A lawful transaction. Gives its place.
  std::size_t give(const log::Transaction&, Millis now);
  void note(const Permalink&, const Device&, Seq);
  // What the log said. Throws where an ack is not as it must be.
  void answered(std::size_t place, const Result<log::Appended>&, std::size_t now);

  // So many entries a log must have whose disk lost its power then.
  std::size_t sure(std::size_t then) const;
  // The log has turned out to have so many of them: no others ever were. After a power cut they are sure; after the
  // end of a process those that were acknowledged.
  void settle(std::size_t entries, bool all_sure = true);
  void settle(const Permalink&, const Device&, Seq position);

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Noted>& noted() const { return noted_; }
  const Model& model() const { return model_; }  // with all that was given
  std::vector<Entry>& entries() { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::vector<Noted> noted_;
  Model model_;
};

}  // namespace sealpost::power
