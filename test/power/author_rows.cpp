// The rows of MQTT that an author writes.

#include <algorithm>

#include "author.hpp"

namespace sealpost::power {

using namespace log;

namespace {

constexpr int sessions = 5;

template <class Map>
const auto& any_of(const Map& map, Dice& dice) {
  return *std::next(map.begin(), roll(dice, static_cast<int>(map.size())));
}

}  // namespace

MqttMessage Author::message(std::int64_t id) {
  struct Parts {
    std::string topic, payload;
  };
  auto parts = std::make_shared<const Parts>(Parts{"topic/" + std::to_string(roll(dice_, 5)), *body()});
  MqttMessage row;
  row.id = id;
  row.topic = parts->topic;
  row.payload = as_bytes(parts->payload);
  row.qos = static_cast<std::uint8_t>(roll(dice_, 3));
  row.keeps = std::move(parts);
  return row;
}

MqttWrites Author::rows(const MqttModel& there) {
  MqttModel model = there;
  MqttWrites writes;
  for (int left = 1 + roll(dice_, 4); left > 0; --left) add_rows(model, writes);
  return writes;
}

void Author::add_rows(MqttModel& model, MqttWrites& writes) {
  MqttWrites more;
  const std::int64_t session = model.sessions.empty() ? 0 : any_of(model.sessions, dice_).first;
  const int kind = session == 0 ? 0 : roll(dice_, 14);
  const auto packet = static_cast<std::int64_t>(1 + roll(dice_, 20));
  if (kind == 0) more = {PutMqttSession{{1 + roll(dice_, sessions), fresh("session"), 60, roll(dice_, 1000)}}};
  if (kind == 1) more = {PutMqttSubscription{{session, "filter/" + std::to_string(packet), 1, 7}}};
  if (kind == 2) more = {DropMqttSubscription{session, "filter/" + std::to_string(packet)}};
  if (kind >= 3 && kind <= 6) more = publish(model);
  if (kind == 7 || kind == 8) more = {PutMqttRetained{message(0)}};
  if (kind == 9) more = {DropMqttRetained{"topic/" + std::to_string(roll(dice_, 5))}};
  if (kind == 10) more = {PutMqttReceived{{session, packet}}};
  if (kind == 11) more = {DropMqttReceived{{session, packet}}};
  if (kind == 12 && !model.deliveries.empty()) more = {drop_delivery(model)};
  if (kind == 13 && chance(dice_, 20)) more = {DropMqttSession{session}};
  for (MqttWrite& write : more) {
    model.apply(write);
    writes.push_back(std::move(write));
  }
}

// To some sessions; the message is there once.
MqttWrites Author::publish(const MqttModel& model) {
  const std::int64_t id = messages_ =
      std::max(messages_, model.messages.empty() ? 0 : model.messages.rbegin()->first) + 1;
  MqttWrites writes{PutMqttMessage{message(id)}};
  for (const auto& [session, row] : model.sessions) {
    if (writes.size() > 1 && chance(dice_, 50)) continue;
    std::int64_t number = 1;
    for (const auto& [key, delivery] : model.deliveries)
      if (key.first == session) number = key.second + 1;
    writes.push_back(PutMqttDelivery{{session, number, id, 1, false, false, {7, 8}}});
  }
  return writes;
}

// A delivery goes its way: released, or done with; then the message too, where nobody else waits for it.
MqttWrite Author::drop_delivery(const MqttModel& model) {
  const MqttDelivery& delivery = any_of(model.deliveries, dice_).second;
  if (!delivery.released && chance(dice_, 40)) return ReleaseMqttDelivery{delivery.session, delivery.number};
  const auto waiting = std::ranges::count_if(
      model.deliveries, [&](const auto& entry) { return entry.second.message == delivery.message; });
  return DropMqttDelivery{delivery.session, delivery.number, waiting > 1 ? 0 : delivery.message};
}

}  // namespace sealpost::power
