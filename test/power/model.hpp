#pragma once
// What a log must know, made from the transactions that were given to it and from nothing else: an independent fold,
// that shares the types of the port with the log and none of its code.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "log/event_log.hpp"

namespace sealpost::power {

struct DeviceModel {
  Epoch epoch;
  log::LaneHead in;
  bool shut = false;
  Seq start;
};

struct ClientModel {
  Link identity;
  EventId identity_event;
  log::LaneHead out;
  EventId last_in;
  EventId last_intent;
  std::map<std::string, DeviceModel> devices;
  std::map<std::string, EventId> cursors;
  std::vector<EventId> waiting;  // `in` events for the server itself
  std::vector<EventId> intents;  // of which it is the recipient
};

// What MQTT keeps.
struct MqttModel {
  using OfSession = std::pair<std::int64_t, std::int64_t>;  // session, and number or packet id
  std::map<std::int64_t, std::string> sessions;             // rows as text
  std::map<std::pair<std::int64_t, std::string>, std::string> subscriptions;
  std::map<std::int64_t, std::string> messages;
  std::map<OfSession, log::MqttDelivery> deliveries;
  std::set<OfSession> received;
  std::map<std::string, std::string> retained;

  void apply(const log::MqttWrite&);
  bool is_awaited(std::int64_t message) const;
  std::vector<std::string> lines() const;
};

class Model {
 public:
  // A transaction that the log takes.
  void apply(const log::Transaction&);

  EventId head() const { return head_; }
  const std::map<Permalink, ClientModel>& clients() const { return clients_; }
  ClientModel client(const Permalink& name) const {
    const auto found = clients_.find(name);
    return found == clients_.end() ? ClientModel() : found->second;
  }
  const std::map<PublicKey, Permalink>& keys() const { return keys_; }
  const MqttModel& mqtt() const { return mqtt_; }

 private:
  void apply(const log::Draft&);

  EventId head_;
  std::map<Permalink, ClientModel> clients_;
  std::map<PublicKey, Permalink> keys_;
  MqttModel mqtt_;
};

// The rows that a log has, as MqttModel::lines() says them.
std::vector<std::string> lines_of(const log::MqttState&);

}  // namespace sealpost::power
