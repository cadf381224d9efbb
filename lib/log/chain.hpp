#pragma once
// The hash chain: each event's hash covers the one before and every column of its own (docs/event-log.md).

#include "log/event.hpp"

namespace sealpost::log {

// An event with all that its row holds. `draft.time` is settled; the body itself is not covered, only its hash.
struct Record {
  EventId id;
  std::size_t part = 0;  // its place in its transaction, from 0
  Draft draft;
  Millis logged = 0;
  Digest body_hash{};  // all zero: there never was a body
  Digest hash{};
};

// What the first event of a log is chained to.
Digest genesis(const Device& log_id);

Digest hash_of_body(const Body&);

// The hash of the record, from its other fields.
Digest chain_hash(const Digest& previous, const Record&);

}  // namespace sealpost::log
