#include "auth/limits.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.hpp"
#include "base/sha256.hpp"

namespace sealpost::auth {
namespace {

constexpr std::uint8_t ipv4 = 4, ipv6 = 6, other = 0;
constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};  // RFC 4291, 2.5.5.2

template <class Number>
bool read_number(std::string_view text, int base, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// "192.0.2.7", appended to `out`.
bool append_ipv4(std::string_view text, Bytes& out) {
  if (std::ranges::count(text, '.') != 3) return false;
  for (int left = 4; left > 0; --left) {
    std::uint8_t byte = 0;
    if (!read_number(take_until(text, '.'), 10, byte)) return false;
    out.push_back(byte);
  }
  return true;
}

// "2001:db8:7", or with an IPv4 address for its last part; one side of "::", which may be empty.
bool append_groups(std::string_view text, Bytes& out) {
  while (!text.empty()) {
    const bool last = text.find(':') == std::string_view::npos;
    const std::string_view part = take_until(text, ':');
    if (last && part.find('.') != std::string_view::npos) return append_ipv4(part, out);
    std::uint16_t group = 0;
    if (part.size() > 4 || (!last && text.empty()) || !read_number(part, 16, group)) return false;
    out.push_back(static_cast<std::uint8_t>(group >> 8));
    out.push_back(static_cast<std::uint8_t>(group));
  }
  return true;
}

// RFC 4291, section 2.2.
std::optional<Bytes> read_ipv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  Bytes bytes, after;
  const std::string_view before = text.substr(0, gap);
  if (gap != std::string_view::npos && before.find('.') != std::string_view::npos) return std::nullopt;
  if (!append_groups(before, bytes)) return std::nullopt;
  if (gap == std::string_view::npos) return bytes.size() == 16 ? std::optional(bytes) : std::nullopt;
  if (!append_groups(text.substr(gap + 2), after) || bytes.size() + after.size() > 14) return std::nullopt;
  bytes.resize(16 - after.size());
  bytes.insert(bytes.end(), after.begin(), after.end());
  return bytes;
}

Network network(std::uint8_t kind, BytesView bytes) {
  Network network{kind};
  std::ranges::copy(bytes, network.begin() + 1);
  return network;
}

}  // namespace

Network network_of(std::string_view address) {
  const std::string_view text = address.substr(0, address.find('%'));  // without an IPv6 zone
  Bytes bytes;
  if (append_ipv4(text, bytes)) return network(ipv4, bytes);
  if (const auto v6 = read_ipv6(text)) {
    const bool mapped = std::equal(mapped_prefix.begin(), mapped_prefix.end(), v6->begin());
    return mapped ? network(ipv4, BytesView(*v6).last(4)) : network(ipv6, BytesView(*v6).first(8));
  }
  const Digest digest = sha256(as_bytes(address));
  return network(other, BytesView(digest).first(8));
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
