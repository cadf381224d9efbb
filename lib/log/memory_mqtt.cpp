#include "log/memory_mqtt.hpp"

#include <ranges>

namespace sealpost::log {
namespace {

template <class Map>
auto rows_of(const Map& map) {
  std::vector<typename Map::mapped_type> rows;
  rows.reserve(map.size());
  for (const auto& [key, row] : map) rows.push_back(row);
  return rows;
}

}  // namespace

void MemoryMqtt::apply(const MqttWrites& writes) {
  for (const MqttWrite& each : writes) std::visit([this](const auto& given) { write(given); }, each);
}

MqttState MemoryMqtt::state() const {
  MqttState state{rows_of(sessions_), rows_of(subscriptions_), rows_of(messages_), rows_of(deliveries_), {},
                  rows_of(retained_)};
  for (const auto& [session, packet_id] : received_) state.received.push_back({session, packet_id});
  return state;
}

void MemoryMqtt::write(const PutMqttSession& put) {
  sessions_[put.row.id] = put.row;
}

void MemoryMqtt::write(const DropMqttSession& drop) {
  const auto is_its = [&](const auto& entry) { return entry.first.first == drop.id; };
  std::set<std::int64_t> waited_for;
  for (const auto& [key, delivery] : deliveries_)
    if (key.first == drop.id) waited_for.insert(delivery.message);
  std::erase_if(deliveries_, is_its);
  for (const MqttDelivery& delivery : deliveries_ | std::views::values) waited_for.erase(delivery.message);
  for (const std::int64_t message : waited_for) messages_.erase(message);
  std::erase_if(subscriptions_, is_its);
  std::erase_if(received_, [&](const OfSession& entry) { return entry.first == drop.id; });
  sessions_.erase(drop.id);
}

void MemoryMqtt::write(const PutMqttSubscription& put) {
  subscriptions_[{put.row.session, put.row.filter}] = put.row;
}

void MemoryMqtt::write(const DropMqttSubscription& drop) {
  subscriptions_.erase({drop.session, drop.filter});
}

void MemoryMqtt::write(const PutMqttMessage& put) {
  messages_[put.row.id] = put.row;
}

void MemoryMqtt::write(const PutMqttDelivery& put) {
  deliveries_[{put.row.session, put.row.number}] = put.row;
}

void MemoryMqtt::write(const ReleaseMqttDelivery& release) {
  const auto found = deliveries_.find({release.session, release.number});
  if (found != deliveries_.end()) found->second.released = true;
}

void MemoryMqtt::write(const DropMqttDelivery& drop) {
  deliveries_.erase({drop.session, drop.number});
  if (drop.message != 0) messages_.erase(drop.message);
}

void MemoryMqtt::write(const PutMqttReceived& put) {
  received_.insert({put.row.session, put.row.packet_id});
}

void MemoryMqtt::write(const DropMqttReceived& drop) {
  received_.erase({drop.row.session, drop.row.packet_id});
}

void MemoryMqtt::write(const PutMqttRetained& put) {
  MqttMessage& row = retained_[std::string(put.row.topic)] = put.row;
  row.id = 0;
}

void MemoryMqtt::write(const DropMqttRetained& drop) {
  retained_.erase(drop.topic);
}

}  // namespace sealpost::log
