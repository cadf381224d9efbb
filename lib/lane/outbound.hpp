#pragma once
// The out-lane of an identity, and each device's window on it. Both belong to the strand of the client's actor.

#include <algorithm>
#include <array>
#include <bitset>
#include <optional>

#include "base/ids.hpp"
#include "lane/heads.hpp"

namespace sealpost::lane {

// What the next message to this client must carry.
struct Stamp {
  Seq n;
  Link q;           // link of the message before; none for the first
  Millis time = 0;  // max(now, the last one's + 1)
};

class OutLane {
 public:
  OutLane() = default;
  explicit OutLane(Head durable) : heads_(durable) {}

  const Head& durable() const { return heads_.durable(); }
  const Head& pending() const { return heads_.pending(); }
  bool idle() const { return heads_.idle(); }
  // While true no number may be given: see Heads::failing.
  bool failing() const { return heads_.failing(); }

  // Numbers the next message. Its link is known once it has been built: then note_pending, before the next stamp.
  Stamp stamp(Millis now) const;
  void note_pending(const Stamp& stamp, const Link& link) { heads_.note_pending({stamp.n, link, stamp.time}); }
  void note_durable(const Head& head) { heads_.note_durable(head); }
  // To be called for each message that failed, in order. Its number is given again: nothing of it has left the server.
  void fail_from(Seq n) { heads_.note_failed(n); }

 private:
  Heads heads_;
};

// The delivery window of one device in one connection: acked <= sent <= head, and nothing is sent twice.
class Window {
 public:
  static constexpr std::size_t size_max = 16;
  using PacketId = std::uint16_t;  // MQTT's; 0: none

  // One at a time, or as many as the client's Receive Maximum allows, where it sent one, up to 16.
  static std::size_t size_for(std::optional<std::uint16_t> receive_maximum);

  Window() = default;
  // `acked` is what the device holds, `head` the durable end of the out-lane.
  Window(Seq acked, Seq head, std::size_t size);

  Seq acked() const { return acked_; }
  Seq sent() const { return sent_; }
  Seq head() const { return head_; }
  std::size_t size() const { return size_; }
  std::size_t in_flight() const { return sent_.value - acked_.value; }
  bool drained() const { return acked_ == head_; }

  // The out-lane's durable head has moved on.
  void raise_head(Seq head);
  // The number to deliver now, if there is one and the window has room. Does not change the window.
  std::optional<Seq> next_to_send() const;
  void on_sent(Seq n, PacketId packet);
  // The new acknowledged position, if the ack moved it: it moves only over numbers without a gap, so that an ack out of
  // order waits for those before it. An ack of a packet that is not in flight changes nothing.
  std::optional<Seq> on_ack(PacketId packet);
  // A new connection: what was in flight counts as unsent.
  void restart_from(Seq acked, std::size_t size);

 private:
  static std::size_t slot(Seq n) { return n.value % size_max; }
  void check() const;

  Seq acked_;
  Seq sent_;
  Seq head_;
  std::size_t size_ = 1;
  // By slot, of what is in flight.
  std::array<PacketId, size_max> packets_{};
  std::bitset<size_max> acknowledged_;
};

}  // namespace sealpost::lane
