#pragma once
// What one session is still to be sent, in order, and what it was sent and has not acknowledged: messages of the
// broker. Bounded; what has no room is refused, and the owner says so. Not safe for threads by itself.

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "mqtt/message.hpp"
#include "mqtt/session.hpp"

namespace sealpost::mqtt {

struct Delivery {
  // Its number in the session, rising, from 1. The packet id follows from it, so that it survives a restart of the
  // server (see packet_id_of).
  std::uint64_t number = 0;
  MessagePtr message;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool again = false;                        // it may have been sent before a restart of the server: to be marked DUP
  bool released = false;                     // QoS 2: its PUBREC is in
  std::shared_ptr<void> stored{};            // the owner's note of its copy on disk; null: there is none
  std::vector<std::uint32_t> identifiers{};  // of the subscriptions that it matched

  std::size_t cost() const { return sizeof(Delivery) + message->cost() + identifiers.capacity() * 4; }
};

struct DeliveryLimits {
  std::size_t messages_max = 10'000;
  std::size_t bytes_max = 16 * 1024 * 1024;
};

class Deliveries {
 public:
  explicit Deliveries(const DeliveryLimits& limits) : limits_(&limits) {}

  // Numbers count up by themselves; a stored one brings its own.
  std::uint64_t next_number() { return ++last_number_; }

  bool has_room(std::size_t cost) const;
  // One that costs so much is on its way: it has its room already, until it is added or is not coming.
  void promise(std::size_t cost);
  void redeem(std::size_t cost);
  // Behind all that waits with a lower number. There is room, or the owner has its reasons.
  void add(Delivery delivery);

  bool has_waiting() const { return !waiting_.empty(); }
  std::size_t waiting() const { return waiting_.size(); }
  // The next to send. It stays first until sent() or drop().
  const Delivery& front() const { return waiting_.front(); }
  // The first was sent: at QoS 0 that is all, else it is in flight.
  void sent();
  // The first is not to be sent.
  Delivery drop();

  // In flight, oldest first.
  const std::list<Delivery>& flight() const { return flight_; }
  Delivery* in_flight(std::uint64_t number);
  // It is over: acknowledged, or refused.
  std::optional<Delivery> settle(std::uint64_t number);
  // Puts one that was in flight in an earlier life of the server back there.
  void restore(Delivery delivery);

  // QoS 0 messages do not outlive the connection.
  void drop_qos0();
  // All of them, in flight and waiting: there are none afterwards.
  std::list<Delivery> take_all();
  std::size_t bytes() const { return bytes_; }

 private:
  const DeliveryLimits* limits_;
  std::list<Delivery> waiting_;
  std::list<Delivery> flight_;
  std::size_t bytes_ = 0;
  std::size_t promised_ = 0;
  std::size_t promised_bytes_ = 0;
  std::uint64_t last_number_ = 0;
};

// The packet id of a delivery.
constexpr PacketId packet_id_of(std::uint64_t number) {
  return static_cast<PacketId>(sessions_packet_id_max + 1 + number % (65'535 - sessions_packet_id_max));
}

}  // namespace sealpost::mqtt
