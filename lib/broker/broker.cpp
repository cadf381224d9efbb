// The way of a message: to whom it goes, what of it has to be on disk first, and what ends it.

#include "broker/broker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/container/small_vector.hpp>

namespace sealpost::broker {
namespace {

bool holds_message(const log::MqttWrite& write) {
  return std::holds_alternative<log::PutMqttMessage>(write);
}

}  // namespace

Broker::Broker(const Ports& ports, const Limits& limits)
    : ports_(ports), limits_(limits), commits_(asio::make_strand(ports.executor)), retained_(limits.retained) {}

Broker::~Broker() = default;

std::optional<mqtt::ReasonCode> Broker::objection_to(const mqtt::Message& message, Session& publisher) {
  {
    const std::lock_guard lock(publisher.mutex);
    if (!publisher.access->may_publish(message.topic())) return mqtt::ReasonCode::not_authorized;
  }
  if (!message.retain()) return std::nullopt;
  const std::lock_guard lock(retained_mutex_);
  if (retained_.has_room_for(message)) return std::nullopt;
  constexpr Millis pause = 1'000;  // looking at all takes a while, and whoever publishes may make us do it
  if (now() - retained_swept_at_ < pause) return mqtt::ReasonCode::quota_exceeded;
  retained_swept_at_ = now();
  match_retained("#", [](const mqtt::MessagePtr&) {});  // what has expired makes room
  if (!retained_.has_room_for(message)) return mqtt::ReasonCode::quota_exceeded;
  return std::nullopt;
}

Routed Broker::route(const mqtt::MessagePtr& message, Wakes& wakes) {
  Routed routed;
  const std::shared_lock lock(tree_mutex_);
  boost::container::small_vector<Filter*, 8> matched;
  tree_.match(message->topic(), [&](Filter& filter) { matched.push_back(&filter); });
  if (matched.size() == 1) {
    for (const Entry& entry : matched.front()->entries)
      if (wants(entry, *message)) give(entry.session, match_of(entry.subscription, *message), message, routed, wakes);
  } else {
    give_overlapping(matched, message, routed, wakes);
  }
  for (Filter* filter : matched)
    for (Share& share : filter->shares) give_share(share, message, routed, wakes);
  // Still under the tree's mutex: a subscription gets a message either as a new one or as one that is retained.
  if (message->retain()) {
    const std::lock_guard retained_lock(retained_mutex_);
    routed.retained = retained_.set(message);
  }
  return routed;
}

// No Local [MQTT-3.8.3-3].
bool Broker::wants(const Entry& entry, const mqtt::Message& message) {
  return !entry.subscription.options.no_local || entry.session->id != message.publisher();
}

Match Broker::match_of(const mqtt::Subscription& subscription, const mqtt::Message& message) {
  Match match;
  match.qos = std::min(subscription.options.qos, message.qos());
  match.retain = message.retain() && subscription.options.retain_as_published;  // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
  if (subscription.identifier != 0) match.identifiers.push_back(subscription.identifier);
  return match;
}

// A session with several subscriptions that match gets the message once, at the highest QoS of them, with all their
// identifiers [MQTT-3.3.4-2] to [MQTT-3.3.4-4].
void Broker::give_overlapping(std::span<Filter* const> filters, const mqtt::MessagePtr& message, Routed& routed,
                              Wakes& wakes) {
  boost::container::small_vector<const Entry*, 16> entries;
  for (const Filter* filter : filters)
    for (const Entry& entry : filter->entries)
      if (wants(entry, *message)) entries.push_back(&entry);
  std::ranges::sort(entries, {}, [](const Entry* entry) { return entry->session.get(); });
  for (auto at = entries.begin(); at != entries.end();) {
    const SessionPtr& session = (*at)->session;
    Match match = match_of((*at)->subscription, *message);
    for (++at; at != entries.end() && (*at)->session == session; ++at) {
      const Match more = match_of((*at)->subscription, *message);
      match.qos = std::max(match.qos, more.qos);
      match.retain = match.retain || more.retain;
      match.identifiers.insert(match.identifiers.end(), more.identifiers.begin(), more.identifiers.end());
    }
    give(session, std::move(match), message, routed, wakes);
  }
}

// One member gets it: by turns, those with a connection first [MQTT-4.8.2-4].
void Broker::give_share(Share& share, const mqtt::MessagePtr& message, Routed& routed, Wakes& wakes) {
  const std::size_t count = share.members.size();
  const std::size_t first = share.turn->fetch_add(1, std::memory_order_relaxed);
  for (const bool online : {true, false}) {
    for (std::size_t i = 0; i < count; ++i) {
      const Entry& member = share.members[(first + i) % count];
      if (member.session->online != online) continue;
      if (give(member.session, match_of(member.subscription, *message), message, routed, wakes)) return;
    }
  }
}

// False if the session does not get it.
bool Broker::give(const SessionPtr& session, Match match, const mqtt::MessagePtr& message, Routed& routed,
                  Wakes& wakes) {
  if (match.qos != mqtt::Qos::at_most_once && session->durable) {
    routed.durable.push_back({session, std::move(match)});
    routed.matched = true;
    return true;
  }
  const std::lock_guard lock(session->mutex);
  if (session->ended || !session->outlet || !session->access->may_receive(message->topic())) return false;
  mqtt::Delivery delivery{session->deliveries.next_number(), message, match.qos, match.retain};
  delivery.identifiers = std::move(match.identifiers);
  const bool added = add(*session, std::move(delivery), wakes);
  routed.matched = routed.matched || added;
  return added;
}

// Under the session's mutex.
bool Broker::add(Session& session, mqtt::Delivery delivery, Wakes& wakes) {
  if (!session.deliveries.has_room(delivery.cost())) {
    count_dropped(session);
    return false;
  }
  session.deliveries.add(std::move(delivery));
  if (session.outlet && session.outlet->pump(session)) wakes.add(session.outlet);
  return true;
}

// The policy for a client that takes less than it is sent: the newest message is dropped for it, and counted. Lines in
// the log would be as many as messages: only who debugs gets them.
void Broker::count_dropped(const Session& session) {
  ports_.counters.mqtt_dropped_total.add();
  if (!ports_.sink.wants(Level::debug)) return;
  ports_.sink.write(Level::debug, "broker",
                    fmt::format("a message for {} was dropped: {} messages wait for it already", session.key,
                                session.deliveries.waiting()));
}

bool Broker::needs_commit(const mqtt::Message& message, const Routed& routed, const Session* publisher) {
  const bool keeps_id = publisher != nullptr && publisher->durable && message.qos() == mqtt::Qos::exactly_once;
  return !routed.durable.empty() || routed.retained != 0 || keeps_id;
}

void Broker::commit(const mqtt::MessagePtr& message, Routed routed, const SessionPtr& publisher,
                    mqtt::PacketId received, Done done) {
  log::MqttWrites writes;
  const bool keeps_id = publisher && publisher->durable && received != 0;
  if (keeps_id) writes.emplace_back(log::PutMqttReceived{{static_cast<std::int64_t>(publisher->id), received}});
  std::vector<std::uint64_t> numbers;
  std::shared_ptr<Stored> stored;
  if (!routed.durable.empty()) {
    stored = std::make_shared<Stored>(++last_message_, routed.durable.size());
    writes.emplace_back(log::PutMqttMessage{row_of(message, stored->id, moment())});
    for (const auto& target : routed.durable)
      numbers.push_back(reserve(*target.session, target.match, message, *stored, writes));
    if (stored->left == 0) std::erase_if(writes, [](const auto& write) { return holds_message(write); });
  }
  if (writes.empty() && routed.retained == 0 && !done) return;  // there was no room for it
  const auto committed = [this, message, targets = std::move(routed.durable), numbers = std::move(numbers), stored,
                          ends = keeps_id ? publisher : nullptr, done = std::move(done)](const ErrorCode& error) {
    deliver(message, targets, numbers, stored, !error);
    if (!error && ends) sweep_if_ended(*ends);
    if (done) done(error);
  };
  if (routed.retained == 0) return write(std::move(writes), committed);
  // Until it is in the log's queue, so that what is retained and its row change in one order.
  const std::lock_guard lock(retained_mutex_);
  if (retained_.take_to_write(*message, routed.retained)) {
    if (message->payload().empty())
      writes.emplace_back(log::DropMqttRetained{std::string(message->topic())});
    else
      writes.emplace_back(log::PutMqttRetained{row_of(message, 0, moment())});
  }
  write(std::move(writes), committed);
}

// A row may have been written for a session after it had ended: once it is on disk, it goes too.
void Broker::sweep_if_ended(Session& session) {
  {
    const std::lock_guard lock(session.mutex);
    if (!session.ended) return;
  }
  log::MqttWrites writes;
  writes.emplace_back(log::DropMqttSession{static_cast<std::int64_t>(session.id)});
  write(std::move(writes));
}

// The number of a delivery that will stand on disk; 0 if the session does not get it.
std::uint64_t Broker::reserve(Session& session, const Match& match, const mqtt::MessagePtr& message, Stored& stored,
                              log::MqttWrites& writes) {
  const std::lock_guard lock(session.mutex);
  mqtt::Delivery delivery{0, message, match.qos, match.retain};
  delivery.identifiers = match.identifiers;
  const bool allowed = !session.ended && session.access->may_receive(message->topic());
  if (!allowed || !session.deliveries.has_room(delivery.cost())) {
    if (allowed) count_dropped(session);
    stored.left.fetch_sub(1);
    return 0;
  }
  delivery.number = session.deliveries.next_number();
  session.deliveries.promise(delivery.cost());
  writes.emplace_back(log::PutMqttDelivery{row_of(session, delivery, stored.id)});
  return delivery.number;
}

// Once it is on disk the way on is open. `stands`: or that has failed.
void Broker::deliver(const mqtt::MessagePtr& message, const std::vector<Routed::Target>& targets,
                     const std::vector<std::uint64_t>& numbers, const std::shared_ptr<Stored>& stored, bool stands) {
  Wakes wakes;
  log::MqttWrites ends;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (numbers[i] == 0) continue;
    Session& session = *targets[i].session;
    mqtt::Delivery delivery{numbers[i], message, targets[i].match.qos, targets[i].match.retain};
    delivery.identifiers = targets[i].match.identifiers;
    delivery.stored = stored;
    const std::lock_guard lock(session.mutex);
    session.deliveries.redeem(delivery.cost());
    if (!stands) continue;
    if (session.ended) {  // meanwhile, and its rows may have come after that
      ends.emplace_back(end_of(session, delivery));
      continue;
    }
    session.deliveries.add(std::move(delivery));
    if (session.outlet && session.outlet->pump(session)) wakes.add(session.outlet);
  }
  wakes.flush();
  if (!ends.empty()) write(std::move(ends));
}

void Broker::keep(const mqtt::MessagePtr& message) {
  const std::lock_guard lock(retained_mutex_);
  retained_.set(message);
}

void Broker::publish(const mqtt::MessagePtr& message) {
  Wakes wakes;
  Routed routed = route(message, wakes);
  wakes.flush();
  if (needs_commit(*message, routed, nullptr)) commit(message, std::move(routed), nullptr, 0, nullptr);
}

bool Broker::release(const Session& publisher, mqtt::PacketId packet_id, Done done) {
  if (!publisher.durable) return false;
  log::MqttWrites writes;
  writes.emplace_back(log::DropMqttReceived{{static_cast<std::int64_t>(publisher.id), packet_id}});
  write(std::move(writes), std::move(done));
  return true;
}

bool Broker::received(Session& session, std::uint64_t number, Done done) {
  const std::lock_guard lock(session.mutex);
  mqtt::Delivery* delivery = session.deliveries.in_flight(number);
  if (delivery == nullptr || !delivery->stored) return false;
  released(session, *delivery, std::move(done));
  return true;
}

void Broker::released(const Session& session, mqtt::Delivery& delivery, Done done) {
  delivery.released = true;
  if (!delivery.stored) return;
  log::MqttWrites writes;
  writes.emplace_back(
      log::ReleaseMqttDelivery{static_cast<std::int64_t>(session.id), static_cast<std::int64_t>(delivery.number)});
  write(std::move(writes), std::move(done));
}

// The connection that brought a QoS 2 message may be gone, and another one have the session.
void Broker::decide_received(Session& session, mqtt::PacketId packet_id, std::optional<mqtt::ReasonCode> reason) {
  std::shared_ptr<Outlet> outlet;
  {
    const std::lock_guard lock(session.mutex);
    outlet = session.outlet;
    if (outlet)
      outlet->decide_received(packet_id, reason);
    else
      session.state.decide_pending(packet_id, reason && !is_failure(*reason));
  }
  if (outlet) outlet->flush();
}

void Broker::settled(Session& session, std::uint64_t number, Wakes& wakes) {
  const std::lock_guard lock(session.mutex);
  const auto delivery = session.deliveries.settle(number);
  if (delivery) forgo(session, *delivery);
  if (session.outlet && session.outlet->pump(session)) wakes.add(session.outlet);
}

void Broker::forgo(const Session& session, const mqtt::Delivery& delivery) {
  if (!delivery.stored || session.ended) return;
  log::MqttWrites writes;
  writes.emplace_back(end_of(session, delivery));
  write(std::move(writes));
}

void Broker::write(log::MqttWrites writes, Done done) {
  log::Transaction transaction;
  transaction.mqtt = std::move(writes);
  if (done) ++commits_pending_;
  ports_.log.append(std::move(transaction), [this, done = std::move(done)](const Result<log::Appended>& appended) {
    if (!done) return;
    const ErrorCode error = appended ? ErrorCode() : appended.error();
    asio::post(commits_, [this, done, error] {
      done(error);
      --commits_pending_;
    });
  });
}

}  // namespace sealpost::broker
