#include "author.hpp"

#include <algorithm>

namespace sealpost::power {

using namespace log;

int roll(Dice& dice, int below) {
  return static_cast<int>(dice() % static_cast<std::uint64_t>(below));
}

bool chance(Dice& dice, int percent) {
  return roll(dice, 100) < percent;
}

namespace {

constexpr const char* names[] = {"ann", "bob", "cat", "dan", "eve"};
constexpr const char* devices[] = {"phone", "desk"};
constexpr const char* bot = "bot";

Permalink client_named(std::string_view name) {
  return {sha256(as_bytes(name))};
}

Draft draft_of(Kind kind, const Permalink& client) {
  Draft draft;
  draft.kind = kind;
  draft.client = client;
  return draft;
}

EventId next_after(const std::vector<EventId>& events, EventId cursor) {
  const auto next = std::ranges::upper_bound(events, cursor);
  return next == events.end() ? EventId{} : *next;
}

}  // namespace

Permalink Author::someone() {
  return client_named(names[roll(dice_, std::size(names))]);
}

std::string Author::fresh(std::string_view what) {
  return std::string(what) + ' ' + std::to_string(++said_) + ' ' + std::to_string(dice_());
}

Body Author::body() {
  std::string text = fresh("body");
  const int size = chance(dice_, 5) ? roll(dice_, bodies_max_) : roll(dice_, 900);
  text.resize(std::max(text.size(), static_cast<std::size_t>(size)), static_cast<char>('a' + roll(dice_, 26)));
  return std::make_shared<const std::string>(std::move(text));
}

Transaction Author::lawful(const Model& model) {
  Transaction transaction;
  const int kind = roll(dice_, 100);
  if (kind < 75) transaction.drafts = events(model);
  if (kind >= 65) transaction.mqtt = rows(model.mqtt());
  if (chance(dice_, 5)) {
    const std::string key = fresh("key");
    transaction.idempotency = Idempotency{"token", key, sha256(as_bytes(key))};
  }
  return transaction;
}

Transaction Author::unlawful(const Model& model) {
  Transaction transaction;
  if (chance(dice_, 50)) transaction.drafts.push_back(security({}));
  const Permalink whose = someone();
  transaction.drafts.push_back(outs(model.client(whose), whose, 1).front());
  transaction.drafts.back().seq = {transaction.drafts.back().seq.value + 1};
  transaction.mqtt = {PutMqttSession{{1, fresh("never"), 0, 0}}};
  return transaction;
}

Author::Drafts Author::events(const Model& model) {
  const Permalink whose = someone();
  ClientModel client = model.client(whose);
  switch (roll(dice_, 12)) {
    case 0:
      return {epoch(client, whose, devices[roll(dice_, std::size(devices))])};
    case 1:
      return {identity(client, whose)};
    case 2:
    case 3:
    case 4:
      return ins(model, whose, 1 + roll(dice_, 5));
    case 5:
    case 6:
      return outs(client, whose, 1 + roll(dice_, 4));
    case 7:
    case 8:
      return reply(model, whose);
    case 9:
    case 10:
      return carry_out_intent(model, whose);
    default:
      return {security(whose)};
  }
}

Draft Author::epoch(ClientModel& client, const Permalink& whose, const std::string& device) {
  Draft draft = draft_of(Kind::epoch, whose);
  draft.device = Device::parse(device).value();
  draft.epoch = client.devices[device].epoch.next();
  if (draft.epoch.value == 1) draft.seq = {dice_() % (client.out.seq.value + 1)};
  return draft;
}

Draft Author::identity(ClientModel& client, const Permalink& whose) {
  Draft draft = draft_of(Kind::identity, whose);
  draft.prev = client.identity;
  draft.link = draft.prev.is_none() ? Link{whose.bytes} : Link{sha256(as_bytes(fresh("identity")))};
  draft.type = "sealpost.Identity";
  draft.keys = {{sha256(as_bytes(fresh("key")))}, {sha256(as_bytes(whose.hex()))}};
  draft.body = body();
  return draft;
}

Author::Drafts Author::ins(const Model& model, const Permalink& whose, int count) {
  ClientModel client = model.client(whose);
  const std::string label = devices[roll(dice_, std::size(devices))];
  const DeviceModel device = client.devices[label];
  if (device.epoch.value == 0) return {epoch(client, whose, label)};
  if (device.shut) return {security(whose)};
  Drafts drafts;
  LaneHead head = device.in;
  for (int i = 0; i < count; ++i) {
    Draft draft = draft_of(Kind::in, whose);
    draft.device = Device::parse(label).value();
    draft.epoch = device.epoch;
    draft.seq = head.seq.next();
    draft.prev = head.link;
    draft.link = {sha256(as_bytes(fresh("in")))};
    draft.time = std::max<Millis>(head.time, 1'600'000'000'000) + 1 + roll(dice_, 1000);
    draft.author = whose;
    if (chance(dice_, 30)) draft.recipient = someone();
    draft.type = "test.In";
    draft.body = body();
    head = {draft.seq, draft.link, draft.time, {}};
    drafts.push_back(std::move(draft));
  }
  if (chance(dice_, 1)) {
    drafts.push_back(draft_of(Kind::shut, whose));
    drafts.back().device = Device::parse(label).value();
  }
  return drafts;
}

Author::Drafts Author::outs(ClientModel client, const Permalink& whose, int count) {
  Drafts drafts;
  for (int i = 0; i < count; ++i) {
    Draft draft = draft_of(Kind::out, whose);
    draft.seq = client.out.seq.next();
    draft.prev = client.out.link;
    draft.link = {sha256(as_bytes(fresh("out")))};
    draft.time = std::max<Millis>(client.out.time, 1'600'000'000'000) + 1 + roll(dice_, 1000);
    draft.author = client_named("server");
    draft.recipient = whose;
    draft.type = chance(dice_, 50) ? "test.Out" : "test.Other";
    if (chance(dice_, 10)) draft.object = {sha256(as_bytes("object"))};
    draft.body = body();
    client.out = {draft.seq, draft.link, draft.time, {}};
    drafts.push_back(std::move(draft));
  }
  return drafts;
}

// A bot works off the next message: it answers, or has nothing to say, and may write to others.
Author::Drafts Author::reply(const Model& model, const Permalink& whose) {
  ClientModel client = model.client(whose);
  const EventId cause = next_after(client.waiting, client.cursors[bot]);
  if (cause.value == 0) return {security(whose)};
  Drafts drafts = chance(dice_, 70) ? outs(client, whose, 1 + roll(dice_, 3)) : Drafts{draft_of(Kind::done, whose)};
  drafts.front().consumer = bot;
  drafts.front().cause = cause;
  for (int others = roll(dice_, 3); others > 0; --others) {
    drafts.push_back(draft_of(Kind::intent, whose));
    drafts.back().recipient = someone();
    drafts.back().body = body();
  }
  return drafts;
}

Author::Drafts Author::carry_out_intent(const Model& model, const Permalink& whose) {
  ClientModel client = model.client(whose);
  const std::string consumer(intents_consumer);
  const EventId cause = next_after(client.intents, client.cursors[consumer]);
  if (cause.value == 0) return {security(whose)};
  Drafts drafts = outs(client, whose, 1);
  drafts.front().consumer = consumer;
  drafts.front().cause = cause;
  return drafts;
}

Draft Author::security(const Permalink& whose) {
  Draft draft = draft_of(Kind::security, whose);
  draft.type = fresh("code");
  return draft;
}

}  // namespace sealpost::power
