#pragma once
// One client's messages of a round, signed and framed before the clock starts, so that sending one is a system call
// and nothing else.

#include <vector>

#include "base/bytes.hpp"
#include "base/ports.hpp"
#include "mqtt/packet.hpp"
#include "object/message.hpp"

namespace sealpost::cli::bench {

// The packet that carries a message of this number. 65,535 is left for SUBSCRIBE.
inline mqtt::PacketId packet_of(std::uint64_t n) {
  return static_cast<mqtt::PacketId>((n - 1) % 65'534 + 1);
}

// Who sends, and to whom.
struct Envelope {
  Permalink author;
  Permalink recipient;
  Device device;
  std::string topic;
  std::string payload;
  Millis before_first = 0;  // `_time` of a message is this and its number
};

// An in-lane: its links run on from one round to the next.
class Lane {
 public:
  // Signs the lane's next `count` messages. Of those of the round before, `sent` were sent; the others never were.
  void prepare(const Envelope&, std::size_t sent, std::size_t count, const object::Signer&, Random&);

  std::size_t size() const { return links_.size(); }
  // Of the round's i-th message, from 0:
  const Link& link(std::size_t i) const { return links_[i]; }
  mqtt::PacketId packet(std::size_t i) const { return packet_of(before_ + i + 1); }
  std::uint64_t n(std::size_t i) const { return before_ + i + 1; }
  // The packets from the i-th on, `count` of them, as they go out.
  BytesView packets(std::size_t i, std::size_t count) const {
    return BytesView(bytes_).subspan(begins_[i], begins_[i + count] - begins_[i]);
  }

 private:
  std::uint64_t before_ = 0;  // messages of earlier rounds
  Link last_;                 // of the last of them
  Bytes bytes_;
  std::vector<std::size_t> begins_;
  std::vector<Link> links_;
};

}  // namespace sealpost::cli::bench
