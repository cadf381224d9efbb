#include "log/head_rows.hpp"

namespace sealpost::log {
namespace {

// seq, link, time, event
LaneHead lane_head(const Statement::Rows& row, int column) {
  return {row.strong<Seq>(column), row.name<Link>(column + 1), row.number(column + 2), row.strong<EventId>(column + 3)};
}

}  // namespace

ClientRows HeadRows::load(const Permalink& client) {
  ClientRows loaded;
  auto found = get_client_.query(client);
  if (found.next())
    loaded.head = {found.name<Link>(0),
                   found.strong<EventId>(1),
                   lane_head(found, 2),
                   found.strong<EventId>(6),
                   found.strong<EventId>(7),
                   true,
                   false};
  for (auto row = get_devices_.query(client); row.next();)
    loaded.device(row.device(0)) = {row.strong<Epoch>(1), lane_head(row, 2), row.number(6) != 0, row.strong<Seq>(7),
                                    false};
  for (auto row = get_cursors_.query(client); row.next();)
    loaded.cursor(std::string(row.text(0))) = {row.strong<EventId>(1), false};
  return loaded;
}

std::optional<Permalink> HeadRows::key_owner(const PublicKey& key) {
  auto row = get_key_.query(key);
  if (!row.next()) return std::nullopt;
  return row.name<Permalink>(0);
}

void HeadRows::store(const Heads& heads) {
  heads.for_each_changed([this](const Permalink& client, const ClientRows& rows) { store_client(client, rows); });
  for (const auto& [key, owner] : heads.new_keys()) put_key_.run(key, owner);
}

void HeadRows::store_client(const Permalink& client, const ClientRows& rows) {
  const ClientHead& head = rows.head;
  if (head.dirty || (!head.stored && rows.dirty()))
    put_client_.run(client, head.identity, head.identity_event, head.out.seq, head.out.link, head.out.time,
                    head.out.event, head.last_in, head.last_intent);
  for (const auto* changed : rows.changed_devices) {
    const auto& [name, device] = *changed;
    put_device_.run(client, name, device.epoch, device.in.seq, device.in.link, device.in.time, device.in.event,
                    device.shut, device.start);
  }
  for (const auto* changed : rows.changed_cursors) put_cursor_.run(client, changed->first, changed->second.at);
}

}  // namespace sealpost::log
