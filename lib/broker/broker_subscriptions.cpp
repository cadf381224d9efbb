// Subscriptions come and go, and retained messages follow them.

#include <algorithm>

#include "broker/broker.hpp"

namespace sealpost::broker {
namespace {

// The filter that messages are matched by, without its share.
std::string_view plain(std::string_view filter) {
  const auto shared = mqtt::shared_filter(filter);
  return shared ? shared->filter : filter;
}

}  // namespace

// What a subscription takes of memory, roughly: its filter, and a node of the tree for each level.
std::size_t Broker::cost_of(std::string_view filter) {
  constexpr std::size_t node = 128;
  return filter.size() + node * mqtt::level_count(filter);
}

void Broker::subscribe(const SessionPtr& session, const mqtt::Subscribe& subscribe, Answered answered) {
  const auto& identifiers = subscribe.properties.subscription_identifiers;
  const std::uint32_t identifier = identifiers.empty() ? 0 : identifiers.front();
  std::vector<mqtt::ReasonCode> reasons;
  std::vector<std::string> added;
  log::MqttWrites writes;
  Wakes wakes;
  for (const mqtt::SubscriptionRequest& request : subscribe.requests) {
    bool is_new = false;
    reasons.push_back(subscribe_one(session, request, identifier, is_new, wakes));
    if (is_new) added.emplace_back(request.filter);
    if (is_failure(reasons.back()) || !session->durable) continue;
    writes.emplace_back(log::PutMqttSubscription{row_of(*session, request.filter, {request.options, identifier})});
  }
  if (writes.empty()) {
    answered(reasons);
    return wakes.flush();
  }
  wakes.flush();
  write(std::move(writes), [this, session, reasons, added, answered = std::move(answered)](const ErrorCode& error) {
    if (error) {
      for (const std::string& filter : added) leave(*session, filter);
      return answered(std::vector(reasons.size(), mqtt::ReasonCode::implementation_specific_error));
    }
    sweep_if_ended(*session);
    answered(reasons);
  });
}

// The subscription and what is retained on its topics are taken at one moment: what is published before comes as
// retained, what is published after as new.
mqtt::ReasonCode Broker::subscribe_one(const SessionPtr& session, const mqtt::SubscriptionRequest& request,
                                       std::uint32_t identifier, bool& is_new, Wakes& wakes) {
  const std::lock_guard tree_lock(tree_mutex_);
  const mqtt::Subscription subscription{request.options, identifier};
  const auto reason = take_subscription(session, request, subscription, is_new);
  if (is_failure(reason) || mqtt::shared_filter(request.filter)) return reason;
  const auto handling = request.options.retain_handling;  // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]
  if (handling == mqtt::RetainHandling::send || (handling == mqtt::RetainHandling::send_if_new && is_new))
    send_retained(session, request.filter, subscription, wakes);
  return reason;
}

// Under the tree's mutex.
mqtt::ReasonCode Broker::take_subscription(const SessionPtr& session, const mqtt::SubscriptionRequest& request,
                                           const mqtt::Subscription& subscription, bool& is_new) {
  const std::lock_guard lock(session->mutex);
  if (session->ended) return mqtt::ReasonCode::unspecified_error;
  const std::string_view filter = plain(request.filter);
  const bool shares_reserved = filter != request.filter && is_reserved(filter);
  if (shares_reserved || !session->access->may_subscribe(filter)) return mqtt::ReasonCode::not_authorized;
  is_new = session->state.find(request.filter) == nullptr;
  if (is_new && !has_room_for(*session, request.filter)) return mqtt::ReasonCode::quota_exceeded;
  session->state.subscribe(request.filter, subscription);
  if (is_new) session->subscription_bytes += cost_of(request.filter);
  enter_tree(session, request.filter, subscription);
  return static_cast<mqtt::ReasonCode>(request.options.qos);
}

// One, however large, fits always.
bool Broker::has_room_for(const Session& session, std::string_view filter) const {
  const std::size_t count = session.state.subscriptions().size();
  const std::size_t bytes_max = limits_.subscriptions_max * limits_.subscription_bytes;
  return count == 0 || (count < limits_.subscriptions_max && session.subscription_bytes + cost_of(filter) <= bytes_max);
}

// Under the tree's mutex. A subscription that is there already is replaced [MQTT-3.8.4-3].
void Broker::enter_tree(const SessionPtr& session, std::string_view filter, const mqtt::Subscription& subscription) {
  const auto shared = mqtt::shared_filter(filter);
  Filter& node = tree_.at(plain(filter));
  std::vector<Entry>* entries = &node.entries;
  if (shared) {
    auto share = std::ranges::find(node.shares, shared->share_name, &Share::name);
    if (share == node.shares.end()) {
      node.shares.push_back({std::string(shared->share_name), {}});
      share = std::prev(node.shares.end());
    }
    entries = &share->members;
  }
  const auto found = std::ranges::find(*entries, session, &Entry::session);
  if (found != entries->end())
    found->subscription = subscription;
  else
    entries->push_back({session, subscription});
}

// Under the tree's mutex.
void Broker::leave_tree(const Session& session, std::string_view filter) {
  const auto shared = mqtt::shared_filter(filter);
  Filter* node = tree_.find(plain(filter));
  if (node == nullptr) return;
  const auto is_its = [&session](const Entry& entry) { return entry.session.get() == &session; };
  if (!shared) {
    std::erase_if(node->entries, is_its);
  } else {
    const auto share = std::ranges::find(node->shares, shared->share_name, &Share::name);
    if (share == node->shares.end()) return;
    std::erase_if(share->members, is_its);
    if (share->members.empty()) node->shares.erase(share);
  }
  if (node->empty()) tree_.erase(plain(filter));
}

// False if there is no such subscription.
bool Broker::leave(Session& session, std::string_view filter) {
  const std::lock_guard tree_lock(tree_mutex_);
  const std::lock_guard lock(session.mutex);
  if (!session.state.unsubscribe(filter)) return false;
  session.subscription_bytes -= cost_of(filter);
  leave_tree(session, filter);
  return true;
}

// On disk it is dropped even if it is not there any more: that may be since an earlier commit has failed.
void Broker::unsubscribe(const SessionPtr& session, const mqtt::Unsubscribe& unsubscribe, Answered answered) {
  std::vector<mqtt::ReasonCode> reasons;
  log::MqttWrites writes;
  for (const std::string_view filter : unsubscribe.filters) {
    const bool existed = leave(*session, filter);
    reasons.push_back(existed ? mqtt::ReasonCode::success : mqtt::ReasonCode::no_subscription_existed);
    if (session->durable)
      writes.emplace_back(log::DropMqttSubscription{static_cast<std::int64_t>(session->id), std::string(filter)});
  }
  const auto finish = [reasons, answered = std::move(answered)](const ErrorCode& error) {
    answered(error ? std::vector(reasons.size(), mqtt::ReasonCode::implementation_specific_error) : reasons);
  };
  if (writes.empty()) return finish({});
  write(std::move(writes), finish);
}

std::vector<mqtt::MessagePtr> Broker::retained(std::string_view filter) {
  std::vector<mqtt::MessagePtr> found;
  const std::lock_guard lock(retained_mutex_);
  match_retained(filter, [&found](const mqtt::MessagePtr& message) { found.push_back(message); });
  return found;
}

// What has expired leaves the disk too. Under the mutex of the retained messages.
void Broker::match_retained(std::string_view filter, const std::function<void(const mqtt::MessagePtr&)>& visit) {
  log::MqttWrites writes;
  retained_.match(filter, now(), visit, [&writes](const mqtt::MessagePtr& message) {
    writes.emplace_back(log::DropMqttRetained{std::string(message->topic())});
  });
  if (!writes.empty()) write(std::move(writes));
}

// What is retained on the topics of a new subscription, marked as such [MQTT-3.3.1-8]. Under the tree's mutex.
void Broker::send_retained(const SessionPtr& session, std::string_view filter, const mqtt::Subscription& subscription,
                           Wakes& wakes) {
  for (const mqtt::MessagePtr& message : retained(filter)) {
    if (subscription.options.no_local && message->publisher() == session->id) continue;
    Match match = match_of(subscription, *message);
    match.retain = true;
    Routed routed;
    give(session, std::move(match), message, routed, wakes);
    if (!routed.durable.empty()) commit(message, std::move(routed), nullptr, 0, nullptr);
  }
}

}  // namespace sealpost::broker
