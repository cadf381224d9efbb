#include "model.hpp"

#include <fmt/format.h>

#include "base/encoding.hpp"

namespace sealpost::power {
namespace {

using namespace log;

std::string text_of(const MqttSession& row) {
  return fmt::format("session {} {} {} {}", row.id, row.key, row.expiry, row.detached_at);
}
std::string text_of(const MqttSubscription& row) {
  return fmt::format("subscription {} {} {} {}", row.session, row.filter, row.options, row.identifier);
}
std::string text_of(const MqttMessage& row) {
  return fmt::format("{} {} {} {} {} {}", row.topic, to_hex(row.properties), to_hex(row.payload), row.qos, row.retain,
                     row.expires_at);
}
std::string text_of(const MqttDelivery& row) {
  std::string text = fmt::format("delivery {}/{} of {}: {} {} {}", row.session, row.number, row.message, row.qos,
                                 row.retain, row.released);
  for (const std::uint32_t identifier : row.identifiers) text += fmt::format(" {}", identifier);
  return text;
}

std::string text_of_message(std::int64_t id, const std::string& rest) {
  return fmt::format("message {} {}", id, rest);
}
std::string text_of_received(std::int64_t session, std::int64_t packet) {
  return fmt::format("received {}/{}", session, packet);
}

template <class Map>
void drop_of(std::int64_t session, Map& map) {
  std::erase_if(map, [&](const auto& entry) { return entry.first.first == session; });
}

struct Apply {
  MqttModel& model;

  void operator()(const PutMqttSession& put) const { model.sessions[put.row.id] = text_of(put.row); }
  void operator()(const DropMqttSession& drop) const {
    std::set<std::int64_t> its;
    for (const auto& [key, delivery] : model.deliveries)
      if (key.first == drop.id) its.insert(delivery.message);
    drop_of(drop.id, model.deliveries);
    drop_of(drop.id, model.subscriptions);
    std::erase_if(model.received, [&](const auto& key) { return key.first == drop.id; });
    model.sessions.erase(drop.id);
    for (const std::int64_t message : its)
      if (!model.is_awaited(message)) model.messages.erase(message);
  }
  void operator()(const PutMqttSubscription& put) const {
    model.subscriptions[{put.row.session, put.row.filter}] = text_of(put.row);
  }
  void operator()(const DropMqttSubscription& drop) const { model.subscriptions.erase({drop.session, drop.filter}); }
  void operator()(const PutMqttMessage& put) const { model.messages[put.row.id] = text_of(put.row); }
  void operator()(const PutMqttDelivery& put) const { model.deliveries[{put.row.session, put.row.number}] = put.row; }
  void operator()(const ReleaseMqttDelivery& release) const {
    model.deliveries.at({release.session, release.number}).released = true;
  }
  void operator()(const DropMqttDelivery& drop) const {
    model.deliveries.erase({drop.session, drop.number});
    if (drop.message != 0) model.messages.erase(drop.message);
  }
  void operator()(const PutMqttReceived& put) const { model.received.insert({put.row.session, put.row.packet_id}); }
  void operator()(const DropMqttReceived& drop) const { model.received.erase({drop.row.session, drop.row.packet_id}); }
  void operator()(const PutMqttRetained& put) const { model.retained[std::string(put.row.topic)] = text_of(put.row); }
  void operator()(const DropMqttRetained& drop) const { model.retained.erase(drop.topic); }
};

}  // namespace

void MqttModel::apply(const MqttWrite& write) {
  std::visit(Apply{*this}, write);
}

bool MqttModel::is_awaited(std::int64_t message) const {
  for (const auto& [key, delivery] : deliveries)
    if (delivery.message == message) return true;
  return false;
}

std::vector<std::string> MqttModel::lines() const {
  std::vector<std::string> lines;
  for (const auto& [id, text] : sessions) lines.push_back(text);
  for (const auto& [key, text] : subscriptions) lines.push_back(text);
  for (const auto& [id, text] : messages) lines.push_back(text_of_message(id, text));
  for (const auto& [key, delivery] : deliveries) lines.push_back(text_of(delivery));
  for (const auto& [session, packet] : received) lines.push_back(text_of_received(session, packet));
  for (const auto& [topic, text] : retained) lines.push_back("retained " + text);
  return lines;
}

std::vector<std::string> lines_of(const MqttState& state) {
  std::vector<std::string> lines;
  for (const auto& row : state.sessions) lines.push_back(text_of(row));
  for (const auto& row : state.subscriptions) lines.push_back(text_of(row));
  for (const auto& row : state.messages) lines.push_back(text_of_message(row.id, text_of(row)));
  for (const auto& row : state.deliveries) lines.push_back(text_of(row));
  for (const auto& row : state.received) lines.push_back(text_of_received(row.session, row.packet_id));
  for (const auto& row : state.retained) lines.push_back("retained " + text_of(row));
  return lines;
}

void Model::apply(const Transaction& transaction) {
  for (const Draft& draft : transaction.drafts) {
    head_ = head_.next();
    apply(draft);
  }
  for (const MqttWrite& write : transaction.mqtt) mqtt_.apply(write);
}

void Model::apply(const Draft& draft) {
  if (draft.kind == Kind::security) return;
  ClientModel& client = clients_[draft.client];
  const LaneHead here{draft.seq, draft.link, draft.time, head_};
  if (!draft.consumer.empty()) client.cursors[draft.consumer] = std::max(client.cursors[draft.consumer], draft.cause);
  if (draft.kind == Kind::out) client.out = here;
  if (draft.kind == Kind::identity) {
    client.identity = draft.link;
    client.identity_event = head_;
    for (const PublicKey& key : draft.keys) keys_[key] = draft.client;
  }
  if (draft.kind == Kind::intent) {
    clients_[draft.recipient].last_intent = head_;
    clients_[draft.recipient].intents.push_back(head_);
  }
  if (draft.device.empty()) return;
  DeviceModel& device = client.devices[draft.device.text()];
  if (draft.kind == Kind::epoch) {
    device.epoch = draft.epoch;
    if (draft.epoch.value == 1) device.start = draft.seq;
  }
  if (draft.kind == Kind::shut) device.shut = true;
  if (draft.kind != Kind::in) return;
  device.in = here;
  if (!draft.recipient.is_none()) return;
  client.last_in = head_;
  client.waiting.push_back(head_);
}

}  // namespace sealpost::power
