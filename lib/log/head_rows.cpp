#include "log/head_rows.hpp"

namespace sealpost::log {
namespace {

template <class Head>
struct Changed {
  const Permalink* client;
  const Head* head;
};

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
  std::vector<Changed<ClientHead>> clients;
  std::vector<Changed<ClientRows::Devices::value_type>> devices;
  std::vector<Changed<ClientRows::Cursors::value_type>> cursors;
  heads.for_each_changed([&](const Permalink& client, const ClientRows& rows) {
    if (rows.head.dirty || (!rows.head.stored && rows.dirty())) clients.push_back({&client, &rows.head});
    for (const auto* device : rows.changed_devices) devices.push_back({&client, device});
    for (const auto* cursor : rows.changed_cursors) cursors.push_back({&client, cursor});
  });
  clients_.insert<Changed<ClientHead>>(clients, [](const auto& changed, auto bind) {
    const ClientHead& head = *changed.head;
    bind(*changed.client, head.identity, head.identity_event, head.out.seq, head.out.link, head.out.time,
         head.out.event, head.last_in, head.last_intent);
  });
  devices_.insert<Changed<ClientRows::Devices::value_type>>(devices, [](const auto& changed, auto bind) {
    const auto& [name, device] = *changed.head;
    bind(*changed.client, name, device.epoch, device.in.seq, device.in.link, device.in.time, device.in.event,
         device.shut, device.start);
  });
  cursors_.insert<Changed<ClientRows::Cursors::value_type>>(cursors, [](const auto& changed, auto bind) {
    bind(*changed.client, changed.head->first, changed.head->second.at);
  });
  for (const auto& [key, owner] : heads.new_keys()) put_key_.run(key, owner);
}

}  // namespace sealpost::log
