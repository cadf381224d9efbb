#pragma once
// How much each network address may ask for before it has proven anything: signature checks, which cost us time, and
// registrations, which cost us disk. An IPv6 customer has a /64, so that is what counts as one address there.

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <string_view>

#include "base/ids.hpp"

namespace sealpost::auth {

// What counts as one address: an IPv4 address, an IPv6 /64 (an IPv4-mapped one is IPv4), or a name that is neither,
// such as "unix". First byte: which of them.
using Network = std::array<std::uint8_t, 9>;
Network network_of(std::string_view address);

// So many in each period, and up to `size` at once.
struct Allowance {
  std::int64_t rate = 0;
  Millis period = 1'000;
  std::int64_t size = 0;
};

// Full at first; fills up evenly.
class Bucket {
 public:
  // Takes nothing if fewer than `count` are left. A clock that goes back fills nothing.
  bool take(std::int64_t count, const Allowance& allowance, Millis now);

 private:
  bool begun_ = false;
  std::int64_t left_ = 0;  // in parts of which a period has `rate` times `period`, so that rounding loses nothing
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
  Entry& entry(std::string_view address);

  AddressLimits limits_;
  std::list<Entry> entries_;                             // the most recently heard of first
  std::map<Network, std::list<Entry>::iterator> index_;  // a tree: strangers choose the keys
};

}  // namespace sealpost::auth
