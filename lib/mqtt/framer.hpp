#pragma once
// Cuts a stream of bytes into packets. Chunks may be split anywhere; a packet that lies whole in a chunk is not copied,
// and between packets nothing is held, so that an idle connection costs nothing.

#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mqtt/errors.hpp"

namespace sealpost::mqtt {

class Framer {
 public:
  // `packet_size_max` counts the whole packet, its fixed header too (5.0 section 3.1.2.11.4).
  explicit Framer(std::uint32_t packet_size_max) : packet_size_max_(packet_size_max) {}

  void set_packet_size_max(std::uint32_t bytes) { packet_size_max_ = bytes; }

  // Takes a chunk, which the caller keeps until next() has returned an empty view or settle() was called.
  void feed(BytesView chunk);

  // The next whole packet, valid until the next call; an empty view if more bytes are needed. Errc::packet_too_large as
  // soon as the length is known, before the packet is buffered; Errc::bad_remaining_length. After an error it is over.
  Result<BytesView> next();

  // Copies what is left of the chunk, so that the caller may reuse it.
  void settle();

  // The first byte of the packet that is still to come whole, if that is there: next() has returned an empty view.
  std::optional<std::uint8_t> begun() const {
    return held_read_ < held_.size() ? std::optional(held_[held_read_]) : std::nullopt;
  }

  // Forgets all: the stream is over.
  void drop() { *this = Framer(packet_size_max_); }

  std::size_t heap_bytes() const { return held_.capacity(); }

  // Bytes of the chunk and of the buffer that no packet has been made of.
  std::size_t waiting() const { return held_.size() - held_read_ + chunk_.size(); }

 private:
  Result<BytesView> next_of_chunk();
  Result<BytesView> next_of_held();
  Result<std::size_t> checked_size(BytesView begun) const;
  void take_of_chunk(std::size_t missing, std::size_t packet);

  std::uint32_t packet_size_max_;
  std::uint32_t held_read_ = 0;  // bytes of held_ that were returned as a packet
  BytesView chunk_;
  Bytes held_;  // the beginning of a packet (or more, after settle), its rest still to come
};

}  // namespace sealpost::mqtt
