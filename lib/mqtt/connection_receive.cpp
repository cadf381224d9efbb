// What comes in: packets are cut, read, held against the rules, and become events.

#include <algorithm>

#include "mqtt/connection.hpp"
#include "mqtt/topic.hpp"

namespace sealpost::mqtt {

namespace {

// Beyond a packet, what may wait while the owner is busy: a chunk that was on its way.
constexpr std::size_t waiting_chunk_max = 64 * 1024;

// All errors below this room's own calls are its own.
template <class T>
Errc errc_of(const Result<T>& failed) {
  return static_cast<Errc>(failed.error().value());
}

PacketType type_of(BytesView packet) {
  return static_cast<PacketType>(packet[0] >> 4);
}

}  // namespace

void Connection::receive(BytesView chunk, Millis now) {
  if (closing()) return;
  received_at_ = now;
  framer_.feed(chunk);
  const auto packet_max = state_ == State::open ? limits_->packet_size : limits_->packet_size_before_accept;
  if (stalled() && framer_.waiting() > packet_max + waiting_chunk_max) fail(Errc::too_many);
}

// 5.0 section 3.1.4: a client need not wait for CONNACK, but nothing it sends is looked at before. In 3.1.1 it cannot
// be told a receive maximum, so it is made to wait.
bool Connection::stalled() const {
  switch (state_) {
    case State::fresh:
    case State::closing:
      return false;
    case State::connecting:
      return true;
    case State::authenticating:
      return turn_ == Turn::server;
    case State::open:
      return held_ || (version_ == Version::v311 && unanswered_.size() >= limits_->receive_maximum);
  }
  return false;
}

std::optional<Event> Connection::next() {
  while (!closing() && !stalled()) {
    const auto packet = framer_.next();
    if (!packet) return fail(errc_of(packet));
    if (packet->empty()) return wait_for_more();
    heard_at_ = received_at_;
    auto event = take(*packet);
    if (event) return event;
  }
  if (closing())
    forget_stream();
  else
    framer_.settle();
  return std::nullopt;
}

void Connection::forget_stream() {
  framer_.drop();
  aliases_ = std::vector<std::string>{};
  own_aliases_.reset();
}

// A peer that speaks something else is found out by its first byte, not once it has sent what it takes for a length.
std::optional<Event> Connection::wait_for_more() {
  const auto begun = framer_.begun();
  if (state_ == State::fresh && begun && *begun != 0x10) return fail(Errc::unexpected_packet);
  return std::nullopt;
}

std::optional<Event> Connection::take(BytesView packet) {
  const auto type = type_of(packet);
  if ((state_ == State::fresh) != (type == PacketType::connect)) {  // [MQTT-3.1.0-1] [MQTT-3.1.0-2]
    return fail(Errc::unexpected_packet);
  }
  const bool exchange = type == PacketType::auth || type == PacketType::disconnect;
  if (state_ == State::authenticating && !exchange) return fail(Errc::unexpected_packet);  // [MQTT-3.1.2-30]
  if (type == PacketType::connect) return take_connect(packet);
  if (type == PacketType::publish) return take_publish(packet);
  return take_other(packet);
}

std::optional<Event> Connection::take_connect(BytesView packet) {
  const auto version = version_of_connect(packet);
  if (!version) {
    if (version.error() != Errc::unsupported_version) return fail(errc_of(version));
    version_ = form_for_unsupported(packet);
    state_ = State::connecting;
    return fail(Errc::unsupported_version);
  }
  version_ = *version;
  state_ = State::connecting;  // from here on a fault is answered by CONNACK
  auto decoded = decode(version_, packet, limits_->bounds);
  if (!decoded) return fail(errc_of(decoded));
  auto& connect = std::get<Connect>(*decoded);
  remember(connect);
  if (const auto fault = fault_of(connect)) return fail(*fault);
  return Event(std::move(connect));
}

std::optional<Errc> Connection::fault_of(const Connect& connect) const {
  if (version_ == Version::v311 && connect.client_id.empty() && !connect.clean_start) return Errc::bad_client_id;
  if (!connect.will) return std::nullopt;
  if (connect.will->qos > limits_->maximum_qos) return Errc::qos_not_supported;               // [MQTT-3.2.2-12]
  if (connect.will->retain && !limits_->retain_available) return Errc::retain_not_supported;  // [MQTT-3.2.2-13]
  if (!within_limits(connect.will->topic)) return Errc::topic_over_limit;
  return std::nullopt;
}

void Connection::remember(const Connect& connect) {
  const auto& p = connect.properties;
  client_packet_size_max_ = p.maximum_packet_size.value_or(packet_size_limit);
  client_receive_maximum_ = p.receive_maximum.value_or(65'535);
  client_alias_maximum_ = p.topic_alias_maximum.value_or(0);
  problem_information_ = p.request_problem_information.value_or(true);
  session_expires_at_once_ = connect.session_expiry() == 0;
  has_method_ = p.authentication_method.has_value();
  authentication_method_ = p.authentication_method.value_or("");
  keep_alive_ = connect.keep_alive;
  const auto most = limits_->keep_alive_max;
  if (version_ != Version::v5 || most == 0 || (keep_alive_ != 0 && keep_alive_ <= most)) return;
  keep_alive_ = most;
  keep_alive_replaced_ = true;
}

std::optional<Event> Connection::take_publish(BytesView packet) {
  std::optional<Event> event(std::in_place, std::in_place_type<PublishReceived>);
  auto& publish = std::get<PublishReceived>(*event);
  const auto decoded = decode_publish(version_, packet, publish, limits_->bounds);
  if (!decoded) return fail(errc_of(decoded));
  if (const auto fault = resolve_alias(publish)) return fail(*fault);
  if (const auto fault = fault_of(publish)) return fail(*fault);
  if (publish.qos == Qos::at_most_once) return event;
  if (publish.qos == Qos::exactly_once && is_repeated(publish.packet_id)) return std::nullopt;
  if (exceeds_receive_maximum()) return fail(Errc::receive_maximum_exceeded);  // [MQTT-3.3.4-9]
  unanswered_.push_back(publish.packet_id);
  ++incoming_;
  const bool again = publish.qos == Qos::exactly_once && session_->is_pending(publish.packet_id);
  if (again) return std::nullopt;  // from an earlier connection: to be answered here
  return event;
}

// A QoS 2 message whose packet id is not released yet is the one before, sent again [MQTT-4.3.3-10]: it is answered by
// PUBREC, at once or when the first one is.
bool Connection::is_repeated(PacketId packet_id) {
  if (session_->has_received(packet_id)) {
    if (const auto sent = send(Pubrec{packet_id, ReasonCode::success, {}}); !sent) fail(errc_of(sent));
    return true;
  }
  return std::find(unanswered_.begin(), unanswered_.end(), packet_id) != unanswered_.end();
}

// 5.0 section 3.3.2.3.4: an alias with a topic stands for it from now on, one without is replaced by what it stands
// for.
std::optional<Errc> Connection::resolve_alias(Publish& publish) {
  if (!publish.properties.topic_alias) return std::nullopt;
  const std::size_t alias = *publish.properties.topic_alias;
  if (alias > limits_->topic_alias_maximum) return Errc::topic_alias_invalid;  // [MQTT-3.2.2-17]
  if (publish.topic.empty()) {
    if (alias > aliases_.size() || aliases_[alias - 1].empty()) return Errc::no_topic;
    publish.topic = aliases_[alias - 1];
    return std::nullopt;
  }
  if (!within_limits(publish.topic)) return Errc::topic_over_limit;
  if (alias > aliases_.size()) aliases_.resize(alias);
  aliases_[alias - 1] = publish.topic;
  return std::nullopt;
}

std::optional<Errc> Connection::fault_of(const Publish& publish) const {
  if (publish.qos > limits_->maximum_qos) return Errc::qos_not_supported;                     // [MQTT-3.2.2-11]
  if (publish.retain && !limits_->retain_available) return Errc::retain_not_supported;        // [MQTT-3.2.2-14]
  if (!publish.properties.subscription_identifiers.empty()) return Errc::bad_property_value;  // [MQTT-3.3.4-6]
  if (!within_limits(publish.topic)) return Errc::topic_over_limit;
  return std::nullopt;
}

// Whether one more is too many. A PUBCOMP about an earlier connection makes room (see end_incoming), for no more
// messages than that could have left: hence the second bound.
bool Connection::exceeds_receive_maximum() const {
  const std::size_t most = limits_->receive_maximum;
  return version_ == Version::v5 && (incoming_ >= most || unanswered_.size() >= 2 * most);
}

bool Connection::within_limits(std::string_view topic) const {
  return topic.size() <= limits_->topic_bytes_max && level_count(topic) <= limits_->topic_levels_max;
}

std::optional<Event> Connection::take_other(BytesView packet) {
  auto decoded = decode(version_, packet, limits_->bounds);
  if (!decoded) return fail(errc_of(decoded));
  return std::visit([&](auto& some) { return on(std::move(some)); }, *decoded);
}

// 5.0 section 4.12: the client speaks when it is its turn, with the method of its CONNECT [MQTT-4.12.0-5]; 0x19 opens
// an exchange in an accepted connection, 0x18 continues one [MQTT-4.12.0-3] [MQTT-4.12.1-1].
std::optional<Event> Connection::on(Auth&& auth) {
  const bool opens = state_ == State::open && turn_ == Turn::none && auth.reason == ReasonCode::reauthenticate;
  const bool continues = turn_ == Turn::client && auth.reason == ReasonCode::continue_authentication;
  if (!valid_method(auth) || !(opens || continues)) return fail(Errc::bad_authentication);
  turn_ = Turn::server;
  return Event(std::move(auth));
}

bool Connection::valid_method(const Auth& auth) const {
  return has_method_ && auth.properties.authentication_method == authentication_method_;
}

// An id that is not in flight is left from an earlier connection, and says nothing.
std::optional<Event> Connection::on(Puback&& puback) {
  const auto* message = session_->find_in_flight(puback.packet_id);
  if (message == nullptr) return std::nullopt;
  if (message->exactly_once) return fail(Errc::unexpected_packet);
  return settle(*message, puback.reason);
}

std::optional<Event> Connection::settle(const InFlight& message, ReasonCode reason) {
  if (message.sent && in_flight_ > 0) --in_flight_;
  const PubackReceived received{message.packet_id, reason, message.token};
  session_->forget(received.packet_id);
  return Event(received);
}

// 5.0 section 4.3.3. An id that is unknown is answered as such (0x92), so that the client can end its flow.
std::optional<Event> Connection::on(Pubrec&& pubrec) {
  const auto* message = session_->find_in_flight(pubrec.packet_id);
  if (message != nullptr && !message->exactly_once) return fail(Errc::unexpected_packet);
  if (message == nullptr && is_failure(pubrec.reason)) return std::nullopt;
  if (message != nullptr && is_failure(pubrec.reason)) return settle(*message, pubrec.reason);
  if (message != nullptr && !message->released) return Event(PubrecReceived{pubrec.packet_id, message->token});
  const auto reason = message == nullptr ? ReasonCode::packet_identifier_not_found : ReasonCode::success;
  const auto sent = send(Pubrel{pubrec.packet_id, reason, {}});
  return sent ? std::nullopt : fail(errc_of(sent));
}

std::optional<Event> Connection::on(Pubrel&& pubrel) {
  if (session_->has_received(pubrel.packet_id)) return Event(PubrelReceived{pubrel.packet_id});
  end_incoming();
  const auto sent = send(Pubcomp{pubrel.packet_id, ReasonCode::packet_identifier_not_found, {}});
  return sent ? std::nullopt : fail(errc_of(sent));
}

std::optional<Event> Connection::on(Pubcomp&& pubcomp) {
  const auto* message = session_->find_in_flight(pubcomp.packet_id);
  if (message == nullptr || !message->released) return std::nullopt;
  return settle(*message, ReasonCode::success);
}

std::optional<Event> Connection::on(Subscribe&& subscribe) {
  if (const auto fault = fault_of(subscribe)) return fail(*fault);
  return Event(std::move(subscribe));
}

std::optional<Errc> Connection::fault_of(const Subscribe& subscribe) const {
  const bool v5 = version_ == Version::v5;
  const bool numbered = !subscribe.properties.subscription_identifiers.empty();
  if (numbered && !limits_->subscription_identifiers) return Errc::subscription_ids_not_supported;
  for (const auto& request : subscribe.requests) {
    if (!within_limits(request.filter)) return Errc::filter_over_limit;
    const bool shared = shared_filter(request.filter).has_value();
    if (v5 && shared && !limits_->shared_subscriptions) return Errc::shared_not_supported;
    if (v5 && has_wildcard(request.filter) && !limits_->wildcard_subscriptions) return Errc::wildcards_not_supported;
  }
  return std::nullopt;
}

std::optional<Event> Connection::on(Unsubscribe&& unsubscribe) {
  for (const auto filter : unsubscribe.filters)
    if (!within_limits(filter)) return fail(Errc::filter_over_limit);
  return Event(std::move(unsubscribe));
}

std::optional<Event> Connection::on(Pingreq&&) {
  const auto sent = send(Pingresp{});  // [MQTT-3.12.4-1]
  return sent ? std::nullopt : fail(errc_of(sent));
}

std::optional<Event> Connection::on(Disconnect&& disconnect) {
  const bool keeps_session = disconnect.properties.session_expiry.value_or(0) != 0;
  if (keeps_session && session_expires_at_once_) return fail(Errc::bad_property_value);  // 5.0 section 3.14.2.2.2
  close();
  return Event(std::move(disconnect));
}

// CONNACK, SUBACK, UNSUBACK and PINGRESP are for clients.
template <class NotForServers>
std::optional<Event> Connection::on(NotForServers&&) {
  return fail(Errc::unexpected_packet);
}

}  // namespace sealpost::mqtt
