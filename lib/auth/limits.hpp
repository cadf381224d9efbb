#pragma once
// How much each network address may ask for before it has proven anything: signature checks, which cost us time, and
// registrations, which cost us disk. An IPv6 customer has a /64, so that is what counts as one address there.

#include <array>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"

namespace sealpost::auth {

// What counts as one address: an IPv4 address, an IPv6 /64 (an IPv4-mapped one is IPv4), or a name that is neither,
// such as "unix". First byte: which of them.
using Network = std::array<std::uint8_t, 9>;
Network network_of(std::string_view address);

// Fills up evenly with time, up to `size` tokens.
class Bucket {
 public:
  // Takes nothing if fewer than `tokens` are left. A clock that goes back fills nothing.
  bool take(std::int64_t tokens, std::int64_t size, Millis period, Millis now);

 private:
  bool begun_ = false;
  std::int64_t left_ = 0;  // in tokens * period, so that nothing is lost in rounding
  Millis since_ = 0;
};

struct AddressLimits {
  std::int64_t checks_per_second = 100;
  std::int64_t checks_burst = 200;
  std::int64_t registrations_per_hour = 100;
  std::size_t addresses_max = 16'384;  // remembered; about 150 bytes each
};

// The caller locks. When the table is full, the address that has been silent the longest makes place: it is the one
// whose buckets are fullest, so that the least is forgotten.
class Addresses {
 public:
  Addresses() : Addresses(AddressLimits{}) {}
  explicit Addresses(const AddressLimits& limits);

  // Whether this address may cost us so many signature checks now; more than the burst at once: never. `now`: ms on a
  // clock that never goes back.
  bool take_checks(std::string_view address, std::int64_t checks, Millis now);
  bool take_registration(std::string_view address, Millis now);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Network network;
    Bucket checks;
    Bucket registrations;
  };
  struct Hash {
    std::size_t operator()(const Network& network) const;
  };
  Entry& entry(std::string_view address);

  AddressLimits limits_;
  std::list<Entry> entries_;  // the most recently heard of first
  std::unordered_map<Network, std::list<Entry>::iterator, Hash> index_;
};

}  // namespace sealpost::auth
