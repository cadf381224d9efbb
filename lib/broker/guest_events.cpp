// What a client sends, and what it is answered.

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "broker/guest.hpp"

namespace sealpost::broker {
namespace {

std::string_view words_for(mqtt::ReasonCode objection) {
  return objection == mqtt::ReasonCode::not_authorized ? "this topic is not for this client to publish to"
                                                       : "there is no room for more retained messages";
}

// Requests of one client that may wait for a commit; then it is not heard until one is answered. Else whoever asks
// without end fills the log's queue, and memory.
constexpr std::size_t waiting_max = 256;

}  // namespace

void Guest::on(const mqtt::ConnectReceived& connect) {
  if (connect.properties.authentication_method)
    return refuse(mqtt::ReasonCode::bad_authentication_method, "this listener takes no authentication method");
  if (broker_.stopping()) return refuse(mqtt::ReasonCode::server_shutting_down, {});
  const std::string client_id =
      connect.client_id.empty() ? "auto-" + to_hex(door_.random.bytes<12>()) : std::string(connect.client_id);
  const auto admitted = door_.admit(connect, client_id);
  if (!admitted) return refuse(admitted.error(), {});
  if (connect.will && !admitted->access->may_publish(connect.will->topic))
    return refuse(mqtt::ReasonCode::not_authorized, "the will's topic is not for this client to publish to");
  Opening opening;
  opening.key = admitted->key;
  opening.clean_start = connect.clean_start;
  opening.expiry = connect.session_expiry();
  opening.will = will_of(connect);
  opening.access = admitted->access;
  const auto use = [&](const SessionPtr& session) { return accept(session, connect, client_id); };
  const SessionPtr session = broker_.open(opening, use, wakes_);
  if (!session) refuse(mqtt::ReasonCode::quota_exceeded, "the server keeps as many sessions as it may");
}

// Under the session's mutex.
std::shared_ptr<Outlet> Guest::accept(const SessionPtr& session, const mqtt::ConnectReceived& connect,
                                      std::string_view client_id) {
  const std::lock_guard lock(mutex_);
  mqtt::ConnackOptions options;
  if (connect.client_id.empty()) options.assigned_client_id = client_id;
  const std::uint32_t expiry = broker_.capped(connect.session_expiry());
  if (expiry != connect.session_expiry()) options.session_expiry = expiry;
  const std::string response = fmt::format("app/response/{}", client_id);
  if (connect.properties.request_response_information.value_or(false)) options.response_information = response;
  session_ = session;
  sending_ = Sending(session->state.present());
  const auto accepted = engine_.accept(session->state, options);
  if (!accepted) return nullptr;  // and the engine is closing
  channel_->proven();
  broker_.ports().timers.cancel(std::exchange(deadline_, 0));
  watch_keep_alive();
  return shared_from_this();
}

void Guest::refuse(mqtt::ReasonCode reason, std::string_view why) {
  const std::lock_guard lock(mutex_);
  (void)engine_.refuse(reason, why);  // it is answered once
}

void Guest::on(const mqtt::PublishReceived& publish) {
  if (broker_.stopping()) return;  // no answer: it comes again, to the server that starts next
  const auto message = std::make_shared<const mqtt::Message>(publish, session_->id, broker_.now());
  if (const auto objection = broker_.objection_to(*message, *session_))
    return answer_publish(publish.packet_id, publish.qos, *objection, words_for(*objection));
  broker_.ports().counters.mqtt_received_total.add();
  Routed routed = broker_.route(message, wakes_);
  const auto reason = routed.matched ? mqtt::ReasonCode::success : mqtt::ReasonCode::no_matching_subscribers;
  if (!Broker::needs_commit(*message, routed, session_.get()))
    return answer_publish(publish.packet_id, publish.qos, reason);
  const mqtt::PacketId kept = publish.qos == mqtt::Qos::exactly_once ? publish.packet_id : mqtt::PacketId{0};
  const auto done = [self = shared_from_this(), id = publish.packet_id, qos = publish.qos,
                     reason](const ErrorCode& error) { self->on_committed(id, qos, reason, error); };
  if (!begin_commit(publish)) return;  // the connection is over, and the message comes again on the next one
  broker_.commit(message, std::move(routed), session_, kept, done);
}

// On the strand of the commits. At QoS 0 nobody is told, not of a failure either.
void Guest::on_committed(mqtt::PacketId id, mqtt::Qos qos, mqtt::ReasonCode reason, const ErrorCode& error) {
  if (qos == mqtt::Qos::exactly_once)
    Broker::decide_received(*session_, id, error ? std::nullopt : std::optional(reason));
  const ErrorCode told = qos == mqtt::Qos::at_most_once ? ErrorCode() : error;
  answer_later(told, [id, qos, reason](mqtt::Connection& engine) {
    if (qos == mqtt::Qos::at_least_once) (void)engine.puback(id, reason);
  });
}

// A 3.1.1 client cannot be told that a message was refused, and is disconnected [MQTT-3.3.5-2]. At QoS 0 nobody can.
void Guest::answer_publish(mqtt::PacketId id, mqtt::Qos qos, mqtt::ReasonCode reason, std::string_view why) {
  const std::lock_guard lock(mutex_);
  if (is_failure(reason) && engine_.version() == mqtt::Version::v311) return engine_.disconnect(reason);
  mqtt::Properties properties;
  if (!why.empty()) properties.reason_string = why;
  if (qos == mqtt::Qos::at_least_once) (void)engine_.puback(id, reason, properties);
  if (qos == mqtt::Qos::exactly_once) (void)engine_.pubrec(id, reason, properties);
}

bool Guest::begin_commit(const mqtt::PublishReceived& publish) {
  begin_wait();
  const std::lock_guard lock(mutex_);
  return publish.qos != mqtt::Qos::exactly_once || engine_.defer(publish.packet_id).has_value();
}

void Guest::begin_wait() {
  const std::lock_guard lock(mutex_);
  if (++waiting_ == waiting_max) engine_.hold(true);
}

// Under the mutex.
void Guest::end_wait() {
  if (waiting_-- == waiting_max) engine_.hold(false);
}

// What a commit has decided; on the strand of the commits. An engine that is closing takes no answer: then the client
// asks again when it is back.
void Guest::answer_later(const ErrorCode& error, const std::function<void(mqtt::Connection&)>& answer) {
  {
    const std::lock_guard lock(mutex_);
    end_wait();
    if (error)
      engine_.disconnect(mqtt::ReasonCode::implementation_specific_error, storing_failed);
    else
      answer(engine_);
  }
  flush();
}

void Guest::on(const mqtt::PubrelReceived& pubrel) {
  const auto done = [self = shared_from_this(), id = pubrel.packet_id](const ErrorCode& error) {
    self->answer_later(error, [id](mqtt::Connection& engine) { (void)engine.pubcomp(id); });
  };
  begin_wait();
  if (broker_.release(*session_, pubrel.packet_id, done)) return;
  const std::lock_guard lock(mutex_);
  end_wait();
  (void)engine_.pubcomp(pubrel.packet_id);
}

void Guest::on(const mqtt::PubrecReceived& pubrec) {
  const auto done = [self = shared_from_this(), id = pubrec.packet_id](const ErrorCode& error) {
    self->answer_later(error, [id](mqtt::Connection& engine) { (void)engine.pubrel(id); });
  };
  begin_wait();
  if (broker_.received(*session_, pubrec.token, done)) return;
  const std::lock_guard lock(mutex_);
  end_wait();
  (void)engine_.pubrel(pubrec.packet_id);
}

void Guest::on(const mqtt::PubackReceived& puback) {
  broker_.settled(*session_, puback.token, wakes_);
}

void Guest::on(const mqtt::SubscribeReceived& subscribe) {
  begin_wait();
  broker_.subscribe(session_, subscribe, [self = shared_from_this(), id = subscribe.packet_id](auto reasons) {
    self->answer_later({}, [id, &reasons](mqtt::Connection& engine) { (void)engine.suback(id, std::move(reasons)); });
  });
}

void Guest::on(const mqtt::UnsubscribeReceived& unsubscribe) {
  begin_wait();
  broker_.unsubscribe(session_, unsubscribe, [self = shared_from_this(), id = unsubscribe.packet_id](auto reasons) {
    self->answer_later({}, [id, &reasons](mqtt::Connection& engine) { (void)engine.unsuback(id, std::move(reasons)); });
  });
}

void Guest::on(const mqtt::DisconnectReceived& disconnect) {
  {
    const std::lock_guard lock(mutex_);
    said_goodbye_ = true;
  }
  const bool keep_will = disconnect.reason != mqtt::ReasonCode::normal_disconnection;  // [MQTT-3.14.4-3]
  broker_.say_goodbye(*session_, this, keep_will, disconnect.properties.session_expiry);
}

}  // namespace sealpost::broker
