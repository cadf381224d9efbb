#include "log/mqtt_rows.hpp"

namespace sealpost::log {
namespace {

std::size_t size_of(const MqttSession& row) {
  return row.key.size();
}
std::size_t size_of(const MqttSubscription& row) {
  return row.filter.size();
}
std::size_t size_of(const MqttMessage& row) {
  return row.topic.size() + row.properties.size() + row.payload.size();
}
std::size_t size_of(const MqttDelivery& row) {
  return row.identifiers.size() * sizeof(std::uint32_t);
}
std::size_t size_of(const MqttReceived&) {
  return 0;
}

template <class Write>
std::size_t size_of_write(const Write& write) {
  if constexpr (requires { write.row; }) {
    return size_of(write.row);
  } else if constexpr (requires { write.filter; }) {
    return write.filter.size();
  } else if constexpr (requires { write.topic; }) {
    return write.topic.size();
  } else {
    return 0;
  }
}

// NULL is what an empty blob is written as.
BytesView blob_of(BytesView bytes) {
  return bytes.empty() ? BytesView{} : bytes;
}

// 4 bytes each, big-endian.
std::string packed(const std::vector<std::uint32_t>& numbers) {
  std::string bytes;
  for (const std::uint32_t number : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

std::vector<std::uint32_t> unpacked(std::string_view bytes) {
  std::vector<std::uint32_t> numbers(bytes.size() / sizeof(std::uint32_t));
  for (std::size_t i = 0; i < numbers.size() * sizeof(std::uint32_t); ++i)
    numbers[i / 4] = numbers[i / 4] << 8 | static_cast<std::uint8_t>(bytes[i]);
  return numbers;
}

template <class Small>
Small small(const Statement::Rows& row, int column) {
  return static_cast<Small>(row.number(column));
}

// topic, properties, payload, qos, retain, expires_at: columns `first` to `first` + 5.
MqttMessage message_of(const Statement::Rows& row, int first) {
  const std::size_t topic = row.text(first).size();
  const std::size_t properties = row.text(first + 1).size();
  auto text = std::make_shared<std::string>(row.text(first));
  text->append(row.text(first + 1)).append(row.text(first + 2));
  MqttMessage message;
  message.topic = std::string_view(*text).substr(0, topic);
  message.properties = as_bytes(*text).subspan(topic, properties);
  message.payload = as_bytes(*text).subspan(topic + properties);
  message.keeps = std::move(text);
  message.qos = small<std::uint8_t>(row, first + 3);
  message.retain = row.number(first + 4) != 0;
  message.expires_at = row.number(first + 5);
  return message;
}

void read_sessions(Database& database, MqttState& state) {
  Statement sessions(database, "SELECT id, key, expiry, detached_at FROM mqtt_session ORDER BY id");
  for (auto row = sessions.query(); row.next();)
    state.sessions.push_back(
        {row.number(0), std::string(row.text(1)), small<std::uint32_t>(row, 2), Millis{row.number(3)}});
  Statement subscriptions(
      database, "SELECT session, filter, options, identifier FROM mqtt_subscription ORDER BY session, filter");
  for (auto row = subscriptions.query(); row.next();)
    state.subscriptions.push_back(
        {row.number(0), std::string(row.text(1)), small<std::uint8_t>(row, 2), small<std::uint32_t>(row, 3)});
  Statement received(database, "SELECT session, packet_id FROM mqtt_received ORDER BY session, packet_id");
  for (auto row = received.query(); row.next();) state.received.push_back({row.number(0), row.number(1)});
}

void read_messages(Database& database, MqttState& state) {
  Statement messages(database,
                     "SELECT id, topic, properties, payload, qos, retain, expires_at FROM mqtt_message ORDER BY id");
  for (auto row = messages.query(); row.next();) {
    state.messages.push_back(message_of(row, 1));
    state.messages.back().id = row.number(0);
  }
  Statement deliveries(database,
                       "SELECT session, number, message, qos, retain, released, identifiers FROM mqtt_delivery ORDER "
                       "BY session, number");
  for (auto row = deliveries.query(); row.next();)
    state.deliveries.push_back({row.number(0), row.number(1), row.number(2), small<std::uint8_t>(row, 3),
                                row.number(4) != 0, row.number(5) != 0, unpacked(row.text(6))});
  Statement retained(database,
                     "SELECT topic, properties, payload, qos, retain, expires_at FROM mqtt_retained ORDER BY topic");
  for (auto row = retained.query(); row.next();) state.retained.push_back(message_of(row, 0));
}

}  // namespace

std::size_t bytes_of(const MqttWrites& writes) {
  std::size_t bytes = 0;
  for (const MqttWrite& write : writes)
    bytes += std::visit([](const auto& given) { return size_of_write(given); }, write);
  return bytes;
}

void MqttRows::apply(const MqttWrites& writes) {
  for (const MqttWrite& each : writes) {
    if (!std::holds_alternative<PutMqttDelivery>(each)) flush_deliveries();
    std::visit([this](const auto& given) { write(given); }, each);
  }
  flush_deliveries();
}

void MqttRows::flush_deliveries() {
  deliveries_.insert<NewDelivery>(new_deliveries_, [](const NewDelivery& put, auto bind) {
    const MqttDelivery& row = *put.row;
    bind(row.session, row.number, row.message, row.qos, row.retain, row.released, blob_of(as_bytes(put.identifiers)));
  });
  new_deliveries_.clear();
}

void MqttRows::write(const PutMqttSession& put) {
  put_session_.run(put.row.id, put.row.key, put.row.expiry, put.row.detached_at);
}

void MqttRows::write(const DropMqttSession& drop) {
  drop_messages_.run(drop.id);
  drop_deliveries_.run(drop.id);
  drop_subscriptions_.run(drop.id);
  drop_all_received_.run(drop.id);
  drop_session_.run(drop.id);
}

void MqttRows::write(const PutMqttSubscription& put) {
  put_subscription_.run(put.row.session, put.row.filter, put.row.options, put.row.identifier);
}

void MqttRows::write(const DropMqttSubscription& drop) {
  drop_subscription_.run(drop.session, drop.filter);
}

void MqttRows::write(const PutMqttMessage& put) {
  const MqttMessage& row = put.row;
  put_message_.run(row.id, row.topic, blob_of(row.properties), blob_of(row.payload), row.qos, row.retain,
                   row.expires_at);
}

void MqttRows::write(const PutMqttDelivery& put) {
  new_deliveries_.push_back({&put.row, packed(put.row.identifiers)});
}

void MqttRows::write(const ReleaseMqttDelivery& release) {
  release_.run(release.session, release.number);
}

void MqttRows::write(const DropMqttDelivery& drop) {
  drop_delivery_.run(drop.session, drop.number);
  if (drop.message != 0) drop_message_.run(drop.message);
}

void MqttRows::write(const PutMqttReceived& put) {
  put_received_.run(put.row.session, put.row.packet_id);
}

void MqttRows::write(const DropMqttReceived& drop) {
  drop_received_.run(drop.row.session, drop.row.packet_id);
}

void MqttRows::write(const PutMqttRetained& put) {
  const MqttMessage& row = put.row;
  put_retained_.run(row.topic, blob_of(row.properties), blob_of(row.payload), row.qos, row.retain, row.expires_at);
}

void MqttRows::write(const DropMqttRetained& drop) {
  drop_retained_.run(drop.topic);
}

MqttState read_mqtt_state(Database& database) {
  MqttState state;
  read_sessions(database, state);
  read_messages(database, state);
  return state;
}

}  // namespace sealpost::log
