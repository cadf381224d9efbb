#pragma once
// What a client's MQTT session keeps while connections come and go (5.0 section 4.1): subscriptions, the QoS 1 and 2
// messages sent and not yet acknowledged, and the packet ids of QoS 2 messages received and not yet released. The
// messages themselves are the owner's. No clock: times are arguments, in milliseconds on any one clock.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "mqtt/packet.hpp"

namespace sealpost::mqtt {

struct Subscription {
  SubscriptionOptions options;
  std::uint32_t identifier = 0;  // Subscription Identifier; 0: none
  friend bool operator==(const Subscription&, const Subscription&) = default;
};

// A message on its way to the client. `token` is the owner's name for it, such as its number in a lane.
struct InFlight {
  PacketId packet_id;
  bool sent;  // on the connection that is attached now; after a resume false until it is sent again
  std::uint64_t token;
  bool exactly_once = false;  // QoS 2
  bool released = false;      // QoS 2: its PUBREC is in, and PUBREL goes out in the place of PUBLISH [MQTT-4.3.3-6]
};

// Packet ids up to here are given by take_packet_id(); those above by the owner of a message that has an idea of its
// own (OutPublish::packet_id).
inline constexpr PacketId sessions_packet_id_max = 5'535;

class Session {
 public:
  using Attachment = std::uint32_t;  // names one attached connection; a later one takes its place

  // A connection takes the session, from another one if need be (the owner disconnects that with 0x8E). With
  // `clean_start`, or once expired, the session begins anew; otherwise it is resumed [MQTT-3.1.2-4] to [MQTT-3.1.2-6].
  // `expiry` in seconds (Connect::session_expiry).
  Attachment attach(bool clean_start, std::uint32_t expiry, Millis now);
  // Whether the last attach found a session to resume: for CONNACK [MQTT-3.2.2-2].
  bool present() const { return present_; }
  // The connection has ended. Nothing happens if another has taken over since.
  void detach(Attachment attachment, Millis now);
  bool attached() const { return attached_; }
  bool is_current(Attachment attachment) const { return attached_ && attachment == attachment_; }

  // A DISCONNECT may change it (5.0 section 3.14.2.2.2), a server may cap it.
  void set_expiry(std::uint32_t seconds) { expiry_ = seconds; }
  std::uint32_t expiry() const { return expiry_; }
  // When the session ends if nobody attaches; none while attached, or if it never does.
  std::optional<Millis> expires_at() const;
  bool expired(Millis now) const;

  // True if the filter is new to the session; otherwise the options are replaced [MQTT-3.8.4-3].
  bool subscribe(std::string_view filter, Subscription subscription);
  bool unsubscribe(std::string_view filter);
  const Subscription* find(std::string_view filter) const;
  const std::map<std::string, Subscription, std::less<>>& subscriptions() const { return subscriptions_; }

  // Unacknowledged messages, oldest first: after a resume the owner publishes them again in this order, with the same
  // packet id [MQTT-4.4.0-1], or forgets those it knows to be settled.
  const std::vector<InFlight>& in_flight() const { return in_flight_; }
  void forget(PacketId packet_id);

  // QoS 2 messages that came in and whose PUBREL did not yet: the same packet id again is the same message
  // [MQTT-4.3.3-10]. One is pending while the owner decides about it, which a connection may not live to see.
  bool has_received(PacketId packet_id) const;
  bool is_pending(PacketId packet_id) const;
  void add_pending(PacketId packet_id);
  void decide_pending(PacketId packet_id, bool taken);  // nothing happens if it is not pending
  void add_received(PacketId packet_id);
  bool release_received(PacketId packet_id);  // false if it is not there
  const std::vector<PacketId>& received() const { return received_; }

  // For Connection.
  // One that is not in use, up to `sessions_packet_id_max`; 0 if all are.
  PacketId take_packet_id();
  InFlight* find_in_flight(PacketId packet_id);
  bool is_in_flight(PacketId packet_id) const;
  void add_in_flight(const InFlight& message);

  // As it was on disk, before the first attach: detached since `detached_at`.
  void restore(std::uint32_t expiry, Millis detached_at);

 private:
  void clear();

  std::map<std::string, Subscription, std::less<>> subscriptions_;
  std::vector<InFlight> in_flight_;
  std::vector<PacketId> received_;  // sorted
  std::vector<PacketId> pending_;
  std::uint32_t expiry_ = 0;
  Attachment attachment_ = 0;
  PacketId last_packet_id_ = 0;
  bool attached_ = false;
  bool present_ = false;
  bool begun_ = false;
  Millis detached_at_ = 0;
};

}  // namespace sealpost::mqtt
