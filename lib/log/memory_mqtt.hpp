#pragma once
// What MQTT keeps, in memory: the changes of mqtt_state.hpp by their words.

#include <map>
#include <set>

#include "log/mqtt_state.hpp"

namespace sealpost::log {

class MemoryMqtt {
 public:
  void apply(const MqttWrites&);
  MqttState state() const;

 private:
  void write(const PutMqttSession&);
  void write(const DropMqttSession&);
  void write(const PutMqttSubscription&);
  void write(const DropMqttSubscription&);
  void write(const PutMqttMessage&);
  void write(const PutMqttDelivery&);
  void write(const ReleaseMqttDelivery&);
  void write(const DropMqttDelivery&);
  void write(const PutMqttReceived&);
  void write(const DropMqttReceived&);
  void write(const PutMqttRetained&);
  void write(const DropMqttRetained&);

  using OfSession = std::pair<std::int64_t, std::int64_t>;  // session, and number or packet id
  std::map<std::int64_t, MqttSession> sessions_;
  std::map<std::pair<std::int64_t, std::string>, MqttSubscription> subscriptions_;
  std::map<std::int64_t, MqttMessage> messages_;
  std::map<OfSession, MqttDelivery> deliveries_;
  std::set<OfSession> received_;
  std::map<std::string, MqttMessage> retained_;
};

}  // namespace sealpost::log
