// Random changes of what MQTT keeps against a model that only knows lists, on both engines at once.

#include <rapidcheck.h>

#include <algorithm>

#include "conformance.hpp"
#include "log/maintenance.hpp"
#include "mqtt_verbs.hpp"

namespace sealpost::log::test {
namespace {

int below(int bound) {
  return *rc::gen::inRange(0, bound);
}

struct Model {
  MqttState state;

  template <class Row, class Same>
  static void put(std::vector<Row>& rows, const Row& row, Same same) {
    std::erase_if(rows, same);
    rows.push_back(row);
  }
  bool waits(std::int64_t message) const {
    return std::ranges::any_of(state.deliveries, [&](const auto& row) { return row.message == message; });
  }
  bool has_session(std::int64_t id) const {
    return std::ranges::any_of(state.sessions, [&](const auto& row) { return row.id == id; });
  }
  bool has_message(std::int64_t id) const {
    return std::ranges::any_of(state.messages, [&](const auto& row) { return row.id == id; });
  }

  void apply(const PutMqttSession& p) {
    put(state.sessions, p.row, [&](const auto& row) { return row.id == p.row.id; });
  }
  void apply(const DropMqttSession& p) {
    const std::vector<MqttDelivery> before = state.deliveries;
    const auto is_its = [&](const auto& row) { return row.session == p.id; };
    std::erase_if(state.deliveries, is_its);
    std::erase_if(state.subscriptions, is_its);
    std::erase_if(state.received, is_its);
    std::erase_if(state.sessions, [&](const auto& row) { return row.id == p.id; });
    for (const MqttDelivery& delivery : before)
      if (delivery.session == p.id && !waits(delivery.message))
        std::erase_if(state.messages, [&](const auto& row) { return row.id == delivery.message; });
  }
  void apply(const PutMqttSubscription& p) {
    put(state.subscriptions, p.row,
        [&](const auto& row) { return row.session == p.row.session && row.filter == p.row.filter; });
  }
  void apply(const DropMqttSubscription& p) {
    std::erase_if(state.subscriptions,
                  [&](const auto& row) { return row.session == p.session && row.filter == p.filter; });
  }
  void apply(const PutMqttMessage& p) {
    put(state.messages, p.row, [&](const auto& row) { return row.id == p.row.id; });
  }
  void apply(const PutMqttDelivery& p) {
    put(state.deliveries, p.row,
        [&](const auto& row) { return row.session == p.row.session && row.number == p.row.number; });
  }
  void apply(const ReleaseMqttDelivery& p) {
    for (MqttDelivery& row : state.deliveries)
      if (row.session == p.session && row.number == p.number) row.released = true;
  }
  void apply(const DropMqttDelivery& p) {
    std::erase_if(state.deliveries,
                  [&](const auto& row) { return row.session == p.session && row.number == p.number; });
    if (p.message != 0) std::erase_if(state.messages, [&](const auto& row) { return row.id == p.message; });
  }
  void apply(const PutMqttReceived& p) {
    put(state.received, p.row,
        [&](const auto& row) { return row.session == p.row.session && row.packet_id == p.row.packet_id; });
  }
  void apply(const DropMqttReceived& p) {
    std::erase_if(state.received,
                  [&](const auto& row) { return row.session == p.row.session && row.packet_id == p.row.packet_id; });
  }
  void apply(const PutMqttRetained& p) {
    put(state.retained, p.row, [&](const auto& row) { return row.topic == p.row.topic; });
  }
  void apply(const DropMqttRetained& p) {
    std::erase_if(state.retained, [&](const auto& row) { return row.topic == p.topic; });
  }

  bool dangles() const {
    const auto lost = [this](const auto& row) { return !has_session(row.session); };
    return std::ranges::any_of(state.deliveries, lost) || std::ranges::any_of(state.subscriptions, lost) ||
           std::ranges::any_of(state.received, lost) ||
           std::ranges::any_of(state.deliveries, [this](const auto& row) { return !has_message(row.message); });
  }
};

std::string random_bytes() {
  std::string bytes;
  for (int left = below(2) * below(20); left > 0; --left) bytes += static_cast<char>(below(256));
  return bytes;
}

std::string random_topic() {
  return std::string("topic/") + static_cast<char>('a' + below(3));
}

MqttMessage random_message(std::int64_t id) {
  MqttMessage row = mqtt_message(id, random_topic(), random_bytes(), random_bytes());
  row.qos = static_cast<std::uint8_t>(below(3));
  row.retain = below(2) == 0;
  row.expires_at = below(2) * 1'700'000'000'000;
  return row;
}

MqttWrite random_write() {
  const std::int64_t session = 1 + below(3);
  const std::int64_t number = 1 + below(6);
  const std::int64_t message = 1 + below(6);
  const auto identifier = static_cast<std::uint32_t>(below(1000));
  switch (below(16)) {
    case 0:
    case 1:
      return PutMqttSession{{session, "key " + std::to_string(session), identifier, below(5)}};
    case 2:
      return DropMqttSession{session};
    case 3:
      return PutMqttSubscription{{session, random_topic(), static_cast<std::uint8_t>(below(64)), identifier}};
    case 4:
      return DropMqttSubscription{session, random_topic()};
    case 5:
    case 6:
      return PutMqttMessage{random_message(message)};
    case 7:
      return ReleaseMqttDelivery{session, number};
    case 8:
      return DropMqttDelivery{session, number, below(2) * message};
    case 9:
      return PutMqttReceived{{session, number}};
    case 10:
      return DropMqttReceived{{session, number}};
    case 11:
      return PutMqttRetained{random_message(0)};
    case 12:
      return DropMqttRetained{random_topic()};
    default:
      return PutMqttDelivery{{session, number, message, static_cast<std::uint8_t>(below(3)), below(2) == 0,
                              below(2) == 0,
                              std::vector<std::uint32_t>(static_cast<std::size_t>(below(3)), identifier)}};
  }
}

Lines sorted(Lines lines) {
  std::ranges::sort(lines);
  return lines;
}

}  // namespace

TEST_CASE("both engines keep what the model keeps for MQTT") {
  const bool holds = rc::check([] {
    SqliteEngine sqlite;
    MemoryEngine memory;
    Model model;
    const int steps = below(40);
    for (int step = 0; step < steps; ++step) {
      Transaction transaction;
      if (below(3) == 0) transaction.drafts.push_back(security("beside"));
      const bool refused = below(6) == 0;
      if (refused) transaction.drafts.push_back(draft_of(Kind::restored, {}));
      for (int left = below(30); left > 0; --left) transaction.mqtt.push_back(random_write());
      if (!refused)
        for (const MqttWrite& write : transaction.mqtt) std::visit([&](const auto& w) { model.apply(w); }, write);
      RC_ASSERT(append(memory.log(), transaction).has_value() != refused);
      RC_ASSERT(append(sqlite.log(), std::move(transaction)).has_value() != refused);
      if (below(10) == 0) sqlite.reopen();
    }
    const Lines expected = sorted(lines_of(model.state));
    const Lines kept = mqtt_lines(sqlite.log());
    RC_ASSERT(mqtt_lines(memory.log()) == kept);  // in the same order too
    RC_ASSERT(sorted(kept) == expected);
    sqlite.reopen();
    RC_ASSERT(mqtt_lines(sqlite.log()) == kept);
    sqlite.close();
    RC_ASSERT((verify(sqlite.path(), {})->fault_count > 0) == model.dangles());
  });
  CHECK(holds);
}

}  // namespace sealpost::log::test
