// Sessions begin, wait, go on and end.

#include <algorithm>
#include <boost/asio/post.hpp>

#include "broker/broker.hpp"

namespace sealpost::broker {

// The interval of its expiry starts when it is sent (5.0 section 3.1.3.2.4), so here it counts from 0.
std::optional<Will> will_of(const mqtt::Connect& connect) {
  if (!connect.will) return std::nullopt;
  return Will{std::make_shared<const mqtt::Message>(*connect.will, 0, 0),
              connect.will->properties.will_delay.value_or(0)};
}

std::uint32_t Broker::capped(std::uint32_t expiry) const {
  return std::min(expiry, static_cast<std::uint32_t>(limits_.session_max / 1000));
}

SessionPtr Broker::find(const std::string& key) {
  const std::lock_guard lock(registry_mutex_);
  const auto found = sessions_.find(key);
  return found == sessions_.end() ? nullptr : found->second;
}

SessionPtr Broker::open(const Opening& opening, const Use& use, Wakes& wakes) {
  for (;;) {
    if (const SessionPtr old = find(opening.key)) {
      if (!opening.clean_start && old->durable && resume(old, opening, use, wakes)) return in_use(old);
      end(old);
      continue;
    }
    bool full = false;
    const SessionPtr fresh = begin(opening, use, wakes, full);
    if (fresh) return in_use(fresh);
    if (full) return nullptr;
  }
}

// A session whose connection was not accepted after all has none from the start.
SessionPtr Broker::in_use(SessionPtr session) {
  if (!session->online) close(session, nullptr);
  return session;
}

// Null: another one was faster, or there is no room.
SessionPtr Broker::begin(const Opening& opening, const Use& use, Wakes& wakes, bool& full) {
  auto session = std::make_shared<Session>(++last_session_, opening.key, limits_.deliveries);
  const std::lock_guard lock(session->mutex);
  {
    const std::lock_guard registry_lock(registry_mutex_);
    full = sessions_.size() >= limits_.sessions_max;
    if (full || !sessions_.emplace(opening.key, session).second) return nullptr;
    ports_.counters.mqtt_sessions.add(1);
  }
  settle_in(session, opening, use, wakes);
  return session;
}

// False if it has ended meanwhile.
bool Broker::resume(const SessionPtr& session, const Opening& opening, const Use& use, Wakes& wakes) {
  std::optional<Will> will_of_before;
  std::vector<std::string> forbidden;
  {
    const std::lock_guard lock(session->mutex);
    if (session->ended || !session->durable || session->state.expired(now())) return false;
    ports_.timers.cancel(std::exchange(session->expiry_timer, 0));
    ports_.timers.cancel(std::exchange(session->will_timer, 0));
    if (const auto outlet = std::exchange(session->outlet, nullptr)) {
      outlet->dismiss(mqtt::ReasonCode::session_taken_over, "the client has connected again");
      // One with a delay is not sent, since the session goes on [MQTT-3.1.3-9].
      if (session->will && session->will->delay == 0) will_of_before = take_will(*session);
    }
    session->access = opening.access;
    log::MqttWrites writes;
    forbidden = leave_forbidden(*session, writes);
    if (!writes.empty()) write(std::move(writes));
    settle_in(session, opening, use, wakes);
  }
  const std::lock_guard tree_lock(tree_mutex_);
  for (const std::string& filter : forbidden) leave_tree(*session, filter);
  // Last, since it may reach this very session.
  asio::post(commits_, [this, will = std::move(will_of_before)]() mutable { send_will(std::move(will)); });
  return true;
}

// What the client may no longer subscribe to. Under the session's mutex; the tree is the caller's.
std::vector<std::string> Broker::leave_forbidden(Session& session, log::MqttWrites& writes) {
  std::vector<std::string> forbidden;
  for (const auto& [filter, subscription] : session.state.subscriptions()) {
    const auto shared = mqtt::shared_filter(filter);
    if (!session.access->may_subscribe(shared ? shared->filter : filter)) forbidden.push_back(filter);
  }
  for (const std::string& filter : forbidden) {
    session.state.unsubscribe(filter);
    session.subscription_bytes -= cost_of(filter);
    writes.emplace_back(log::DropMqttSubscription{static_cast<std::int64_t>(session.id), filter});
  }
  return forbidden;
}

// Under the session's mutex.
void Broker::settle_in(const SessionPtr& session, const Opening& opening, const Use& use, Wakes& wakes) {
  const std::uint32_t expiry = capped(opening.expiry);
  session->access = opening.access;
  session->will = opening.will;
  session->attachment = session->state.attach(opening.clean_start, expiry, now());
  session->durable = expiry > 0;
  if (session->durable || session->stored) store(session);
  session->outlet = use(session);
  session->online = session->outlet != nullptr;
  if (!session->outlet) session->will.reset();
  if (session->outlet && session->outlet->pump(*session)) wakes.add(session->outlet);
}

// As one that has a connection; which is over if that fails, since it would promise what does not stand. Under the
// session's mutex.
void Broker::store(const SessionPtr& session) {
  session->stored = true;
  log::MqttWrites writes;
  writes.emplace_back(
      log::PutMqttSession{{static_cast<std::int64_t>(session->id), session->key, session->state.expiry(), 0}});
  write(std::move(writes), [session, attachment = session->attachment](const ErrorCode& error) {
    if (!error) return;
    const std::lock_guard lock(session->mutex);
    if (session->outlet && session->attachment == attachment)
      session->outlet->dismiss(mqtt::ReasonCode::implementation_specific_error, "the session could not be stored");
  });
}

void Broker::say_goodbye(Session& session, const Outlet* outlet, bool keep_will,
                         std::optional<std::uint32_t> expiry) const {
  const std::lock_guard lock(session.mutex);
  if (session.ended || session.outlet.get() != outlet) return;
  if (!keep_will) session.will.reset();
  if (expiry) session.state.set_expiry(capped(*expiry));
  session.durable = session.state.expiry() > 0;
}

void Broker::close(const SessionPtr& session, const Outlet* outlet) {
  std::optional<Will> will;
  {
    const std::lock_guard lock(session->mutex);
    if (session->ended || session->outlet.get() != outlet) return;
    session->outlet = nullptr;
    session->online = false;
    if (session->durable) {
      session->state.detach(session->attachment, now());
      session->deliveries.drop_qos0();
      if (session->will && session->will->delay == 0) will = take_will(*session);
      log::MqttWrites writes;
      writes.emplace_back(log::PutMqttSession{
          {static_cast<std::int64_t>(session->id), session->key, session->state.expiry(), ports_.clock.now()}});
      write(std::move(writes));
      watch_expiry(session);
      if (session->will) delay_will(session);
    }
  }
  send_will(std::move(will));
  if (!session->durable) end(session);
}

// Whoever has it is dismissed; what is its goes.
void Broker::end(const SessionPtr& session) {
  std::optional<Will> will;
  std::vector<std::string> filters;
  {
    const std::lock_guard lock(session->mutex);
    if (!std::exchange(session->ended, true)) {
      ports_.counters.mqtt_sessions.add(-1);
      if (const auto outlet = std::exchange(session->outlet, nullptr))
        outlet->dismiss(mqtt::ReasonCode::session_taken_over, "the client has connected again");
      session->online = false;
      ports_.timers.cancel(std::exchange(session->expiry_timer, 0));
      ports_.timers.cancel(std::exchange(session->will_timer, 0));
      will = take_will(*session);  // the end of the session is the end of its delay
      for (const auto& [filter, subscription] : session->state.subscriptions()) filters.push_back(filter);
      for (const mqtt::Delivery& delivery : session->deliveries.take_all())
        if (delivery.stored) end_of(*session, delivery);  // its row goes with the session's
      if (session->stored) {
        log::MqttWrites writes;
        writes.emplace_back(log::DropMqttSession{static_cast<std::int64_t>(session->id)});
        write(std::move(writes));
      }
    }
  }
  for (const std::string& filter : filters) {
    const std::lock_guard lock(tree_mutex_);
    leave_tree(*session, filter);
  }
  {
    const std::lock_guard lock(registry_mutex_);
    const auto found = sessions_.find(session->key);
    if (found != sessions_.end() && found->second == session) sessions_.erase(found);
  }
  send_will(std::move(will));
}

std::vector<SessionPtr> Broker::all() {
  std::vector<SessionPtr> sessions;
  const std::lock_guard lock(registry_mutex_);
  sessions.reserve(sessions_.size());
  for (const auto& [key, session] : sessions_) sessions.push_back(session);
  return sessions;
}

void Broker::renew_access(const AccessOf& access_of) {
  for (const SessionPtr& session : all()) {
    auto access = access_of(session->key);
    const std::lock_guard lock(session->mutex);
    session->access = std::move(access);
  }
}

void Broker::dismiss_all(mqtt::ReasonCode reason, std::string_view why) {
  for (const SessionPtr& session : all()) {
    const std::lock_guard lock(session->mutex);
    if (session->outlet) session->outlet->dismiss(reason, why);
  }
}

// Under the session's mutex.
void Broker::watch_expiry(const SessionPtr& session) {
  const auto at = session->state.expires_at();
  if (!at) return;
  const auto due = [this, weak = std::weak_ptr(session)] {
    const SessionPtr waiting = weak.lock();
    if (!waiting) return;
    std::unique_lock lock(waiting->mutex);
    const bool over = !waiting->ended && !waiting->outlet && waiting->state.expired(now());
    lock.unlock();
    if (over) end(waiting);
  };
  const Millis left = std::max<Millis>(*at - now(), 0) + 1;
  session->expiry_timer = ports_.timers.after(std::chrono::milliseconds(left), due);
}

// Under the session's mutex.
void Broker::delay_will(const SessionPtr& session) {
  const auto due = [this, weak = std::weak_ptr(session)] {
    const SessionPtr waiting = weak.lock();
    if (!waiting) return;
    std::unique_lock lock(waiting->mutex);
    if (waiting->outlet) return;  // it is back in time
    std::optional<Will> will = take_will(*waiting);
    lock.unlock();
    send_will(std::move(will));
  };
  session->will_timer = ports_.timers.after(std::chrono::seconds(session->will->delay), due);
}

// What the client may no longer publish, its will may not either. Under the session's mutex.
std::optional<Will> Broker::take_will(Session& session) {
  std::optional<Will> will = std::exchange(session.will, std::nullopt);
  if (will && !session.access->may_publish(will->message->topic())) will.reset();
  return will;
}

void Broker::send_will(std::optional<Will> will) {
  if (!will) return;
  const mqtt::Message& given = *will->message;
  const Millis lasts = given.expires_at();
  const Millis expires = lasts == mqtt::Message::never ? lasts : now() + lasts;
  publish(std::make_shared<const mqtt::Message>(given.topic(), given.properties(), given.payload(), given.qos(),
                                                given.retain(), expires, given.publisher()));
}

void Broker::restore(const log::MqttState& state, const AccessOf& access_of) {
  const Moment now = moment();
  for (const log::MqttSession& row : state.sessions) restore_session(row, access_of(row.key), now);
  std::map<std::int64_t, SessionPtr> by_id;
  for (const auto& [key, session] : sessions_) by_id[static_cast<std::int64_t>(session->id)] = session;
  std::set<std::int64_t> gone;  // sessions of which there are only remains
  for (const log::MqttSubscription& row : state.subscriptions) {
    const auto found = by_id.find(row.session);
    if (found == by_id.end()) {
      gone.insert(row.session);
      continue;
    }
    const mqtt::Subscription subscription = subscription_of(row);
    found->second->state.subscribe(row.filter, subscription);
    found->second->subscription_bytes += cost_of(row.filter);
    enter_tree(found->second, row.filter, subscription);
  }
  for (const log::MqttReceived& row : state.received) {
    if (const auto found = by_id.find(row.session); found != by_id.end())
      found->second->state.add_received(static_cast<mqtt::PacketId>(row.packet_id));
    else
      gone.insert(row.session);
  }
  restore_deliveries(state, by_id, gone, now);
  log::MqttWrites writes;
  for (const std::int64_t id : gone) writes.emplace_back(log::DropMqttSession{id});
  restore_retained(state, now, writes);
  if (!writes.empty()) write(std::move(writes));
}

void Broker::restore_retained(const log::MqttState& state, const Moment& now, log::MqttWrites& writes) {
  for (const log::MqttMessage& row : state.retained) {
    const mqtt::MessagePtr message = message_of(row, now);
    if (message->expired(now.steady))
      writes.emplace_back(log::DropMqttRetained{std::string(row.topic)});
    else
      retained_.set(message);
  }
}

// A session that had a connection when the server ended waits for its client from now on.
void Broker::restore_session(const log::MqttSession& row, std::shared_ptr<const Access> access, const Moment& now) {
  last_session_ = std::max(last_session_.load(), static_cast<mqtt::PublisherId>(row.id));
  const Millis detached =
      row.detached_at == 0 ? now.steady : std::min(row.detached_at, now.wall) - now.wall + now.steady;
  const auto session = std::make_shared<Session>(static_cast<mqtt::PublisherId>(row.id), row.key, limits_.deliveries);
  session->state.restore(row.expiry, detached);
  session->durable = session->stored = true;
  session->access = std::move(access);
  sessions_.emplace(row.key, session);
  ports_.counters.mqtt_sessions.add(1);
  if (row.expiry == 0 || session->state.expired(now.steady)) return end(session);
  watch_expiry(session);
}

void Broker::restore_deliveries(const log::MqttState& state, const std::map<std::int64_t, SessionPtr>& by_id,
                                std::set<std::int64_t>& gone, const Moment& now) {
  std::map<std::int64_t, std::pair<mqtt::MessagePtr, std::shared_ptr<Stored>>> messages;
  for (const log::MqttMessage& row : state.messages) {
    last_message_ = std::max(last_message_.load(), row.id);
    messages[row.id] = {message_of(row, now), std::make_shared<Stored>(row.id, 0)};
  }
  for (const log::MqttDelivery& row : state.deliveries) {
    const auto owner = by_id.find(row.session);
    const auto message = messages.find(row.message);
    if (owner == by_id.end()) gone.insert(row.session);
    if (owner == by_id.end() || message == messages.end()) continue;
    const auto& [content, stored] = message->second;
    ++stored->left;
    mqtt::Delivery delivery{static_cast<std::uint64_t>(row.number), content, static_cast<mqtt::Qos>(row.qos),
                            row.retain};
    delivery.identifiers = row.identifiers;
    delivery.stored = stored;
    delivery.again = true;
    delivery.released = row.released;
    Session& session = *owner->second;
    if (!row.released) {
      session.deliveries.add(std::move(delivery));
    } else {
      session.state.add_in_flight({mqtt::packet_id_of(delivery.number), false, delivery.number, true, true});
      session.deliveries.restore(std::move(delivery));
    }
  }
  log::MqttWrites writes;
  for (const auto& [id, message] : messages)
    if (message.second->left == 0) writes.emplace_back(log::DropMqttDelivery{0, 0, id});  // nobody waits for it
  if (!writes.empty()) write(std::move(writes));
}

}  // namespace sealpost::broker
