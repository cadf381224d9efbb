#include "auth/limits.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "base/assert.hpp"
#include "base/sha256.hpp"

namespace sealpost::auth {
namespace {

constexpr std::uint8_t ipv4 = 4, ipv6 = 6, other = 0;
constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};  // RFC 4291, 2.5.5.2

Network network(std::uint8_t kind, const std::uint8_t* bytes, std::size_t size) {
  Network network{kind};
  std::memcpy(network.data() + 1, bytes, size);
  return network;
}

}  // namespace

Network network_of(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));  // without an IPv6 zone
  std::array<std::uint8_t, 16> bytes;
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return network(ipv4, bytes.data(), 4);
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) {
    const bool mapped = std::ranges::equal(std::span(bytes).first<12>(), mapped_prefix);
    return mapped ? network(ipv4, bytes.data() + 12, 4) : network(ipv6, bytes.data(), 8);
  }
  return network(other, sha256(as_bytes(address)).data(), 8);
}

bool Bucket::take(std::int64_t count, const Allowance& allowance, Millis now) {
  const std::int64_t full = allowance.size * allowance.period;
  if (!begun_) {
    begun_ = true;
    left_ = full;
    since_ = now;
  }
  const Millis passed = std::clamp<Millis>(now - since_, 0, full);  // no overflow, however long the silence
  left_ = std::min(full, left_ + passed * allowance.rate);
  since_ = std::max(since_, now);
  if (count > allowance.size || count * allowance.period > left_) return false;
  left_ -= count * allowance.period;
  return true;
}

Addresses::Addresses(const AddressLimits& limits) : limits_(limits) {
  SEALPOST_ASSERT(limits.addresses_max > 0);
}

Addresses::Entry& Addresses::entry(std::string_view address) {
  const Network network = network_of(address);
  if (const auto known = index_.find(network); known != index_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return entries_.front();
  }
  if (entries_.size() == limits_.addresses_max) {
    index_.erase(entries_.back().network);
    entries_.pop_back();
  }
  entries_.push_front({network, {}, {}});
  index_[network] = entries_.begin();
  return entries_.front();
}

bool Addresses::take_checks(std::string_view address, std::int64_t checks, Millis now) {
  return entry(address).checks.take(checks, {limits_.checks_per_second, 1'000, limits_.checks_burst}, now);
}

bool Addresses::take_registration(std::string_view address, Millis now) {
  const std::int64_t per_hour = limits_.registrations_per_hour;
  return entry(address).registrations.take(1, {per_hour, 3'600'000, per_hour}, now);
}

}  // namespace sealpost::auth
