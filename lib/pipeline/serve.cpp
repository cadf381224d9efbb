// serve: what a proven connection brings is read, handed to the verb it is for, and answered, until it ends.

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "mqtt/topic.hpp"
#include "net/deadline.hpp"
#include "pipeline/app.hpp"
#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"
#include "pipeline/handshakes.hpp"

namespace sealpost::pipeline {
namespace {

constexpr std::chrono::seconds pause_max{60};  // without taking any of what is unsent

// Topic filters in one session. Its own names need one, or one for each leaf; each costs memory, for days.
constexpr std::size_t subscriptions_max = 16;

// A newer handshake of the device has ended the ticket that this connection came with.
void note_old_ticket(Services& services, Connection& connection) {
  Carrier carrier;
  carrier.address = connection.channel().peer().address;
  const std::string who = connection.who().client.hex() + "." + connection.who().device.text();
  note_failure(services, carrier, who, auth::Errc::bad_ticket);
}

}  // namespace

// The connection takes its device's place; an older one is told 0x8E. False if a newer epoch has begun.
bool Client::attach(const std::shared_ptr<Connection>& connection, const Opening& opening, std::string_view welcome) {
  DeviceLane& lane = lane_of(*connection);
  if (lane.in.epoch() != connection->who().epoch) return false;
  // A ticket may be older than the version that dropped its key.
  if (!identity_ || !identity_->may_sign(connection->who().key)) return false;
  if (lane.connection) lane.connection->end(mqtt::ReasonCode::session_taken_over, "the device has connected again");
  lane.connection = connection;
  services_.timers.cancel(std::exchange(lane.session_timer, 0));
  lane.window.restart_from(lane.window.acked(), lane::Window::size_for(opening.receive_maximum));
  const std::uint32_t expiry = std::min(opening.session_expiry, longest_session());
  const auto accept = [&] { return this->accept(lane, connection, opening, expiry, welcome); };
  if (services_.app != nullptr) {
    open_app(lane, connection, opening, accept);
  } else {
    connection->attachment = lane.own_session.attach(opening.clean_start, expiry, steady_ms(services_.clock));
    accept();
  }
  note_presence();
  return true;
}

std::uint32_t Client::longest_session() const {
  return static_cast<std::uint32_t>(services_.limits.mqtt_session_max / 1000);
}

// Answers the CONNECT: the session is attached.
bool Client::accept(DeviceLane& lane, const std::shared_ptr<Connection>& connection, const Opening& opening,
                    std::uint32_t expiry, std::string_view welcome) {
  forget_settled(lane);
  mqtt::ConnackOptions options;
  if (expiry != opening.session_expiry) options.session_expiry = expiry;
  if (!welcome.empty()) options.authentication_data = as_bytes(welcome);
  const auto accepted = connection->engine().accept(lane.session(), options);
  if (!accepted) connection->end(mqtt::ReasonCode::unspecified_error);
  return accepted.has_value();
}

// What the positions of the handshake have settled is not sent again.
void Client::forget_settled(DeviceLane& lane) {
  std::vector<mqtt::PacketId> settled;
  for (const mqtt::InFlight& message : lane.session().in_flight()) {
    const bool of_lane = message.packet_id <= mqtt::sessions_packet_id_max;
    if (of_lane && message.token <= lane.window.acked().value) settled.push_back(message.packet_id);
  }
  for (const mqtt::PacketId packet_id : settled) lane.session().forget(packet_id);
}

asio::awaitable<void> Client::enter(std::shared_ptr<Client> self, std::shared_ptr<Connection> connection,
                                    Opening opening, std::string welcome) {
  co_await self->ready();
  const bool newest = self->find(connection->who().device) != nullptr && self->attach(connection, opening, welcome);
  if (!newest) {
    if (welcome.empty()) note_old_ticket(self->services_, *connection);
    (void)connection->engine().refuse(mqtt::ReasonCode::not_authorized);
    connection->flush();
    co_return;
  }
  self->watch_keep_alive(connection);
  self->watch_expiry(connection);
  self->step(connection);
  self->pump(self->lane_of(*connection));
  self->serve(connection);
}

// Reads and answers while it can, and has itself called again when it can go on. Not a coroutine: most connections wait
// for input most of the time, and a frame for each is memory.
void Client::serve(const std::shared_ptr<Connection>& connection) {
  const auto go_on = [self = shared_from_this(), connection] {
    asio::dispatch(self->strand_,
                   guarded(self->services_.sink, "serve", [self, connection] { self->serve(connection); }));
  };
  while (!connection->ended()) {
    if (!connection->engine().wants_input()) return go_on_after_progress(connection);
    if (connection->channel().unsent() > unsent_before_pausing) {
      connection->paused = true;
      return drain(connection);
    }
    const auto received = connection->channel().try_receive();
    if (!received) return connection->channel().when_input(go_on);
    if (!*received) break;
    connection->engine().receive((*received)->view(), steady_ms(services_.clock));
    step(connection);
  }
  detach(connection);
}

// Weakly: the connection must not keep itself. Whoever makes the progress keeps both.
void Client::go_on_after_progress(const std::shared_ptr<Connection>& connection) {
  connection->on_progress = [weak_self = weak_from_this(), weak = std::weak_ptr(connection)] {
    const auto self = weak_self.lock();
    const auto stalled = weak.lock();
    if (!self || !stalled) return;
    asio::post(self->strand_, guarded(self->services_.sink, "serve", [self, stalled] { self->serve(stalled); }));
  };
}

// One at a time waits for the channel, for whoever has paused: what is read, what the broker sends, or both.
void Client::drain(const std::shared_ptr<Connection>& connection) {
  if (std::exchange(connection->draining, true)) return;
  asio::post(strand_, [self = shared_from_this(), connection] {
    spawn(self->strand_, self->services_.sink, "let_drain", let_drain(self, connection));
  });
}

// Until the client has taken its answers; ends a connection that takes none for too long.
asio::awaitable<void> Client::let_drain(std::shared_ptr<Client> self, std::shared_ptr<Connection> connection) {
  const std::shared_ptr<net::Channel> channel = connection->shared_channel();
  const auto stuck = [weak = std::weak_ptr(channel)] {
    if (const auto late = weak.lock()) late->abort();
  };
  while (channel->unsent() > unsent_before_pausing / 2) {
    const net::Deadline deadline(self->services_.timers, pause_max, stuck);
    const std::size_t unsent = channel->unsent();
    const auto shorter = co_await channel->drained(unsent);
    if (!shorter && connection->paused) self->detach(connection);  // else who reads finds out
    if (!shorter) co_return;
  }
  connection->draining = false;
  if (std::exchange(connection->app_paused, false)) self->send_app(connection);
  if (!std::exchange(connection->paused, false)) co_return;
  connection->engine().excuse_silence(steady_ms(self->services_.clock));
  self->serve(connection);
}

// Works off what the engine has understood so far, and writes the answers.
void Client::step(const std::shared_ptr<Connection>& connection) {
  while (auto event = connection->engine().next())
    std::visit([&](const auto& received) { on(connection, received); }, *event);
  connection->flush();
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::PublishReceived& publish) {
  const bool to_outbox = publish.topic == connection->topic("outbox");
  if (connection->expired) {  // what is in flight is finished first
    if (connection->in_flight == 0) connection->end(mqtt::ReasonCode::not_authorized, "the session has expired");
    return;
  }
  if (clients_.stopping()) return;  // no PUBACK: it comes again, to the server that starts next
  if (!to_outbox && services_.app != nullptr && publish.topic.starts_with("app/"))
    return publish_app(connection, publish);
  if (!to_outbox) return refuse_publish(connection, publish, mqtt::ReasonCode::not_authorized);
  if (publish.retain) return connection->end(mqtt::ReasonCode::retain_not_supported, "the outbox keeps no message");
  if (publish.qos != mqtt::Qos::at_least_once)
    return connection->end(mqtt::ReasonCode::qos_not_supported, "publish to the outbox at QoS 1");
  receive(connection, publish.packet_id, as_text(publish.payload));
}

// At QoS 0, and in 3.1.1, nobody can be told: then the connection ends.
void Client::refuse_publish(const std::shared_ptr<Connection>& connection, const mqtt::PublishReceived& publish,
                            mqtt::ReasonCode reason) {
  const std::string_view why = reason == mqtt::ReasonCode::not_authorized
                                   ? "this topic is not yours to publish to"
                                   : "there is no room for more retained messages";
  const bool v5 = connection->engine().version() == mqtt::Version::v5;
  if (!v5 || publish.qos == mqtt::Qos::at_most_once) return connection->end(reason, why);
  mqtt::Properties properties;
  properties.reason_string = why;
  if (publish.qos == mqtt::Qos::at_least_once)
    (void)connection->engine().puback(publish.packet_id, reason, properties);
  else
    (void)connection->engine().pubrec(publish.packet_id, reason, properties);
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::SubscribeReceived& subscribe_received) {
  if (lane_of(*connection).app) return subscribe_app(connection, subscribe_received);
  std::vector<mqtt::ReasonCode> reasons;
  reasons.reserve(subscribe_received.requests.size());
  for (const mqtt::SubscriptionRequest& request : subscribe_received.requests)
    reasons.push_back(subscribe(connection, request));
  (void)connection->engine().suback(subscribe_received.packet_id, std::move(reasons));
  pump(lane_of(*connection));
}

// A client's prefix is its own only. What a QoS 1 subscription lets through of `inbox` comes at QoS 1.
mqtt::ReasonCode Client::subscribe(const std::shared_ptr<Connection>& connection,
                                   const mqtt::SubscriptionRequest& request) {
  const std::string prefix = connection->topic("");
  mqtt::Session& session = lane_of(*connection).session();
  const bool v5 = connection->engine().version() == mqtt::Version::v5;  // 3.1.1 has one code for all: 0x80
  if (!request.filter.starts_with(prefix))
    return v5 ? mqtt::ReasonCode::not_authorized : mqtt::ReasonCode::unspecified_error;
  const bool one_more = session.find(request.filter) == nullptr;
  if (one_more && session.subscriptions().size() >= subscriptions_max)
    return v5 ? mqtt::ReasonCode::quota_exceeded : mqtt::ReasonCode::unspecified_error;
  mqtt::Subscription subscription;
  subscription.options = request.options;
  subscription.options.qos = std::min(request.options.qos, mqtt::Qos::at_least_once);
  session.subscribe(request.filter, subscription);
  return static_cast<mqtt::ReasonCode>(subscription.options.qos);
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::UnsubscribeReceived& unsubscribe) {
  if (lane_of(*connection).app) return unsubscribe_app(connection, unsubscribe);
  std::vector<mqtt::ReasonCode> reasons;
  for (const std::string_view filter : unsubscribe.filters) {
    const bool existed = lane_of(*connection).session().unsubscribe(filter);
    reasons.push_back(existed ? mqtt::ReasonCode::success : mqtt::ReasonCode::no_subscription_existed);
  }
  (void)connection->engine().unsuback(unsubscribe.packet_id, std::move(reasons));
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::DisconnectReceived& disconnect) {
  const auto expiry = disconnect.properties.session_expiry;
  if (services_.app != nullptr) return say_goodbye_app(connection, disconnect);
  if (expiry) lane_of(*connection).own_session.set_expiry(std::min(*expiry, longest_session()));
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::AuthReceived& auth) {
  const std::string_view data = as_text(auth.properties.authentication_data.value_or(BytesView{}));
  if (auth.reason == mqtt::ReasonCode::reauthenticate) return reauthenticate(connection, data);
  spawn(strand_, services_.sink, "prove_again", prove_again(shared_from_this(), connection, std::string(data)));
}

void Client::watch_keep_alive(const std::shared_ptr<Connection>& connection) {
  const auto deadline = connection->engine().deadline();
  if (!deadline || connection->ended()) return;
  const Millis left = std::max<Millis>(*deadline - steady_ms(services_.clock), 1);
  const auto due = [weak = std::weak_ptr(connection), weak_self = weak_from_this()] {
    const auto self = weak_self.lock();
    const auto watched = weak.lock();
    if (!self || !watched) return;
    asio::post(self->strand_, [self, watched] {
      const Millis now = steady_ms(self->services_.clock);
      if (watched->paused) watched->engine().excuse_silence(now);
      if (watched->engine().expire(now))
        watched->flush();
      else
        self->watch_keep_alive(watched);
    });
  };
  connection->keep_alive_timer = services_.timers.after(std::chrono::milliseconds(left), due);
}

// Past `expires` nothing more is taken; what is in flight is finished, then the client is told.
void Client::watch_expiry(const std::shared_ptr<Connection>& connection) {
  const Millis left = std::max<Millis>(connection->who().expires - services_.clock.now(), 0) + 1;
  const auto due = [weak = std::weak_ptr(connection), weak_self = weak_from_this()] {
    const auto self = weak_self.lock();
    const auto watched = weak.lock();
    if (!self || !watched) return;
    asio::post(self->strand_, [self, watched] {
      if (watched->ended()) return;
      if (watched->who().expires > self->services_.clock.now()) return self->watch_expiry(watched);
      watched->expired = true;
      if (watched->in_flight == 0) watched->end(mqtt::ReasonCode::not_authorized, "the session has expired");
    });
  };
  connection->expiry_timer = services_.timers.after(std::chrono::milliseconds(left), due);
}

}  // namespace sealpost::pipeline
