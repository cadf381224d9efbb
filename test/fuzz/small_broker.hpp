#pragma once
// Just enough of a broker to let two clients talk through the parts of lib/mqtt: it routes, keeps retained messages,
// and acknowledges a message when its commit is done, which takes as long as the script likes.

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "base/assert.hpp"
#include "mqtt/connection.hpp"
#include "mqtt/deliveries.hpp"
#include "mqtt/retained.hpp"
#include "mqtt/topic_tree.hpp"
#include "numbered.hpp"

namespace sealpost::mqtt::test {

inline constexpr std::size_t clients = 2;

// One transport connection: the server's end of it, and the bytes that the client has not read yet.
struct Wire {
  Wire(const Limits& limits, Millis now) : connection(limits, now) {}
  Connection connection;
  Bytes down;
};

// What a client has at the server.
struct Place {
  // A message or a PUBREL whose commit is under way.
  struct Commit {
    PacketId id = 0;
    MessagePtr message;  // null: a PUBREL
  };

  explicit Place(const DeliveryLimits& limits) : deliveries(limits) {}
  Session session;
  Session::Attachment attachment = 0;
  Deliveries deliveries;
  std::deque<Commit> commits;
  Wire* link = nullptr;
  bool resuming = false;
  bool untold = false;                // the client has not read yet that its session is a new one
  bool own_ids = false;               // packet ids that follow from the numbers; else the session's
  bool wild = false;                  // it does as it likes: nothing is promised to it
  std::map<std::uint32_t, int> owed;  // QoS 2 messages to be taken, by number
  std::set<std::uint32_t> came;       // QoS 2 messages that it published: each once
};

class SmallBroker {
 public:
  SmallBroker() { places_[0].own_ids = true; }

  Place& place(std::size_t client) { return places_[client]; }
  const Limits& limits() const { return limits_; }

  // Takes bytes off a link.
  void receive(std::size_t client, Wire& link, BytesView chunk, Millis now);
  void commit(std::size_t client, std::size_t count);
  // The link is gone.
  void cut(std::size_t client, const Wire& link, Millis now);
  void check() const;

 private:
  void on(std::size_t client, Wire& link, const ConnectReceived& connect);
  void on(std::size_t client, Wire& link, const PublishReceived& publish);
  void on(std::size_t client, Wire& link, const PubrelReceived& pubrel);
  void on(std::size_t client, Wire& link, const PubrecReceived& pubrec);
  void on(std::size_t client, Wire& link, const PubackReceived& puback);
  void on(std::size_t client, Wire& link, const SubscribeReceived& subscribe);
  void on(std::size_t client, Wire& link, const UnsubscribeReceived& unsubscribe);
  void on(std::size_t, Wire&, const AuthReceived&) {}
  void on(std::size_t client, Wire& link, const DisconnectReceived& disconnect);

  using Subscribers = std::array<std::optional<Subscription>, clients>;

  void route(const MessagePtr& message, std::size_t from);
  void enqueue(Place& to, const MessagePtr& message, Qos qos, bool retain);
  void pump(Place& place);
  bool send_again(Place& place);
  bool send_next(Place& place);
  Result<PacketId> publish(Place& place, const Delivery& delivery, std::optional<PacketId> id);
  static void no_longer_owed(Place& place, const Delivery& delivery);
  void forget(std::size_t client, const std::vector<std::string>& filters);
  std::vector<std::string> filters_of(std::size_t client);
  void done(std::size_t client, const Place::Commit& commit);
  static bool acceptable(const Place& place, const PublishReceived& publish);

  const Limits limits_{.packet_size_before_accept = 256,
                       .packet_size = 512,
                       .receive_maximum = 4,
                       .maximum_qos = Qos::exactly_once,
                       .topic_alias_maximum = 3,
                       .retain_available = true,
                       .wildcard_subscriptions = true,
                       .shared_subscriptions = false,
                       .subscription_identifiers = true,
                       .bounds = {.user_properties_max = 4, .filters_max = 4}};
  const DeliveryLimits delivery_limits_{.messages_max = 6, .bytes_max = 1'500};
  std::array<Place, clients> places_{Place(delivery_limits_), Place(delivery_limits_)};
  TopicTree<Subscribers> tree_;
  RetainedStore retained_{{.messages_max = 4, .bytes_max = 4'000}};
  Millis now_ = 0;
};

// The chunk is gone after it, as a pooled buffer would be.
inline void SmallBroker::receive(std::size_t client, Wire& link, BytesView bytes, Millis now) {
  now_ = now;
  {
    const Bytes chunk(bytes.begin(), bytes.end());
    link.connection.receive(chunk, now);
    while (const auto event = link.connection.next())
      std::visit([&](const auto& some) { on(client, link, some); }, *event);
  }
  for (auto& place : places_)
    if (place.link != nullptr) place.link->connection.take_output(place.link->down);
  link.connection.take_output(link.down);
}

inline void SmallBroker::on(std::size_t client, Wire& link, const ConnectReceived& connect) {
  Place& place = places_[client];
  if (place.link != nullptr) {
    commit(client, place.commits.size());
    place.link->connection.disconnect(ReasonCode::session_taken_over);
    place.link->connection.take_output(place.link->down);
  }
  const auto filters = filters_of(client);
  // A client that has not read that its session is a new one would take that for the old one at its next CONNACK: MQTT
  // cannot tell the two apart, so the session begins anew once more.
  const bool clean = connect.clean_start || (place.untold && !place.wild);
  place.attachment = place.session.attach(clean, connect.session_expiry(), now_);
  if (!place.session.present()) forget(client, filters);
  place.untold = !place.session.present();
  place.link = &link;
  place.resuming = true;
  if (link.connection.accept(place.session).has_value()) return pump(place);
  SEALPOST_ASSERT(place.wild);  // it has no room for CONNACK
  cut(client, link, now_);
}

// Nothing is promised across the end of a session.
inline void SmallBroker::forget(std::size_t client, const std::vector<std::string>& filters) {
  Place& place = places_[client];
  for (const auto& filter : filters) {
    auto* subscribers = tree_.find(filter);
    SEALPOST_ASSERT(subscribers != nullptr);
    (*subscribers)[client].reset();
    if (std::none_of(subscribers->begin(), subscribers->end(), [](const auto& each) { return each.has_value(); }))
      tree_.erase(filter);
  }
  place.deliveries.take_all();
  place.owed.clear();
}

inline std::vector<std::string> SmallBroker::filters_of(std::size_t client) {
  std::vector<std::string> filters;
  for (const auto& [filter, subscription] : places_[client].session.subscriptions()) filters.push_back(filter);
  return filters;
}

inline bool SmallBroker::acceptable(const Place& place, const PublishReceived& publish) {
  if (!place.wild) return true;
  return publish.payload.size() >= 4 && number_in(publish.payload) >= wild_number_min;
}

inline void SmallBroker::on(std::size_t client, Wire& link, const PublishReceived& publish) {
  Place& place = places_[client];
  SEALPOST_ASSERT(!publish.topic.empty());
  if (publish.qos == Qos::exactly_once) SEALPOST_ASSERT(link.connection.defer(publish.packet_id).has_value());
  MessagePtr message;
  if (acceptable(place, publish)) message = std::make_shared<const Message>(publish, client + 1, now_);
  // What is not accepted is answered like the rest.
  if (!message) message = std::make_shared<const Message>("$none", BytesView{}, BytesView{}, publish.qos, false, 0);
  place.commits.push_back({publish.packet_id, std::move(message)});
}

inline void SmallBroker::on(std::size_t client, Wire&, const PubrelReceived& pubrel) {
  places_[client].commits.push_back({pubrel.packet_id, nullptr});
}

inline void SmallBroker::commit(std::size_t client, std::size_t count) {
  auto& commits = places_[client].commits;
  for (; count > 0 && !commits.empty(); --count) {
    const auto first = commits.front();
    commits.pop_front();
    done(client, first);
  }
  for (auto& place : places_)
    if (place.link != nullptr) place.link->connection.take_output(place.link->down);
}

// A message that was committed is the server's, whether the client can be told or not.
inline void SmallBroker::done(std::size_t client, const Place::Commit& commit) {
  Place& place = places_[client];
  const bool open = place.link != nullptr && place.link->connection.accepted();
  if (!commit.message) {
    if (!open || !place.link->connection.pubcomp(commit.id)) place.session.release_received(commit.id);
    return;
  }
  const auto qos = commit.message->qos();
  if (!commit.message->payload().empty()) {
    const bool fresh = qos != Qos::exactly_once || place.came.insert(number_in(commit.message->payload())).second;
    SEALPOST_ASSERT(fresh || place.wild);
    route(commit.message, client);
  }
  if (qos == Qos::at_most_once) return;
  if (open) {
    auto& connection = place.link->connection;
    const auto told = qos == Qos::at_least_once ? connection.puback(commit.id) : connection.pubrec(commit.id);
    SEALPOST_ASSERT(told.has_value() || place.wild || connection.closing());
    if (told) return;
  }
  if (qos == Qos::exactly_once) place.session.decide_pending(commit.id, true);  // the connection was gone
}

inline void SmallBroker::route(const MessagePtr& message, std::size_t from) {
  if (message->retain()) retained_.set(message);
  std::array<std::optional<Qos>, clients> wanted;
  tree_.match(message->topic(), [&](const Subscribers& subscribers) {
    for (std::size_t client = 0; client < clients; ++client) {
      const auto& subscription = subscribers[client];
      if (!subscription || (subscription->options.no_local && client == from)) continue;
      wanted[client] = std::max(wanted[client].value_or(Qos::at_most_once), subscription->options.qos);
    }
  });
  for (std::size_t client = 0; client < clients; ++client)
    if (wanted[client]) enqueue(places_[client], message, std::min(*wanted[client], message->qos()), false);
}

inline void SmallBroker::enqueue(Place& to, const MessagePtr& message, Qos qos, bool retain) {
  if (qos == Qos::at_most_once && to.link == nullptr) return;
  Delivery delivery{.number = to.deliveries.next_number(), .message = message, .qos = qos, .retain = retain};
  if (!to.deliveries.has_room(delivery.cost())) return;
  if (qos == Qos::exactly_once) ++to.owed[number_in(message->payload())];
  to.deliveries.add(std::move(delivery));
  pump(to);
}

inline void SmallBroker::no_longer_owed(Place& place, const Delivery& delivery) {
  if (delivery.qos != Qos::exactly_once || place.wild) return;
  auto& left = place.owed[number_in(delivery.message->payload())];
  SEALPOST_ASSERT(left > 0);
  --left;
}

inline void SmallBroker::pump(Place& place) {
  if (place.link == nullptr || !place.link->connection.accepted()) return;
  if (place.resuming && !send_again(place)) return;
  place.resuming = false;
  while (place.deliveries.has_waiting() && send_next(place)) continue;
}

// What was in flight when the last connection ended. False: the window is full.
inline bool SmallBroker::send_again(Place& place) {
  const auto in_flight = place.session.in_flight();
  for (const auto& message : in_flight) {
    if (message.sent) continue;
    if (message.released) {
      SEALPOST_ASSERT(place.link->connection.pubrel(message.packet_id).has_value());
      continue;
    }
    const auto* delivery = place.deliveries.in_flight(message.token);
    SEALPOST_ASSERT(delivery != nullptr);
    const auto sent = publish(place, *delivery, message.packet_id);
    if (!sent && sent.error() == Errc::window_full) return false;
    if (sent) continue;
    SEALPOST_ASSERT(sent.error() == Errc::packet_too_large);
    // It may have been taken, and then it will not be missed; a QoS 2 packet id that the client may hold is released.
    if (delivery->qos == Qos::exactly_once) {
      place.owed[number_in(delivery->message->payload())] = 0;
      SEALPOST_ASSERT(place.link->connection.pubrel(message.packet_id).has_value());
      continue;
    }
    place.session.forget(message.packet_id);
    place.deliveries.settle(message.token);
  }
  return true;
}

inline bool SmallBroker::send_next(Place& place) {
  const Delivery& next = place.deliveries.front();
  std::optional<PacketId> id;
  if (place.own_ids && next.qos != Qos::at_most_once) id = packet_id_of(next.number);
  const bool expired = next.message->expired(now_);
  const auto sent = expired ? Result<PacketId>(Errc::packet_too_large) : publish(place, next, id);
  if (sent) {
    place.deliveries.sent();
    return true;
  }
  if (sent.error() == Errc::window_full) return false;
  SEALPOST_ASSERT(sent.error() == Errc::packet_too_large);
  no_longer_owed(place, place.deliveries.drop());
  return true;
}

inline Result<PacketId> SmallBroker::publish(Place& place, const Delivery& delivery, std::optional<PacketId> id) {
  const Message& message = *delivery.message;
  Properties properties;
  properties.message_expiry = message.expiry_left(now_);
  return place.link->connection.publish({.topic = message.topic(),
                                         .payload = message.payload(),
                                         .qos = delivery.qos,
                                         .retain = delivery.retain,
                                         .token = delivery.number,
                                         .packet_id = id,
                                         .properties = &properties,
                                         .encoded_properties = message.properties()});
}

inline void SmallBroker::on(std::size_t client, Wire& link, const PubrecReceived& pubrec) {
  Delivery* delivery = places_[client].deliveries.in_flight(pubrec.token);
  SEALPOST_ASSERT(delivery != nullptr && delivery->qos == Qos::exactly_once);
  delivery->released = true;
  SEALPOST_ASSERT(link.connection.pubrel(pubrec.packet_id).has_value());
}

inline void SmallBroker::on(std::size_t client, Wire&, const PubackReceived& puback) {
  Place& place = places_[client];
  const auto settled = place.deliveries.settle(puback.token);
  SEALPOST_ASSERT(settled.has_value());
  if (is_failure(puback.reason)) no_longer_owed(place, *settled);
  pump(place);
}

inline void SmallBroker::on(std::size_t client, Wire& link, const SubscribeReceived& subscribe) {
  Place& place = places_[client];
  std::vector<ReasonCode> reasons;
  for (const auto& request : subscribe.requests) {
    const bool shared = shared_filter(request.filter).has_value();
    reasons.push_back(shared ? ReasonCode::shared_subscriptions_not_supported : ReasonCode(request.options.qos));
    if (shared) continue;
    place.session.subscribe(request.filter, {request.options, 0});
    tree_.at(request.filter)[client] = Subscription{request.options, 0};
    retained_.match(request.filter, now_, [&](const MessagePtr& message) {
      enqueue(place, message, std::min(request.options.qos, message->qos()), true);
    });
  }
  // A wild client may have no room for the answer.
  SEALPOST_ASSERT(link.connection.suback(subscribe.packet_id, reasons).has_value() || place.wild);
}

inline void SmallBroker::on(std::size_t client, Wire& link, const UnsubscribeReceived& unsubscribe) {
  Place& place = places_[client];
  std::vector<ReasonCode> reasons;
  for (const auto filter : unsubscribe.filters) {
    const bool there = place.session.unsubscribe(filter);
    reasons.push_back(there ? ReasonCode::success : ReasonCode::no_subscription_existed);
    if (auto* subscribers = tree_.find(filter)) (*subscribers)[client].reset();
  }
  SEALPOST_ASSERT(link.connection.unsuback(unsubscribe.packet_id, reasons).has_value() || place.wild);
}

inline void SmallBroker::on(std::size_t client, Wire& link, const DisconnectReceived& disconnect) {
  if (const auto expiry = disconnect.properties.session_expiry) places_[client].session.set_expiry(*expiry);
  cut(client, link, now_);
}

inline void SmallBroker::cut(std::size_t client, const Wire& link, Millis now) {
  Place& place = places_[client];
  now_ = now;
  if (place.link != &link) return;
  place.link = nullptr;
  commit(client, place.commits.size());
  const auto filters = filters_of(client);
  place.session.detach(place.attachment, now);
  place.deliveries.drop_qos0();
  if (place.session.expired(now)) forget(client, filters);
}

inline void SmallBroker::check() const {
  for (const auto& place : places_) {
    std::set<PacketId> ids;
    for (const auto& message : place.session.in_flight()) SEALPOST_ASSERT(ids.insert(message.packet_id).second);
    SEALPOST_ASSERT(ids.size() == place.deliveries.flight().size());
    SEALPOST_ASSERT(place.deliveries.bytes() <= delivery_limits_.bytes_max);
    SEALPOST_ASSERT(place.deliveries.waiting() <= delivery_limits_.messages_max);
    if (place.link == nullptr) continue;
    SEALPOST_ASSERT(place.link->connection.heap_bytes() < 16 * 1024);
  }
  SEALPOST_ASSERT(retained_.size() <= 4 && retained_.bytes() <= 4'000);
}

}  // namespace sealpost::mqtt::test
