// What goes on once a connection is accepted, and what comes out of it. The way there is in connection_receive.cpp.

#include "mqtt/connection.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "mqtt/reasons_of_packets.hpp"

namespace sealpost::mqtt {

namespace {

// Each costs the memory of a topic, however many a client offers.
constexpr std::uint16_t own_aliases_max = 32;

// A code that a CONNACK or DISCONNECT may carry, for one that it may not.
ReasonCode carried(PacketType type, ReasonCode reason) {
  if (may_carry(set_of(type), reason)) return reason;
  const bool stopping = type == PacketType::connack && reason == ReasonCode::server_shutting_down;
  return stopping ? ReasonCode::server_unavailable : ReasonCode::unspecified_error;
}

// What a text holds besides the object itself.
std::size_t heap_bytes_of(const std::string& text) {
  return text.capacity() > std::string{}.capacity() ? text.capacity() + 1 : 0;
}

}  // namespace

Connection::Connection(const Limits& limits, Millis now)
    : limits_(&limits), framer_(limits.packet_size_before_accept), received_at_(now), heard_at_(now) {
  SEALPOST_ASSERT(limits.receive_maximum != 0);
}

bool Connection::wants_input() const {
  return !closing() && !stalled();
}

std::optional<Millis> Connection::deadline() const {
  if (state_ != State::open || keep_alive_ == 0) return std::nullopt;
  return heard_at_ + Millis{keep_alive_} * 1500;
}

bool Connection::expire(Millis now) {
  // Whoever is not listened to cannot be heard.
  if (stalled()) heard_at_ = now;
  const auto at = deadline();
  if (!at || now < *at) return false;
  fail(Errc::keep_alive_timeout);
  return true;
}

Result<void> Connection::accept(Session& session, const ConnackOptions& options) {
  if (closing()) return Errc::closed;
  if (state_ != State::connecting && state_ != State::authenticating) return Errc::out_of_state;
  Connack connack;
  connack.session_present = session.present();
  if (version_ == Version::v5) {
    describe_limits(connack.properties);
    describe(options, connack.properties);
  }
  const auto sent = send(connack);
  if (!sent) {
    close();  // a client that cannot be told the terms cannot keep them [MQTT-3.1.2-25]
    return sent;
  }
  session_ = &session;
  state_ = State::open;
  turn_ = Turn::none;
  heard_at_ = received_at_;
  framer_.set_packet_size_max(limits_->packet_size);
  return sent;
}

// 5.0 section 3.2.2.3: what is as the standard has it by default is not said.
void Connection::describe_limits(Properties& p) const {
  if (limits_->receive_maximum != 65'535) p.receive_maximum = limits_->receive_maximum;
  if (limits_->maximum_qos != Qos::exactly_once) p.maximum_qos = limits_->maximum_qos;
  if (limits_->topic_alias_maximum != 0) p.topic_alias_maximum = limits_->topic_alias_maximum;
  p.maximum_packet_size = limits_->packet_size;
  if (!limits_->retain_available) p.retain_available = false;
  if (!limits_->wildcard_subscriptions) p.wildcard_subscription_available = false;
  if (!limits_->subscription_identifiers) p.subscription_identifiers_available = false;
  if (!limits_->shared_subscriptions) p.shared_subscription_available = false;
  if (keep_alive_replaced_) p.server_keep_alive = keep_alive_;
}

void Connection::describe(const ConnackOptions& options, Properties& p) const {
  p.assigned_client_id = options.assigned_client_id;
  p.session_expiry = options.session_expiry;
  p.reason_string = options.reason_string;
  p.response_information = options.response_information;
  p.user_properties = options.user_properties;
  if (!has_method_) return;
  p.authentication_method = authentication_method_;  // [MQTT-4.12.0-5]
  p.authentication_data = options.authentication_data;
}

Result<void> Connection::refuse(ReasonCode reason, std::string_view reason_string) {
  if (closing()) return Errc::closed;
  if (state_ != State::connecting && state_ != State::authenticating) return Errc::out_of_state;
  close_with(reason, reason_string);
  return {};
}

Result<void> Connection::authenticate(ReasonCode reason, BytesView data, const Properties& more) {
  if (closing()) return Errc::closed;
  const bool going_on = reason == ReasonCode::continue_authentication;
  const bool first = state_ == State::connecting && going_on;
  const bool later = state_ == State::authenticating && going_on && turn_ == Turn::server;
  const bool again = state_ == State::open && (going_on || reason == ReasonCode::success) && turn_ == Turn::server;
  if (!has_method_ || !(first || later || again)) return Errc::out_of_state;  // [MQTT-4.12.0-6]
  Auth auth{reason, more};
  auth.properties.authentication_method = authentication_method_;
  auth.properties.authentication_data = data;
  const auto sent = send_trimmed(std::move(auth));
  if (!sent) return sent;
  if (first) state_ = State::authenticating;
  turn_ = going_on ? Turn::client : Turn::none;
  return sent;
}

Result<void> Connection::puback(PacketId packet_id, ReasonCode reason, const Properties& properties) {
  const auto sent = answer_publish(Puback{packet_id, reason, properties});
  if (sent) end_incoming();
  return sent;
}

// The client may send one more. It counts the end of every flow, even of one that began on an earlier connection or of
// which we know nothing, but never beyond the receive maximum (5.0 section 4.9).
void Connection::end_incoming() {
  if (incoming_ > 0) --incoming_;
}

template <class Answer>
Result<void> Connection::answer_publish(Answer answer) {
  const auto open = check_open();
  if (!open) return open;
  const auto found = std::find(unanswered_.begin(), unanswered_.end(), answer.packet_id);
  if (found == unanswered_.end()) return Errc::unknown_packet_id;
  const auto sent = send_trimmed(std::move(answer));
  if (sent) unanswered_.erase(found);
  return sent;
}

Result<void> Connection::pubrec(PacketId packet_id, ReasonCode reason, const Properties& properties) {
  const auto open = check_open();
  if (!open) return open;
  const bool taken = !is_failure(reason);
  session_->decide_pending(packet_id, taken);
  const auto sent = answer_publish(Pubrec{packet_id, reason, properties});
  if (!sent) return sent;
  if (taken)
    session_->add_received(packet_id);  // [MQTT-4.3.3-10]
  else
    end_incoming();
  return sent;
}

Result<void> Connection::defer(PacketId packet_id) {
  const auto open = check_open();
  if (open) session_->add_pending(packet_id);
  return open;
}

Result<void> Connection::pubcomp(PacketId packet_id) {
  const auto open = check_open();
  if (!open) return open;
  session_->release_received(packet_id);
  end_incoming();
  return send(Pubcomp{packet_id, ReasonCode::success, {}});  // [MQTT-4.3.3-11]
}

Result<void> Connection::pubrel(PacketId packet_id) {
  const auto open = check_open();
  if (!open) return open;
  InFlight* message = session_->find_in_flight(packet_id);
  if (message == nullptr || !message->exactly_once) return Errc::unknown_packet_id;
  message->released = true;
  if (!std::exchange(message->sent, true)) ++in_flight_;    // after a resume it uses up the window until it is over
  return send(Pubrel{packet_id, ReasonCode::success, {}});  // [MQTT-4.3.3-4]
}

Result<void> Connection::suback(PacketId packet_id, std::vector<ReasonCode> reasons, const Properties& properties) {
  const auto open = check_open();
  return open ? send_trimmed(Suback{packet_id, std::move(reasons), properties}) : open;
}

Result<void> Connection::unsuback(PacketId packet_id, std::vector<ReasonCode> reasons, const Properties& properties) {
  const auto open = check_open();
  return open ? send_trimmed(Unsuback{packet_id, std::move(reasons), properties}) : open;
}

std::uint16_t Connection::window() const {
  const bool full = state_ != State::open || in_flight_ >= client_receive_maximum_;
  return full ? std::uint16_t{0} : static_cast<std::uint16_t>(client_receive_maximum_ - in_flight_);
}

Result<PacketId> Connection::publish(const OutPublish& message) {
  const auto open = check_open();
  if (!open) return open.error();
  Publish publish{
      message.topic, message.payload, message.qos, message.retain, message.dup, 0, {}, message.encoded_properties};
  if (message.properties != nullptr) publish.properties = *message.properties;
  if (message.qos != Qos::at_most_once) {
    const auto begun = begin_flight(message, publish);
    if (!begun) return begun.error();
  } else if (message.packet_id || message.dup) {
    return Errc::out_of_state;
  }
  const bool new_alias = use_alias(publish);
  const auto start = output_.size();
  const auto encoded = encode_publish(version_, publish, output_);
  if (!encoded) return encoded.error();
  if (output_.size() - start > client_packet_size_max_) {  // [MQTT-3.1.2-24]
    output_.resize(start);
    return Errc::packet_too_large;
  }
  if (new_alias) own_aliases_->emplace(message.topic, *publish.properties.topic_alias);
  if (publish.packet_id == 0) return publish.packet_id;
  ++in_flight_;
  if (InFlight* again = session_->find_in_flight(publish.packet_id))
    again->sent = true;
  else
    session_->add_in_flight({publish.packet_id, true, message.token, message.qos == Qos::exactly_once});
  return publish.packet_id;
}

// The packet id of a QoS 1 or 2 message, if the client's window and the session have room for it.
Result<void> Connection::begin_flight(const OutPublish& message, Publish& publish) {
  if (window() == 0) return Errc::window_full;  // [MQTT-3.3.4-7]
  publish.packet_id = message.packet_id ? *message.packet_id : session_->take_packet_id();
  if (publish.packet_id == 0) return Errc::window_full;
  const auto* again = session_->find_in_flight(publish.packet_id);
  if (again == nullptr) {
    const bool of_owner = publish.packet_id > sessions_packet_id_max;
    return message.packet_id && !of_owner ? Result<void>(Errc::unknown_packet_id) : Result<void>();
  }
  // The id of an owner's number may still be that of the one 60,000 before: it is as if the window were full.
  if (message.packet_id > sessions_packet_id_max && again->token != message.token) return Errc::window_full;
  // Once in a connection is enough [MQTT-4.4.0-1], and no PUBLISH after its PUBREL [MQTT-4.3.3-6].
  if (again->sent || again->released) return Errc::out_of_state;
  publish.dup = true;  // [MQTT-3.3.1-1]
  return {};
}

// Puts an alias in the place of a topic that has one, and gives one to a topic while there are some left
// [MQTT-3.1.2-26]. True if it is new: the client learns it if the packet goes out.
bool Connection::use_alias(Publish& publish) {
  if (client_alias_maximum_ == 0) return false;
  if (!own_aliases_) own_aliases_ = std::make_unique<OwnAliases>();
  const auto found = own_aliases_->find(publish.topic);
  if (found != own_aliases_->end()) {
    publish.properties.topic_alias = found->second;
    publish.topic = {};
    return false;
  }
  if (own_aliases_->size() >= std::min(client_alias_maximum_, own_aliases_max)) return false;
  publish.properties.topic_alias = static_cast<std::uint16_t>(own_aliases_->size() + 1);
  return true;
}

void Connection::disconnect(ReasonCode reason, std::string_view reason_string) {
  close_with(reason, reason_string);
}

void Connection::take_output(Bytes& out) {
  if (out.capacity() == 0) return out.swap(output_);
  out.insert(out.end(), output_.begin(), output_.end());
  output_ = Bytes{};
}

std::size_t Connection::heap_bytes() const {
  std::size_t bytes = framer_.heap_bytes() + output_.capacity() + unanswered_.capacity() * sizeof(PacketId) +
                      heap_bytes_of(authentication_method_) + aliases_.capacity() * sizeof(std::string);
  for (const auto& topic : aliases_) bytes += heap_bytes_of(topic);
  if (!own_aliases_) return bytes;
  constexpr std::size_t of_node = sizeof(OwnAliases::value_type) + 2 * sizeof(void*);
  bytes += sizeof(OwnAliases) + own_aliases_->bucket_count() * sizeof(void*) + own_aliases_->size() * of_node;
  for (const auto& [topic, alias] : *own_aliases_) bytes += heap_bytes_of(topic);
  return bytes;
}

std::optional<Event> Connection::fail(Errc errc) {
  if (closing()) return std::nullopt;
  failure_ = errc;
  close_with(reason_of(errc), {});
  return std::nullopt;
}

// [MQTT-3.14.0-1]: before CONNACK it is a CONNACK that says why, and before CONNECT nothing does [MQTT-3.1.0-1]. In
// 3.1.1 a server has no DISCONNECT, and CONNACK few codes: there it just closes (section 4.8).
void Connection::close_with(ReasonCode reason, std::string_view reason_string) {
  Properties properties;
  if (!reason_string.empty()) properties.reason_string = reason_string;
  const bool v5 = version_ == Version::v5;
  if (state_ == State::connecting || state_ == State::authenticating) {
    if (v5) reason = carried(PacketType::connack, reason);
    send_trimmed(Connack{false, reason, std::move(properties)}).has_value();
  } else if (state_ == State::open && v5) {
    send_trimmed(Disconnect{carried(PacketType::disconnect, reason), std::move(properties)}).has_value();
  }
  close();
}

void Connection::close() {
  state_ = State::closing;
  session_ = nullptr;
  unanswered_ = std::vector<PacketId>{};  // not {}, which would keep the memory
}

Result<void> Connection::check_open() const {
  if (closing()) return Errc::closed;
  if (state_ != State::open) return Errc::out_of_state;
  return {};
}

Result<void> Connection::send(const Packet& packet) {
  const auto start = output_.size();
  const auto encoded = encode(version_, packet, output_);
  if (!encoded) return encoded;
  if (output_.size() - start <= client_packet_size_max_) return {};
  output_.resize(start);
  return Errc::packet_too_large;
}

template <class Answer>
Result<void> Connection::send_trimmed(Answer answer) {
  constexpr bool always = std::is_same_v<Answer, Connack> || std::is_same_v<Answer, Disconnect>;
  if (!always && !problem_information_) {  // [MQTT-3.1.2-29]
    answer.properties.reason_string.reset();
    answer.properties.user_properties.clear();
  }
  auto sent = send(answer);
  if (sent || sent.error() != Errc::packet_too_large) return sent;
  answer.properties.user_properties.clear();
  answer.properties.reason_string.reset();
  return send(answer);
}

}  // namespace sealpost::mqtt
