// The judge at the end: what was acknowledged is there, what was to be answered and relayed has been, once.

#include "judge.hpp"

#include "bot.hpp"
#include "object/message.hpp"

namespace sealpost::sim {
namespace {

// The payload of a message in canonical text, cut out of it; empty if it is none.
std::string payload_of(const log::Body& body) {
  if (!body) return {};
  const auto object = object::Object::parse(*body);
  return object ? std::string(object->member_text("object")) : std::string();
}

bool same(const log::ClientState& a, const log::ClientState& b) {
  if (a.client != b.client || a.identity != b.identity || a.out != b.out || a.last_in != b.last_in ||
      a.last_intent != b.last_intent || a.cursors != b.cursors || a.devices.size() != b.devices.size())
    return false;
  for (std::size_t i = 0; i < a.devices.size(); ++i) {
    const log::DeviceState& one = a.devices[i];
    const log::DeviceState& other = b.devices[i];
    if (one.device != other.device || one.epoch != other.epoch || one.in != other.in || one.shut != other.shut ||
        one.acked != other.acked)
      return false;
  }
  return true;
}

}  // namespace

const Judge::Outcome* Judge::outcome(std::string_view consumer, const Permalink& client, EventId cause) const {
  const auto found = outcomes_.find({{std::string(consumer), client}, cause});
  return found == outcomes_.end() ? nullptr : &found->second;
}

// The views of the log are what its events make them, by the law and by these books.
void Judge::check_views(log::Reader& store, log::Reader& again) {
  if (store.head().hash != hash_ || again.head().hash != hash_) fail("the log's head is not what its events make it");
  const auto clients = store.clients({}, SIZE_MAX);
  const auto clients_again = again.clients({}, SIZE_MAX);
  if (clients.size() != clients_again.size()) return fail("the views do not follow from the events");
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (!same(clients[i], clients_again[i])) fail("the views do not follow from the events");
    const auto& out = lane({clients[i].client});
    if (clients[i].out.seq.value != out.size()) fail("the head of an out-lane is not its last message");
    for (const log::DeviceState& device : clients[i].devices) {
      const log::Lane in{clients[i].client, device.device};
      if (device.in.seq.value != lane(in).size()) fail("the head of an in-lane is not its last message");
      if (device.epoch != epoch(in) || device.shut != is_shut(in)) fail("a device's state is not what was logged");
      if (device.acked.value > out.size()) fail("a device has acknowledged more than there is");
    }
  }
}

void Judge::check_at_rest() {
  for (const Told& told : told_)
    if (!holds(told.ack.lane, told.ack.n, told.ack.link) || lane(told.ack.lane)[told.ack.n.value - 1].hash != told.hash)
      fail("message {} was acknowledged and is lost", told.ack.n.value);
  for (const Event& event : events_) {
    const bool waits_for_bot = event.draft.kind == log::Kind::in && event.draft.recipient.is_none();
    if (waits_for_bot) {
      const Outcome* answered = outcome(bot_consumer, event.draft.client, event.id);
      if (answered == nullptr) return fail("event {}: the bot's answer never came", event.id.value);
      check_answer(event, *answered);
    }
    if (event.draft.kind == log::Kind::intent)
      check_intent(event, outcome(log::intents_consumer, event.draft.recipient, event.id));
  }
}

// The bot's answer is a function of the message: exactly these replies, no other, and none twice.
void Judge::check_answer(const Event& event, const Outcome& answered) {
  const auto say = Say::read(payload_of(event.draft.body));
  if (!say) return fail("event {}: a message that no client has written", event.id.value);
  std::multiset<std::string> expected;
  for (const pipeline::Reply& reply : replies_to(*say)) expected.insert(reply.payload);
  std::multiset<std::string> found;
  for (const EventId id : answered.events) {
    const log::Draft& effect = events_[static_cast<std::size_t>(id.value - 1)].draft;
    if (effect.kind == log::Kind::out) found.insert(payload_of(effect.body));
    if (effect.kind == log::Kind::intent) {
      const std::string& text = *effect.body;
      const auto at = text.find("\"object\":");
      found.insert(at == std::string::npos ? text : text.substr(at + 9, text.size() - at - 10));
    }
  }
  if (found != expected)
    fail("event {}: the bot's answer is {} messages, and not what it said", event.id.value, found.size());
}

void Judge::check_intent(const Event& event, const Outcome* done) {
  if (done == nullptr) return fail("event {}: what it asks for was never done", event.id.value);
  const log::Draft& effect = events_[static_cast<std::size_t>(done->events.back().value - 1)].draft;
  const auto registered = identities_.find(event.draft.recipient);
  const bool sent = effect.kind == log::Kind::out;
  const bool relayed = !event.draft.link.is_none();
  // One that registers in the meantime may be too late for it.
  const bool known_before = registered != identities_.end() && registered->second < event.id;
  const bool known_after = registered != identities_.end() && registered->second < done->events.back();
  if (done->events.size() != 1) fail("event {}: done {} times", event.id.value, done->events.size());
  if (sent ? !known_after : known_before) fail("event {}: sent, or not sent, against what is known", event.id.value);
  if (!sent && relayed && effect.kind != log::Kind::intent) fail("event {}: the author was not told", event.id.value);
  if (!sent && relayed) scene_.coverage.add(Row::not_deliverable);
  if (!sent || !relayed) return;
  const log::Body& message = events_[static_cast<std::size_t>(event.id.value - 2)].draft.body;
  if (!message || payload_of(effect.body) != *message) fail("event {}: relayed with another text", event.id.value);
}

}  // namespace sealpost::sim
