// Random transactions against a model of a few lines, on both engines at once.

#include <rapidcheck.h>

#include <map>

#include "conformance.hpp"
#include "log/maintenance.hpp"

namespace sealpost::log::test {
namespace {

struct ModelLane {
  std::uint64_t seq = 0;
  Link link;
  Millis time = 0;
};

struct ModelDevice {
  std::uint64_t epoch = 0;
  bool shut = false;
};

// What must be accepted, by the words of event.hpp.
struct Model {
  std::map<Lane, ModelLane> lanes;
  std::map<Lane, ModelDevice> devices;
  std::map<std::pair<Permalink, std::string>, std::int64_t> cursors;
  std::map<Permalink, Link> identities;
  std::map<PublicKey, Permalink> keys;
  std::int64_t head = 0;

  bool takes(const Draft& draft, const Model& before) {
    if (!draft.consumer.empty()) {
      const auto cursor = before.cursors.find({draft.client, draft.consumer});
      if (draft.cause.value > before.head) return false;
      if (cursor != before.cursors.end() && cursor->second >= draft.cause.value) return false;
      auto& mine = cursors[{draft.client, draft.consumer}];
      mine = std::max(mine, draft.cause.value);
    }
    return takes_kind(draft);
  }

  bool takes_kind(const Draft& draft) {
    ModelDevice& device = devices[{draft.client, draft.device}];
    switch (draft.kind) {
      case Kind::epoch:
        return draft.epoch.value == ++device.epoch;
      case Kind::in:
        if (draft.epoch.value != device.epoch || device.epoch == 0 || device.shut) return false;
        return takes_next(draft);
      case Kind::out:
        return takes_next(draft);
      case Kind::shut:
        return device.shut = true;
      case Kind::identity:
        return takes_version(draft);
      default:
        return true;
    }
  }

  bool takes_next(const Draft& draft) {
    ModelLane& lane = lanes[{draft.client, draft.device}];
    if (draft.seq.value != lane.seq + 1 || draft.prev != lane.link || draft.time <= lane.time) return false;
    lane = {draft.seq.value, draft.link, draft.time};
    return true;
  }

  bool takes_version(const Draft& draft) {
    Link& newest = identities[draft.client];
    if (draft.prev != newest || (draft.prev.is_none() && draft.link.bytes != draft.client.bytes)) return false;
    newest = draft.link;
    for (const PublicKey& key : draft.keys)
      if (keys.emplace(key, draft.client).first->second != draft.client) return false;
    return true;
  }

  bool takes(const Transaction& transaction) {
    Model after = *this;
    for (const Draft& draft : transaction.drafts)
      if (!after.takes(draft, *this)) return false;
    after.head += static_cast<std::int64_t>(transaction.drafts.size());
    *this = std::move(after);
    return true;
  }
};

int below(int bound) {
  return *rc::gen::inRange(0, bound);
}

// Mostly what comes next, now and then something else.
Draft random_message(const Model& model, Kind kind, const Permalink& client, const std::string& device) {
  Draft draft = draft_of(kind, client, device);
  const auto lane = model.lanes.find({client, draft.device});
  const ModelLane head = lane == model.lanes.end() ? ModelLane{} : lane->second;
  const auto known = model.devices.find({client, draft.device});
  draft.epoch = {kind == Kind::out || known == model.devices.end() ? 1 : known->second.epoch};
  draft.seq = {head.seq + 1};
  draft.prev = head.link;
  draft.time = head.time + 1;
  draft.link = link_named(client.hex() + device + std::to_string(head.seq) + std::to_string(below(3)));
  draft.body = body_of("body " + std::to_string(head.seq));
  switch (below(16)) {
    case 0:
      draft.seq = draft.seq.next();
      break;
    case 1:
      draft.prev = link_named("other");
      break;
    case 2:
      draft.time = head.time;
      break;
    case 3:
      draft.epoch = draft.epoch.next();
      break;
    default:
      break;
  }
  if (below(4) == 0) draft.recipient = client_named("somebody");
  if (draft.time == 0) draft.time = 1;
  return draft;
}

Draft random_draft(const Model& model) {
  const Permalink client = client_named("client " + std::to_string(below(3)));
  const std::string device = below(2) == 0 ? "phone" : "tablet";
  Draft draft;
  const auto known = model.devices.find({client, device_named(device)});
  const auto identity_of = model.identities.find(client);
  const bool has_identity = identity_of != model.identities.end() && !identity_of->second.is_none();
  switch (below(10)) {
    case 0:
    case 1:
      draft =
          epoch(client, device,
                static_cast<std::uint64_t>(below(8) != 0) + (known == model.devices.end() ? 0 : known->second.epoch));
      if (draft.epoch.value == 0) draft.epoch = {7};
      break;
    case 2:
      draft = has_identity ? identity(client, link_named("v" + std::to_string(model.head)), identity_of->second)
                           : first_identity(client);
      draft.keys = {key_named(std::to_string(below(12)))};
      break;
    case 3:
      draft = intent(client, client_named("client " + std::to_string(below(3))));
      break;
    case 4:
      draft = below(6) == 0 ? draft_of(Kind::shut, client, device) : security("x", client);
      break;
    case 5:
    case 6:
      draft = random_message(model, Kind::out, client, "");
      break;
    default:
      draft = random_message(model, Kind::in, client, device);
  }
  if (below(4) == 0 && model.head > 0) draft = moving(draft, "bot", {1 + below(static_cast<int>(model.head) + 1)});
  return draft;
}

void compare(EventLog& log, const Model& model) {
  RC_ASSERT(ask(log, [](Reader& reader) { return reader.head().id.value; }) == model.head);
  for (const auto& [lane, head] : model.lanes) {
    const auto newest = ask(log, [&, of = lane](Reader& reader) { return reader.at(of, {head.seq}); });
    RC_ASSERT(newest.has_value() == (head.seq > 0));
    if (newest) RC_ASSERT(newest->draft.link == head.link);
    const auto all = ask(log, [&, of = lane](Reader& reader) { return reader.lane(of, {1}, {SIZE_MAX, SIZE_MAX}); });
    RC_ASSERT(all.size() == head.seq);
  }
  for (const auto& [key, owner] : model.keys)
    RC_ASSERT(ask(log, [&, of = key](Reader& reader) { return reader.key_owner(of); }) == owner);
  for (const auto& [whose, at] : model.cursors)
    if (at > 0) RC_ASSERT(state_of(log, whose.first).cursor(whose.second).value == at);
}

}  // namespace

TEST_CASE("both engines take what the model takes") {
  const bool holds = rc::check([] {
    SqliteEngine sqlite;
    MemoryEngine memory;
    Model model;
    const int steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      Transaction transaction;
      Model ahead = model;
      for (int i = 0, drafts = 1 + below(3); i < drafts; ++i) {
        transaction.drafts.push_back(random_draft(ahead));
        (void)ahead.takes(transaction.drafts.back(), model);
      }
      const bool taken = model.takes(transaction);
      const auto in_memory = append(memory.log(), transaction);
      const auto on_disk = append(sqlite.log(), transaction);
      RC_ASSERT(in_memory.has_value() == taken);
      RC_ASSERT(on_disk.has_value() == taken);
      if (!taken) RC_ASSERT(in_memory.error() == on_disk.error());
      if (below(12) == 0) sqlite.reopen();
    }
    compare(memory.log(), model);
    compare(sqlite.log(), model);
    sqlite.close();
    const auto before = dump_views(sqlite.path());
    RC_ASSERT(verify(sqlite.path(), {})->fault_count == 0U);
    RC_ASSERT(rebuild(sqlite.path(), {}).has_value());
    RC_ASSERT(*dump_views(sqlite.path()) == *before);
  });
  CHECK(holds);
}

}  // namespace sealpost::log::test
