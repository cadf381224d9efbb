// deliver: the out-lane goes to each device in order, within its window, from memory or, where a device is behind, from
// the log a page at a time.

#include <fmt/format.h>

#include "mqtt/errors.hpp"
#include "pipeline/app.hpp"
#include "pipeline/await.hpp"
#include "pipeline/client.hpp"

namespace sealpost::pipeline {
namespace {

constexpr log::PageLimit page_limit{.events = 64, .bytes = 1 << 20};

}  // namespace

void Client::pump_all() {
  for (const auto& lane : devices_) {
    lane->window.raise_head(out_.durable().n);
    pump(*lane);
  }
}

void Client::pump(DeviceLane& lane) {
  const auto connection = lane.connection;
  if (!connection || connection->ended() || lane.shut) return;
  if (!subscribed(lane.session(), connection->topic("inbox"), mqtt::Qos::at_least_once)) return;
  while (const auto n = lane.window.next_to_send()) {
    const Outbound* message = in_memory(lane, *n);
    if (message == nullptr) {
      if (!std::exchange(lane.reading, true))
        spawn(strand_, services_.sink, "deliver", read_page(shared_from_this(), lane.device));
      break;
    }
    if (!deliver(lane, *message)) break;
  }
  connection->flush();
}

const Outbound* Client::in_memory(DeviceLane& lane, Seq n) {
  if (!recent_.empty() && n >= recent_.front().committed.seq()) {
    const auto steps = static_cast<std::ptrdiff_t>(n.value - recent_.front().committed.seq().value);
    return &*std::next(recent_.begin(), steps);
  }
  while (!lane.page.empty() && lane.page.front().committed.seq() < n) lane.page.pop_front();
  const bool found = !lane.page.empty() && lane.page.front().committed.seq() == n;
  return found ? &lane.page.front() : nullptr;
}

// The output gate: only what has been committed can be given here. False if it cannot go out now.
bool Client::deliver(DeviceLane& lane, const Outbound& message) {
  const Seq n = message.committed.seq();
  const std::string topic = lane.connection->topic("inbox");
  mqtt::OutPublish publish;
  publish.topic = topic;
  publish.payload = as_bytes(*message.text);
  publish.qos = mqtt::Qos::at_least_once;
  publish.token = n.value;
  // A message that was on its way when the session's last connection ended goes out again under the same id, marked
  // DUP.
  for (const mqtt::InFlight& flight : lane.session().in_flight())
    if (flight.token == n.value && !flight.sent) publish.packet_id = flight.packet_id;
  const auto packet = lane.connection->engine().publish(publish);
  if (!packet) {
    if (packet.error() == mqtt::Errc::packet_too_large) cannot_take(lane, message);
    return false;
  }
  lane.window.on_sent(n, *packet);
  services_.counters.deliveries_total.add();
  return true;
}

// The client's Maximum Packet Size is below what this server may send it. Without the message nothing behind it can be
// delivered: better said than waited for.
void Client::cannot_take(DeviceLane& lane, const Outbound& message) {
  services_.sink.write(
      Level::warn, "pipeline",
      fmt::format("device {} of client {} cannot take message {} of {} bytes: its Maximum Packet Size",
                  lane.device.text(), permalink_.hex(), message.committed.seq().value, message.text->size()));
  lane.connection->end(mqtt::ReasonCode::packet_too_large,
                       "a message in the outbox is larger than the Maximum Packet Size of this connection");
}

asio::awaitable<void> Client::read_page(std::shared_ptr<Client> self, Device device) {
  using Page = std::vector<log::StoredEvent>;
  DeviceLane& lane = *self->find(device);
  const log::Lane out{self->permalink_};
  const Seq from = lane.window.sent().next();
  std::function<Page(log::Reader&)> ask = [out, from](log::Reader& reader) {
    return reader.lane(out, from, page_limit);
  };
  const Page page = co_await read<Page>(self->services_.log, std::move(ask));
  lane.reading = false;
  lane.page.clear();
  if (!lane.connection) co_return;
  for (const log::StoredEvent& event : page)
    if (event.draft.body) lane.page.push_back({event.committed, event.draft.body});
  if (!lane.page.empty()) self->pump(lane);
}

// Memory keeps what a connected device has yet to acknowledge; the log has the rest.
void Client::forget_delivered() {
  Seq delivered = out_.durable().n;
  for (const auto& lane : devices_)
    if (lane->connection) delivered = std::min(delivered, lane->window.acked());
  while (!recent_.empty() && recent_.front().committed.seq() <= delivered) {
    recent_bytes_ -= recent_.front().text->size();
    recent_.pop_front();
  }
}

void Client::on(const std::shared_ptr<Connection>& connection, const mqtt::PubackReceived& puback) {
  DeviceLane& lane = lane_of(*connection);
  if (puback.packet_id > mqtt::sessions_packet_id_max) return settle_app(lane, puback.token);
  if (puback.reason >= mqtt::ReasonCode::unspecified_error) {
    // The client did not store it: to go on would make a hole in what it has applied.
    connection->end(mqtt::ReasonCode::implementation_specific_error,
                    "a message from the inbox was refused; connect again to get it again");
    return;
  }
  const auto acked = lane.window.on_ack(puback.packet_id);
  services_.counters.deliveries_acked_total.add();
  if (!acked) return;
  if (*acked > lane.acked) {
    lane.acked = *acked;
    services_.log.note_acked(permalink_, lane.device, *acked);
  }
  if (*acked == lane.window.head()) lane.page.clear();
  turn_green_if_drained(lane);
  settled_.open();
  pump(lane);
  forget_delivered();
}

void Client::turn_green_if_drained(DeviceLane& lane) {
  if (lane.in.light() != lane::Light::drain || lane.window.acked() < lane.drain_to) return;
  lane.in.set_light(lane::Light::green);
  if (lane.connection) lane.connection->tell(lane.session(), "light", R"({"light":"green"})");
}

}  // namespace sealpost::pipeline
