#pragma once
// The server's end of one MQTT connection: bytes in, events out; the owner's answers in, bytes out. It keeps the rules
// of the two standards; what a topic means, who may connect and when a message is acknowledged is for the owner.
//
//   connection.receive(chunk, now);
//   while (auto event = connection.next()) ... accept, puback, suback, publish ...
//   connection.take_output(out);          // written to the socket in one piece
//   if (connection.closing()) ...         // close it once that is written
//
// No thread of its own and no lock: one thread (or strand) at a time. All `now` are on one steady clock.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/framer.hpp"
#include "mqtt/packet.hpp"
#include "mqtt/session.hpp"
#include "mqtt/topic.hpp"

namespace sealpost::mqtt {

// What the server allows on a listener, told to 5.0 clients in CONNACK and enforced for all. One object for all
// connections; it outlives them.
struct Limits {
  std::uint32_t packet_size_before_accept = 48 * 1024;  // bytes; CONNECT and AUTH carry an identity of up to 16 KiB
  std::uint32_t packet_size = 1024 * 1024;              // bytes, once accepted: Maximum Packet Size
  std::uint16_t receive_maximum = 32;  // unanswered QoS 1 and 2 PUBLISH; 5.0: 0x93 beyond, 3.1.1: next() waits
  Qos maximum_qos = Qos::at_least_once;
  std::uint16_t topic_alias_maximum = 0;  // that a client may use; each costs the memory of a topic
  bool retain_available = false;
  bool wildcard_subscriptions = false;    // of the three, what is off is refused to 5.0 clients by DISCONNECT, as the
  bool shared_subscriptions = false;      // standard says (3.2.2.3.11 to 13); 3.1.1 cannot be told, so there the
  bool subscription_identifiers = false;  // owner sees the request and answers it with SUBACK 0x80
  std::uint16_t keep_alive_max = 0;  // seconds; 5.0: longer ones, and none, are replaced (Server Keep Alive). 0: any
  std::uint16_t topic_bytes_max = 1024;
  std::uint16_t topic_levels_max = 32;
  DecodeBounds bounds{.user_properties_max = 32, .filters_max = 64};  // for each packet; 0x97 beyond
};

// Events. Their views are valid until the following call of next() or receive().
using ConnectReceived = Connect;  // to be answered by accept, refuse or authenticate; until then no PUBLISH comes
using AuthReceived = Auth;        // 0x18 continues, 0x19 begins a re-authentication; answered likewise
using PublishReceived = Publish;  // QoS 1: to be answered by puback, once; QoS 2: by pubrec
using SubscribeReceived = Subscribe;
using UnsubscribeReceived = Unsubscribe;
using DisconnectReceived = Disconnect;  // the client has said goodbye; the connection is closing
struct PubrelReceived {                 // the client releases a QoS 2 message of its own: to be answered by pubcomp
  PacketId packet_id = 0;
};
struct PubrecReceived {  // the client has a QoS 2 message of ours: to be answered by pubrel
  PacketId packet_id = 0;
  std::uint64_t token = 0;  // as given to publish()
};
// A publish of ours is over, by PUBACK, by PUBCOMP, or by a PUBREC that refuses it; its packet id is free again.
struct PubackReceived {
  PacketId packet_id = 0;
  ReasonCode reason = ReasonCode::success;  // 3.1.1: always success
  std::uint64_t token = 0;                  // as given to publish()
};
using Event = std::variant<ConnectReceived, AuthReceived, PublishReceived, PubrelReceived, PubrecReceived,
                           PubackReceived, SubscribeReceived, UnsubscribeReceived, DisconnectReceived>;

// What a CONNACK says besides the limits. 3.1.1 carries only whether a session was present.
struct ConnackOptions {
  std::optional<std::string_view> assigned_client_id{};
  std::optional<std::uint32_t> session_expiry{};  // seconds, where it is not what the client asked for
  std::optional<std::string_view> response_information{};
  std::optional<BytesView> authentication_data{};
  std::optional<std::string_view> reason_string{};
  std::vector<UserProperty> user_properties{};
};

struct OutPublish {
  std::string_view topic{};
  BytesView payload{};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;         // it may have been sent before a restart of the server; one in flight is marked anyway
  std::uint64_t token = 0;  // comes back in PubrecReceived and PubackReceived
  // Of a message in flight, which is sent again under it; or an id of the owner's choice, above sessions_packet_id_max.
  // None: the session has one.
  std::optional<PacketId> packet_id{};
  const Properties* properties = nullptr;  // 5.0
  BytesView encoded_properties{};          // 5.0: more of them, in their wire form
};

class Connection {
 public:
  Connection(const Limits& limits, Millis now);
  Connection(Connection&&) = default;
  Connection& operator=(Connection&&) = default;

  // Input. The chunk may be reused once next() has returned nothing. While wants_input() is false there is enough to do
  // already: the owner reads no more, and TCP holds the client back.
  void receive(BytesView chunk, Millis now);
  std::optional<Event> next();
  bool wants_input() const;
  // The owner has enough to do with what it was given: held, the connection gives nothing more and wants no input.
  void hold(bool held) { held_ = held; }

  // Time: none, or when to call expire(). The time to connect in is the owner's to limit.
  std::optional<Millis> deadline() const;
  // The owner has not read until now, so that the client could not be heard.
  void excuse_silence(Millis now) { heard_at_ = now; }
  // True if the client was silent for one and a half keep-alives: the connection is closing [MQTT-3.1.2-22].
  bool expire(Millis now);

  // Answers to a ConnectReceived or AuthReceived. `session` was attached for this connection and outlives it, or
  // outlives its closing.
  Result<void> accept(Session& session, const ConnackOptions& options = {});
  Result<void> refuse(ReasonCode reason, std::string_view reason_string = {});
  // An AUTH: continue_authentication, or success at the end of a re-authentication [MQTT-4.12.0-2].
  Result<void> authenticate(ReasonCode reason, BytesView data, const Properties& more = {});

  // Answers to the others. Reason strings and user properties are left out where the client did not ask for them
  // [MQTT-3.1.2-29] or has no room for them [MQTT-3.4.2-2].
  Result<void> puback(PacketId packet_id, ReasonCode reason = ReasonCode::success, const Properties& properties = {});
  // PUBREC: the message is the server's now, and the session keeps its packet id until it is released. A `reason` from
  // 0x80 on refuses it, and ends the flow. Where the message came on an earlier connection, and not yet again on this
  // one, only the session takes note (Errc::unknown_packet_id); where this one is closing, the owner tells it himself.
  Result<void> pubrec(PacketId packet_id, ReasonCode reason = ReasonCode::success, const Properties& properties = {});
  // The owner will decide about a QoS 2 message later, and this connection may be over by then: until pubrec(), here or
  // on a later connection of the session, or Session::decide_pending(), the same packet id is the same message.
  Result<void> defer(PacketId packet_id);
  Result<void> pubcomp(PacketId packet_id);
  // To a PubrecReceived; and after a resume to each message in flight that is `released`.
  Result<void> pubrel(PacketId packet_id);
  Result<void> suback(PacketId packet_id, std::vector<ReasonCode> reasons, const Properties& properties = {});
  Result<void> unsuback(PacketId packet_id, std::vector<ReasonCode> reasons, const Properties& properties = {});

  // Sends a message; the packet id, or 0 at QoS 0. Errc::window_full, Errc::packet_too_large.
  Result<PacketId> publish(const OutPublish& message);
  // How many more QoS 1 and 2 messages the client takes now.
  std::uint16_t window() const;

  // Says goodbye (5.0 DISCONNECT; before accept a CONNACK; 3.1.1 nothing) and closes. Nothing happens if closing.
  void disconnect(ReasonCode reason, std::string_view reason_string = {});

  // Output. Appends what waits to be sent.
  void take_output(Bytes& out);
  bool has_output() const { return !output_.empty(); }
  std::size_t output_size() const { return output_.size(); }
  // Nothing more will come in or go out, but for the output that waits.
  bool closing() const { return state_ == State::closing; }
  // Why the client's own doing closed it; none if it did not.
  std::optional<Errc> failure() const { return failure_; }

  Version version() const { return version_; }
  bool accepted() const { return state_ == State::open; }
  std::uint32_t client_packet_size_max() const { return client_packet_size_max_; }
  std::uint16_t client_receive_maximum() const { return client_receive_maximum_; }
  // Heap bytes held besides the object itself.
  std::size_t heap_bytes() const;

 private:
  // fresh: no CONNECT yet. connecting: CONNECT is with the owner. authenticating: AUTH goes to and fro.
  enum class State : std::uint8_t { fresh, connecting, authenticating, open, closing };
  // Whose turn it is to send AUTH.
  enum class Turn : std::uint8_t { none, client, server };

  std::optional<Event> wait_for_more();
  std::optional<Event> take(BytesView packet);
  std::optional<Event> take_connect(BytesView packet);
  std::optional<Event> take_publish(BytesView packet);
  std::optional<Event> take_other(BytesView packet);
  std::optional<Event> on(Auth&& auth);
  std::optional<Event> on(Puback&& puback);
  std::optional<Event> on(Pubrec&& pubrec);
  std::optional<Event> on(Pubrel&& pubrel);
  std::optional<Event> on(Pubcomp&& pubcomp);
  std::optional<Event> on(Subscribe&& subscribe);
  std::optional<Event> on(Unsubscribe&& unsubscribe);
  std::optional<Event> on(Pingreq&& pingreq);
  std::optional<Event> on(Disconnect&& disconnect);
  template <class NotForServers>
  std::optional<Event> on(NotForServers&& packet);

  std::optional<Errc> fault_of(const Connect& connect) const;
  std::optional<Errc> fault_of(const Publish& publish) const;
  std::optional<Errc> fault_of(const Subscribe& subscribe) const;
  bool within_limits(std::string_view topic) const;
  bool valid_method(const Auth& auth) const;
  bool stalled() const;
  void remember(const Connect& connect);
  void describe_limits(Properties& properties) const;
  void describe(const ConnackOptions& options, Properties& properties) const;
  std::optional<Event> fail(Errc errc);
  void close_with(ReasonCode reason, std::string_view reason_string);
  void close();
  Result<void> check_open() const;
  Result<void> begin_flight(const OutPublish& message, Publish& publish);
  bool is_repeated(PacketId packet_id);
  bool exceeds_receive_maximum() const;
  void end_incoming();
  void forget_stream();
  std::optional<Errc> resolve_alias(Publish& publish);
  bool use_alias(Publish& publish);
  template <class Answer>
  Result<void> answer_publish(Answer answer);
  std::optional<Event> settle(const InFlight& message, ReasonCode reason);
  Result<void> send(const Packet& packet);
  template <class Answer>
  Result<void> send_trimmed(Answer answer);

  // The aliases that we have given to topics for this client, first come first served.
  using OwnAliases = std::unordered_map<std::string, std::uint16_t, TextHash, std::equal_to<>>;

  const Limits* limits_;
  Session* session_ = nullptr;
  Framer framer_;
  Bytes output_;
  std::vector<PacketId> unanswered_{};  // PUBLISH received, puback or pubrec still to come
  std::vector<std::string> aliases_{};  // the topics behind the client's topic aliases, from 1
  std::unique_ptr<OwnAliases> own_aliases_;
  std::string authentication_method_;
  Millis received_at_;  // when the newest chunk came
  Millis heard_at_;     // when the newest whole packet came
  std::uint32_t client_packet_size_max_ = packet_size_limit;
  std::uint16_t client_receive_maximum_ = 65'535;
  std::uint16_t client_alias_maximum_ = 0;
  std::uint16_t in_flight_ = 0;   // sent on this connection, not acknowledged
  std::uint16_t incoming_ = 0;    // QoS 1 and 2 received on this connection, the flow not at its end
  std::uint16_t keep_alive_ = 0;  // seconds; 0: off
  Version version_ = Version::v5;
  State state_ = State::fresh;
  Turn turn_ = Turn::none;
  bool problem_information_ = true;
  bool session_expires_at_once_ = false;
  bool has_method_ = false;
  bool keep_alive_replaced_ = false;
  bool held_ = false;
  std::optional<Errc> failure_{};
};

}  // namespace sealpost::mqtt
