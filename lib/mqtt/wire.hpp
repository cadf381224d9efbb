#pragma once
// The data representations of MQTT (5.0 section 1.5), read from and written to plain bytes. Internal to the codec.

#include <cstring>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mqtt/errors.hpp"
#include "mqtt/topic.hpp"

namespace sealpost::mqtt {

inline constexpr std::uint32_t varint_max = 268'435'455;

constexpr std::size_t varint_size(std::size_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

// Reads fields one after the other. The first fault sticks, and every later read gives zero or nothing, so that a
// decoder is a straight line with one test at its end.
class Reader {
 public:
  explicit Reader(BytesView bytes) : rest_(bytes) {}

  bool ok() const { return !fault_; }
  std::optional<Errc> fault() const { return fault_; }
  bool empty() const { return rest_.empty(); }
  std::size_t size() const { return rest_.size(); }
  void fail(Errc errc) {
    if (!fault_) fault_ = errc;
    rest_ = {};
  }
  void fail_if(bool wrong, Errc errc) {
    if (wrong) fail(errc);
  }

  BytesView take(std::size_t count) {
    if (count > rest_.size()) {
      fail(Errc::truncated);
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  BytesView take_rest() { return take(rest_.size()); }

  std::uint8_t u8() {
    const auto bytes = take(1);
    return bytes.empty() ? std::uint8_t{0} : bytes[0];
  }
  std::uint16_t u16() {
    const auto bytes = take(2);
    return bytes.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  // Variable Byte Integer, in its shortest form [MQTT-1.5.5-1].
  std::uint32_t varint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const auto byte = u8();
      value |= static_cast<std::uint32_t>(byte & 0x7F) << shift;
      if (byte & 0x80) continue;
      fail_if(byte == 0 && shift > 0, Errc::bad_remaining_length);
      return value;
    }
    fail(Errc::bad_remaining_length);
    return 0;
  }
  BytesView binary() { return take(u16()); }
  std::string_view text() {
    const auto read = as_text(binary());
    fail_if(!valid_utf8(read), Errc::bad_utf8);
    return read;
  }

 private:
  BytesView rest_;
  std::optional<Errc> fault_;
};

// Two takers of the same fields: one that counts the bytes, and one that puts them where there is room for so many.
class Counter {
 public:
  std::size_t size() const { return size_; }
  bool ok() const { return ok_; }
  void fail() { ok_ = false; }

  void u8(std::uint8_t) { size_ += 1; }
  void u16(std::uint16_t) { size_ += 2; }
  void u32(std::uint32_t) { size_ += 4; }
  void varint(std::size_t value) {
    ok_ = ok_ && value <= varint_max;
    size_ += varint_size(value);
  }
  void raw(BytesView bytes) { size_ += bytes.size(); }
  void room(std::size_t bytes) { size_ += bytes; }
  void binary(BytesView bytes) {
    ok_ = ok_ && bytes.size() <= 65'535;
    size_ += 2 + bytes.size();
  }

 private:
  std::size_t size_ = 0;
  bool ok_ = true;
};

class Writer {
 public:
  explicit Writer(std::uint8_t* at) : at_(at) {}
  void fail() {}

  void u8(std::uint8_t value) { *at_++ = value; }
  void u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16));
    u16(static_cast<std::uint16_t>(value));
  }
  void varint(std::size_t value) {
    for (; value >= 128; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80));
    u8(static_cast<std::uint8_t>(value));
  }
  void raw(BytesView bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void binary(BytesView bytes) {
    u16(static_cast<std::uint16_t>(bytes.size()));
    raw(bytes);
  }

 private:
  std::uint8_t* at_;
};

// The size of the packet that begins here, its fixed header too; 0 if too few bytes are there to know.
Result<std::size_t> packet_size(BytesView begun);

}  // namespace sealpost::mqtt
