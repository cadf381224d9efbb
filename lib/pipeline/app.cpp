// app: ordinary MQTT of a client. What it publishes under app/ goes to the broker, what the broker has for it goes out.

#include "pipeline/app.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "auth/topic.hpp"
#include "broker/presence.hpp"
#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::pipeline {
namespace {

// Requests of one client that may wait for a commit; then it is not heard until one is answered.
constexpr std::size_t waiting_max = 256;

}  // namespace

void AppOutlet::flush() {
  const auto client = client_.lock();
  if (!client) return;
  asio::post(client->strand(), [self = shared_from_this(), client] {
    if (const auto connection = self->connection_.lock()) client->send_app(connection);
  });
}

void AppOutlet::dismiss(mqtt::ReasonCode reason, std::string_view why) {
  const auto client = client_.lock();
  if (!client) return;
  asio::post(client->strand(), [self = shared_from_this(), client, reason, why = std::string(why)] {
    if (const auto connection = self->connection_.lock()) connection->end(reason, why);
  });
}

// The broker's session takes the place of the device's own; `accept` answers the client by it.
void Client::open_app(DeviceLane& lane, const std::shared_ptr<Connection>& connection, const Opening& opening,
                      const std::function<bool()>& accept) {
  const std::string client_id = auth::ClientId{permalink_, lane.device}.text();
  broker::Opening app;
  app.key = AppService::key_of(client_id);
  app.clean_start = opening.clean_start;
  app.expiry = opening.session_expiry;
  app.will = opening.will;
  app.access = services_.app->access_of(client_id);
  const auto use = [&](const broker::SessionPtr& session) -> std::shared_ptr<broker::Outlet> {
    lane.app = session;
    connection->attachment = session->attachment;
    connection->outlet = std::make_shared<AppOutlet>(weak_from_this(), connection, session->state.present());
    return accept() ? connection->outlet : nullptr;
  };
  broker::Wakes wakes;
  if (!services_.app->broker.open(app, use, wakes))
    connection->end(mqtt::ReasonCode::quota_exceeded, "the server keeps as many sessions as it may");
  wakes.flush();
}

void Client::say_goodbye_app(const std::shared_ptr<Connection>& connection,
                             const mqtt::DisconnectReceived& disconnect) {
  const bool keep_will = disconnect.reason != mqtt::ReasonCode::normal_disconnection;  // [MQTT-3.14.4-3]
  services_.app->broker.say_goodbye(*lane_of(*connection).app, connection->outlet.get(), keep_will,
                                    disconnect.properties.session_expiry);
}

void Client::close_app(const DeviceLane& lane, const Connection& connection) {
  if (lane.app && connection.outlet) services_.app->broker.close(lane.app, connection.outlet.get());
}

void Client::send_app(const std::shared_ptr<Connection>& connection) {
  DeviceLane& lane = lane_of(*connection);
  if (!connection->outlet || lane.connection != connection) return;
  connection->outlet->begin();
  bool congested = false;
  {
    const std::lock_guard lock(lane.app->mutex);
    if (lane.app->outlet != connection->outlet) return;
    broker::Broker& broker = services_.app->broker;
    const auto& engine = connection->engine();
    do {
      congested = connection->channel().unsent() + engine.output_size() > unsent_before_pausing;
    } while (!congested && connection->outlet->send_one(broker, *lane.app, connection->engine()));
  }
  connection->flush();
  if (!congested) return;
  connection->app_paused = true;
  drain(connection);
}

void Client::begin_wait(Connection& connection) {
  if (++connection.app_waiting == waiting_max) connection.engine().hold(true);
}

void Client::end_wait(const std::shared_ptr<Connection>& connection) {
  if (connection->app_waiting-- != waiting_max) return;
  connection->engine().hold(false);
  asio::post(strand_, [self = shared_from_this(), connection] { self->step(connection); });
}

void Client::subscribe_app(const std::shared_ptr<Connection>& connection, const mqtt::SubscribeReceived& subscribe) {
  const auto answered = [self = shared_from_this(), connection, id = subscribe.packet_id](auto reasons) {
    asio::dispatch(self->strand_, [self, connection, id, reasons = std::move(reasons)]() mutable {
      self->end_wait(connection);
      (void)connection->engine().suback(id, std::move(reasons));
      connection->flush();
      self->pump(self->lane_of(*connection));
    });
  };
  begin_wait(*connection);
  services_.app->broker.subscribe(lane_of(*connection).app, subscribe, answered);
}

void Client::unsubscribe_app(const std::shared_ptr<Connection>& connection,
                             const mqtt::UnsubscribeReceived& unsubscribe) {
  const auto answered = [self = shared_from_this(), connection, id = unsubscribe.packet_id](auto reasons) {
    asio::dispatch(self->strand_, [self, connection, id, reasons = std::move(reasons)]() mutable {
      self->end_wait(connection);
      (void)connection->engine().unsuback(id, std::move(reasons));
      connection->flush();
    });
  };
  begin_wait(*connection);
  services_.app->broker.unsubscribe(lane_of(*connection).app, unsubscribe, answered);
}

// A message for others.
void Client::publish_app(const std::shared_ptr<Connection>& connection, const mqtt::PublishReceived& publish) {
  DeviceLane& lane = lane_of(*connection);
  broker::Broker& broker = services_.app->broker;
  const auto message = std::make_shared<const mqtt::Message>(publish, lane.app->id, broker.now());
  if (const auto objection = broker.objection_to(*message, *lane.app))
    return refuse_publish(connection, publish, *objection);
  services_.counters.mqtt_received_total.add();
  broker::Wakes wakes;
  broker::Routed routed = broker.route(message, wakes);
  wakes.flush();
  const auto reason = routed.matched ? mqtt::ReasonCode::success : mqtt::ReasonCode::no_matching_subscribers;
  if (!broker::Broker::needs_commit(*message, routed, lane.app.get()))
    return answer_publish(connection, publish.packet_id, publish.qos, reason);
  const mqtt::PacketId kept = publish.qos == mqtt::Qos::exactly_once ? publish.packet_id : mqtt::PacketId{0};
  const auto done = [self = shared_from_this(), connection, session = lane.app, id = publish.packet_id,
                     qos = publish.qos, reason](const ErrorCode& error) {
    asio::post(self->strand_, [self, connection, session, id, qos, reason, error] {
      self->on_committed(connection, session, id, qos, reason, error);
    });
  };
  begin_wait(*connection);
  if (kept != 0) (void)connection->engine().defer(kept);  // it is open: this is its strand
  broker.commit(message, std::move(routed), lane.app, kept, done);
}

// At QoS 0 nobody is told, not of a failure either.
void Client::on_committed(const std::shared_ptr<Connection>& connection, const broker::SessionPtr& session,
                          mqtt::PacketId id, mqtt::Qos qos, mqtt::ReasonCode reason, const ErrorCode& error) {
  end_wait(connection);
  if (error && qos != mqtt::Qos::at_most_once) fail(*connection, error);
  DeviceLane& lane = lane_of(*connection);
  if (qos == mqtt::Qos::exactly_once && lane.app == session)
    decide_received(lane, id, error ? std::nullopt : std::optional(reason));
  if (!error && qos == mqtt::Qos::at_least_once) answer_publish(connection, id, qos, reason);
  step(connection);
}

void Client::answer_publish(const std::shared_ptr<Connection>& connection, mqtt::PacketId id, mqtt::Qos qos,
                            mqtt::ReasonCode reason) {
  if (qos == mqtt::Qos::at_least_once) (void)connection->engine().puback(id, reason);
  if (qos == mqtt::Qos::exactly_once) (void)connection->engine().pubrec(id, reason);
}

// By the connection that the device has now, whichever brought the message. None: it could not be stored, and is not
// refused, which would be the end of it: it comes again.
void Client::decide_received(DeviceLane& lane, mqtt::PacketId id, std::optional<mqtt::ReasonCode> reason) {
  const auto& connection = lane.connection;
  if (connection && !connection->ended() && !reason) connection->end(mqtt::ReasonCode::implementation_specific_error);
  if (connection && !connection->ended()) {
    (void)connection->engine().pubrec(id, *reason);
    connection->flush();
  } else {
    lane.session().decide_pending(id, reason && !is_failure(*reason));
  }
}

// What follows a commit of the broker, on the strand.
broker::Broker::Done Client::answered_later(const std::shared_ptr<Connection>& connection,
                                            std::function<void()> answer) {
  return [self = shared_from_this(), connection, answer = std::move(answer)](const ErrorCode& error) {
    asio::post(self->strand_, [self, connection, answer, error] {
      self->end_wait(connection);
      if (error)
        self->fail(*connection, error);
      else
        answer();
      self->step(connection);
    });
  };
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::PubrelReceived& pubrel) {
  const auto answer = [connection, id = pubrel.packet_id] { (void)connection->engine().pubcomp(id); };
  const auto& app = lane_of(*connection).app;
  if (!app) return answer();
  begin_wait(*connection);
  if (services_.app->broker.release(*app, pubrel.packet_id, answered_later(connection, answer))) return;
  end_wait(connection);
  answer();
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::PubrecReceived& pubrec) {
  const auto answer = [connection, id = pubrec.packet_id] { (void)connection->engine().pubrel(id); };
  const auto& app = lane_of(*connection).app;
  if (!app) return answer();
  begin_wait(*connection);
  if (services_.app->broker.received(*app, pubrec.token, answered_later(connection, answer))) return;
  end_wait(connection);
  answer();
}

// One of the broker's messages is over.
void Client::settle_app(DeviceLane& lane, std::uint64_t number) {
  broker::Wakes wakes;
  services_.app->broker.settled(*lane.app, number, wakes);
  wakes.flush();
}

// Presence: a retained message of the server for each client, of what its devices are together.
void Client::note_presence() {
  if (services_.app == nullptr || !services_.app->presence) return;
  const bool online = std::ranges::any_of(devices_, [](const auto& lane) { return lane->connection != nullptr; });
  if (std::exchange(shown_online_, online) == online) return;
  services_.app->broker.publish(broker::presence_of(permalink_.hex(), online, services_.clock.now()));
}

}  // namespace sealpost::pipeline
