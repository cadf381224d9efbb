#pragma once
// Strong identifiers: a Link is never taken for a Permalink, nor a Seq for an Epoch.

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/sha256.hpp"

namespace sealpost {

// 32 bytes that name something; written as 64 lower-case hex digits. All zero means "none" (the link before the first).
template <class Tag>
struct Name32 {
  Digest bytes{};

  static std::optional<Name32> from_hex(std::string_view text);
  std::string hex() const;
  BytesView view() const { return bytes; }
  bool is_none() const { return *this == Name32{}; }
  friend auto operator<=>(const Name32&, const Name32&) = default;
};

using Link = Name32<struct LinkTag>;            // SHA-256 of an object's canonical bytes (PROTOCOL section 1)
using Permalink = Name32<struct PermalinkTag>;  // the link of version 0: who, not which version
using PublicKey = Name32<struct PublicKeyTag>;  // Ed25519 public key (RFC 8032); written as base64url in objects

// A number with a meaning of its own.
template <class Tag, class Value = std::uint64_t>
struct Number {
  Value value{};

  friend auto operator<=>(const Number&, const Number&) = default;
  Number next() const { return {static_cast<Value>(value + 1)}; }
};

using Seq = Number<struct SeqTag>;                        // a message's number in its lane, from 1; 0: none yet
using Epoch = Number<struct EpochTag>;                    // counts a device's proven connections, from 1
using EventId = Number<struct EventIdTag, std::int64_t>;  // an event's number in the log, from 1; 0: none
using Millis = std::int64_t;                              // milliseconds since the Unix epoch, or a span of them

// The label of one device of an identity: 1 to 32 of A-Z a-z 0-9 _ -
class Device {
 public:
  Device() = default;
  static std::optional<Device> parse(std::string_view text);
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Device&, const Device&) = default;

 private:
  std::string text_;
};

}  // namespace sealpost

template <class Tag>
struct std::hash<sealpost::Name32<Tag>> {
  // The bytes are a cryptographic hash or a key already: any eight of them will do.
  std::size_t operator()(const sealpost::Name32<Tag>& name) const {
    std::size_t value;
    std::memcpy(&value, name.bytes.data(), sizeof value);
    return value;
  }
};

template <>
struct std::hash<sealpost::Device> {
  std::size_t operator()(const sealpost::Device& device) const { return std::hash<std::string>{}(device.text()); }
};
