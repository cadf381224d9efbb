#pragma once
// What the tests of MQTT's rows say: makers of rows, and a log's state as sorted lines of text to compare.

#include <set>

#include "base/encoding.hpp"
#include "log/database.hpp"
#include "verbs.hpp"

namespace sealpost::log::test {

// Owns its parts, so that an engine that keeps views only is found out.
inline MqttMessage mqtt_message(std::int64_t id, const std::string& topic, const std::string& payload,
                                const std::string& properties = {}) {
  struct Parts {
    std::string topic, properties, payload;
  };
  auto parts = std::make_shared<const Parts>(Parts{topic, properties, payload});
  MqttMessage row;
  row.id = id;
  row.topic = parts->topic;
  row.properties = as_bytes(parts->properties);
  row.payload = as_bytes(parts->payload);
  row.qos = 1;
  row.keeps = std::move(parts);
  return row;
}

inline Transaction transaction_of(MqttWrites writes) {
  Transaction transaction;
  transaction.mqtt = std::move(writes);
  return transaction;
}

inline void keep(EventLog& log, MqttWrites writes) {
  const auto appended = append(log, transaction_of(std::move(writes)));
  if (!appended) FAIL("not appended: " << appended.error().message());
  CHECK(appended->events.empty());
}

inline MqttState mqtt_state(EventLog& log) {
  return ask(log, [](Reader& reader) { return reader.mqtt_state(); });
}

inline std::string line_of(const MqttSession& row) {
  return "session " + std::to_string(row.id) + ' ' + row.key + ' ' + std::to_string(row.expiry) + ' ' +
         std::to_string(row.detached_at);
}
inline std::string line_of(const MqttSubscription& row) {
  return "subscription " + std::to_string(row.session) + ' ' + row.filter + ' ' + std::to_string(row.options) + ' ' +
         std::to_string(row.identifier);
}
inline std::string line_of(const MqttMessage& row) {
  return "message " + std::to_string(row.id) + ' ' + std::string(row.topic) + " p" + to_hex(row.properties) + " b" +
         to_hex(row.payload) + " q" + std::to_string(row.qos) + (row.retain ? " retain " : " ") +
         std::to_string(row.expires_at);
}
inline std::string line_of(const MqttDelivery& row) {
  std::string line = "delivery " + std::to_string(row.session) + '/' + std::to_string(row.number) + " of " +
                     std::to_string(row.message) + " q" + std::to_string(row.qos) + (row.retain ? " retain" : "") +
                     (row.released ? " released" : "");
  for (const std::uint32_t identifier : row.identifiers) line += ' ' + std::to_string(identifier);
  return line;
}
inline std::string line_of(const MqttReceived& row) {
  return "received " + std::to_string(row.session) + '/' + std::to_string(row.packet_id);
}

using Lines = std::vector<std::string>;

// In the order in which they come.
inline Lines lines_of(const MqttState& state) {
  Lines lines;
  for (const auto& row : state.sessions) lines.push_back(line_of(row));
  for (const auto& row : state.subscriptions) lines.push_back(line_of(row));
  for (const auto& row : state.messages) lines.push_back(line_of(row));
  for (const auto& row : state.deliveries) lines.push_back(line_of(row));
  for (const auto& row : state.received) lines.push_back(line_of(row));
  for (const auto& row : state.retained) lines.push_back("retained " + line_of(row));
  return lines;
}
inline Lines mqtt_lines(EventLog& log) {
  return lines_of(mqtt_state(log));
}

// Makes of a closed log what version 2 would have left.
inline void take_back_to_version_2(const std::string& path) {
  Database database(path, SQLITE_OPEN_READWRITE, {});
  for (const char* table : {"session", "subscription", "message", "delivery", "received", "retained"})
    database.execute((std::string("DROP TABLE mqtt_") + table).c_str());
  database.execute("PRAGMA user_version = 2");
  REQUIRE_FALSE(database.failed());
}

}  // namespace sealpost::log::test
