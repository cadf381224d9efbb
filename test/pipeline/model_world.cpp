#include "pipeline/model_world.hpp"

namespace sealpost::pipeline::test {
namespace {

std::string word(std::size_t part) {
  return std::string(parts[part].owner) + " " + parts[part].label;
}

}  // namespace

// What is owed
// ----------------------------------------------------------------------------------------------------------

std::vector<model::Message> Owed::next(std::size_t part, int count, const std::string& to) {
  std::vector<model::Message> messages;
  model::Mark head = device(part).in.head();
  Millis last = device(part).in.last();
  for (int i = 0; i < count; ++i) {
    model::Message message;
    message.epoch = device(part).epoch;
    message.n = head.n + 1;
    message.q = head.link;
    message.time = last = std::max(now, last + 1);
    message.to = to;
    // Another one than those that were refused under this number before.
    for (int version = 0; message.link.empty() || letters.contains(message.link); ++version)
      message.link = word(part) + " " + std::to_string(message.n) + "." + std::to_string(version);
    message.text = message.link;
    head = {message.n, message.link};
    messages.push_back(letter(message));
  }
  return messages;
}

void Owed::take(std::size_t part, const model::Message& message) {
  device(part).in.messages.push_back(message);
}

void Owed::commit_all(std::size_t part) {
  const model::InLane& in = device(part).in;
  while (in.durable < in.messages.size()) server.commit(parts[part].owner, parts[part].label);
}

void Owed::connect(std::size_t part, const std::optional<model::Position>& position, bool from_first) {
  server.clients[parts[part].owner].versions = 1 + versions[parts[part].owner];
  const model::Device& device = server.connect(parts[part].owner, parts[part].label, position, from_first);
  connected.insert(part);
  held[part].met = true;
  held[part].begun = device.sent;
  held[part].greens = 0;
  flow();
}

void Owed::acknowledge(std::size_t part) {
  const model::Number n = *device(part).in_flight.begin();
  const bool drained = device(part).light == model::Light::drain;
  server.acknowledge(device(part), n);
  if (drained && device(part).light == model::Light::green) ++held[part].greens;
  held[part].received = std::max(held[part].received, n);
  flow();
}

void Owed::crash() {
  server.crash();
  connected.clear();
}

void Owed::flow() {
  for (const std::size_t part : connected)
    while (server.deliver(client(part), device(part), parts[part].window)) {
    }
}

// What is played ------------------------------------------------------------------------------------------------------

Played::Played() {
  stage.limits.message_max = 4096;
  stage.limits.retry_max = stage.limits.retry_min;
  stage.crash();
  for (std::size_t part = 0; part < parts.size(); ++part)
    phones.emplace(part, Phone(stage, party(parts[part].owner), parts[part].label));
}

const Message& Played::written(std::size_t part, const model::Message& message) {
  const auto [entry, is_new] = letters.try_emplace(message.link);
  if (!is_new) return entry->second;
  const std::string payload = say(message.text + std::string(message.fits ? 0 : stage.limits.message_max, '.'));
  auth::Party& owner = party(parts[part].owner);
  object::OutMessage draft;
  draft.author = message.own_author ? owner.permalink() : stage.carl.permalink();
  draft.recipient = permalink(message.to);
  draft.device = *Device::parse(parts[part].label);
  draft.n = {message.n};
  if (message.n > 1) draft.previous = message.q.empty() ? Link{sha256(as_bytes("none"))} : link(message.q);
  draft.time = message.time;
  draft.salt = stage.random.bytes<16>();
  draft.payload = payload;
  const bool own_key = message.own_author && message.signature_holds;
  object::Signed made = draft.prepare().sign(own_key ? owner.sign : stage.carl.sign);
  if (!message.well_formed) made.stored.pop_back();
  entry->second = {{message.n}, made.link, std::move(made.stored)};
  return entry->second;
}

Link Played::link(const model::Link& name) const {
  if (name.empty()) return {};
  const auto found = letters.find(name);
  return found == letters.end() ? Link{sha256(as_bytes(name))} : found->second.link;
}

lane::Mark Played::out_mark(std::size_t part, model::Number n) {
  const Permalink client = permalink(parts[part].owner);
  lane::Mark mark;
  for (const log::StoredEvent& event : stage.events(log::Kind::out))
    if (event.draft.client == client && event.draft.seq.value == n) mark = {event.draft.seq, event.committed.link()};
  return mark;
}

void Played::compare(const Owed& owed) {
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (!owed.connected.contains(part)) continue;
    RC_ASSERT_FALSE(phone(part).is_closed());
    RC_ASSERT(phone(part).all(mqtt::PacketType::publish, "light").size() ==
              static_cast<std::size_t>(owed.held[part].greens));
    compare_inbox(owed, part);
  }
  compare_questions(owed);
  compare_log(owed);
}

void Played::compare_inbox(const Owed& owed, std::size_t part) {
  const auto inbox = phone(part).inbox();
  const model::Number begun = owed.held[part].begun;
  RC_ASSERT(inbox.size() == owed.device(part).sent - begun);
  Link previous;
  Millis last = 0;
  for (std::size_t i = 0; i < inbox.size(); ++i) {
    const auto object = object::Object::parse(inbox[i].text);
    const auto message = object::Message::read(*object);
    RC_ASSERT(message->n().value == begun + 1 + i);
    RC_ASSERT((i == 0 || message->previous() == previous));
    RC_ASSERT((message->time() > last && message->time() >= HeldClock().millis));
    previous = message->link();
    last = message->time();
    const model::Letter& letter = owed.client(part).out[begun + i];
    const bool is_notice = letter.kind == model::Kind::notice;
    const std::string text = is_notice                              ? "sealpost.Notice"
                             : letter.kind == model::Kind::identity ? "sealpost.Identity"
                                                                    : letter.text;
    RC_ASSERT(said(inbox[i].text) == text);
    if (is_notice) RC_ASSERT(inbox[i].text.find(link(letter.text).hex()) != std::string::npos);
  }
}

// One for each client, its oldest.
void Played::compare_questions(const Owed& owed) {
  std::set<std::string> due, asked;
  for (const auto& [name, client] : owed.server.clients)
    if (!client.for_bot.empty()) due.insert(client.for_bot.front().text);
  for (std::size_t i = 0; i < stage.bot.asked.size(); ++i) asked.insert(stage.bot.text(i));
  RC_ASSERT(asked == due);
  RC_ASSERT(stage.bot.asked.size() == due.size());
}

void Played::compare_log(const Owed& owed) {
  std::size_t in = 0, out = 0, shut = 0;
  for (const auto& [name, client] : owed.server.clients) {
    for (const auto& [label, device] : client.devices) {
      in += device.in.durable;
      shut += device.light == model::Light::shut ? 1 : 0;
    }
    out += client.out.size();
  }
  RC_ASSERT(stage.events(log::Kind::in).size() == in);
  RC_ASSERT(stage.events(log::Kind::out).size() == out);
  RC_ASSERT(stage.events(log::Kind::shut).size() == shut);
  RC_ASSERT(stage.events(log::Kind::security).size() == owed.suspicions);
}

}  // namespace sealpost::pipeline::test
