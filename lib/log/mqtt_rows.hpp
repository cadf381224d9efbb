#pragma once
// What MQTT keeps, as rows: to the database and back.

#include "log/bulk.hpp"
#include "log/database.hpp"
#include "log/mqtt_state.hpp"

namespace sealpost::log {

// What the changes hold in memory while they wait, beside their own size.
std::size_t bytes_of(const MqttWrites&);

class MqttRows {
 public:
  explicit MqttRows(Database& database) : database_(database) {}
  // In order. None of them can fail but by the disk: what is to be dropped or released may be gone already.
  void apply(const MqttWrites&);

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
  void flush_deliveries();

  struct NewDelivery {
    const MqttDelivery* row;
    std::string identifiers;  // as they are stored
  };

  Database& database_;
  Statement put_session_{database_, "REPLACE INTO mqtt_session VALUES (?1, ?2, ?3, ?4)"};
  Statement drop_session_{database_, "DELETE FROM mqtt_session WHERE id = ?1"};
  Statement drop_subscriptions_{database_, "DELETE FROM mqtt_subscription WHERE session = ?1"};
  Statement drop_all_received_{database_, "DELETE FROM mqtt_received WHERE session = ?1"};
  Statement drop_deliveries_{database_, "DELETE FROM mqtt_delivery WHERE session = ?1"};
  // Before its deliveries go.
  Statement drop_messages_{database_,
                           "DELETE FROM mqtt_message WHERE id IN (SELECT message FROM mqtt_delivery WHERE session = "
                           "?1) AND NOT EXISTS (SELECT 1 FROM mqtt_delivery WHERE message = mqtt_message.id AND "
                           "session <> ?1)"};
  Statement put_subscription_{database_, "REPLACE INTO mqtt_subscription VALUES (?1, ?2, ?3, ?4)"};
  Statement drop_subscription_{database_, "DELETE FROM mqtt_subscription WHERE session = ?1 AND filter = ?2"};
  Statement put_message_{database_, "REPLACE INTO mqtt_message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
  Statement drop_message_{database_, "DELETE FROM mqtt_message WHERE id = ?1"};
  // One message may go to a thousand sessions at once.
  BulkInsert<8> deliveries_{database_, "REPLACE INTO mqtt_delivery", 7};
  Statement release_{database_, "UPDATE mqtt_delivery SET released = 1 WHERE session = ?1 AND number = ?2"};
  Statement drop_delivery_{database_, "DELETE FROM mqtt_delivery WHERE session = ?1 AND number = ?2"};
  Statement put_received_{database_, "REPLACE INTO mqtt_received VALUES (?1, ?2)"};
  Statement drop_received_{database_, "DELETE FROM mqtt_received WHERE session = ?1 AND packet_id = ?2"};
  Statement put_retained_{database_,
                          "INSERT INTO mqtt_retained VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (topic) DO UPDATE SET "
                          "properties = excluded.properties, payload = excluded.payload, qos = excluded.qos, retain = "
                          "excluded.retain, expires_at = excluded.expires_at"};
  Statement drop_retained_{database_, "DELETE FROM mqtt_retained WHERE topic = ?1"};
  std::vector<NewDelivery> new_deliveries_;  // put one after the other, and not yet written
};

// All of it, each table in the order of its key. What goes wrong is in the database's error.
MqttState read_mqtt_state(Database&);

}  // namespace sealpost::log
