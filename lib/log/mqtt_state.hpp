#pragma once
// What MQTT keeps besides the events: its sessions and what waits for them, and retained messages. Ordinary rows
// outside the hash chain, written by the log's writer in the same group commits; views of nothing, so a rebuild leaves
// them as they are. What the rows mean is lib/broker's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace sealpost::log {

struct MqttSession {
  std::int64_t id = 0;
  std::string key;
  std::uint32_t expiry = 0;  // seconds
  Millis detached_at = 0;    // ms since the Unix epoch; 0: it had a connection
};

struct MqttSubscription {
  std::int64_t session = 0;
  std::string filter;
  std::uint8_t options = 0;  // as in SUBSCRIBE
  std::uint32_t identifier = 0;
};

// Its parts view what `keeps` owns.
struct MqttMessage {
  std::int64_t id = 0;  // of a retained one: none, its topic names it
  std::shared_ptr<const void> keeps;
  std::string_view topic;
  BytesView properties;
  BytesView payload;
  std::uint8_t qos = 0;
  bool retain = false;
  Millis expires_at = 0;  // ms since the Unix epoch; 0: never
};

struct MqttDelivery {
  std::int64_t session = 0;
  std::int64_t number = 0;
  std::int64_t message = 0;
  std::uint8_t qos = 0;
  bool retain = false;
  bool released = false;
  std::vector<std::uint32_t> identifiers;
};

struct MqttReceived {
  std::int64_t session = 0;
  std::int64_t packet_id = 0;
};

struct MqttState {
  std::vector<MqttSession> sessions;
  std::vector<MqttSubscription> subscriptions;
  std::vector<MqttMessage> messages;
  std::vector<MqttDelivery> deliveries;  // by session and number
  std::vector<MqttReceived> received;
  std::vector<MqttMessage> retained;
};

// Changes of it, in order. Putting replaces what has the same key.
struct PutMqttSession {
  MqttSession row;
};
struct DropMqttSession {  // and all that is its
  std::int64_t id = 0;
};
struct PutMqttSubscription {
  MqttSubscription row;
};
struct DropMqttSubscription {
  std::int64_t session = 0;
  std::string filter;
};
struct PutMqttMessage {
  MqttMessage row;
};
struct PutMqttDelivery {
  MqttDelivery row;
};
struct ReleaseMqttDelivery {
  std::int64_t session = 0;
  std::int64_t number = 0;
};
struct DropMqttDelivery {
  std::int64_t session = 0;
  std::int64_t number = 0;
  std::int64_t message = 0;  // nobody waits for it any more; 0: others do
};
struct PutMqttReceived {
  MqttReceived row;
};
struct DropMqttReceived {
  MqttReceived row;
};
struct PutMqttRetained {
  MqttMessage row;
};
struct DropMqttRetained {
  std::string topic;
};
using MqttWrite = std::variant<PutMqttSession, DropMqttSession, PutMqttSubscription, DropMqttSubscription,
                               PutMqttMessage, PutMqttDelivery, ReleaseMqttDelivery, DropMqttDelivery, PutMqttReceived,
                               DropMqttReceived, PutMqttRetained, DropMqttRetained>;
using MqttWrites = std::vector<MqttWrite>;

}  // namespace sealpost::log
