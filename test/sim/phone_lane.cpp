// A device's lanes: where they go on after a Welcome, what is sent, what is taken, and what is done about a reject.

#include "base/encoding.hpp"
#include "object/json.hpp"
#include "object/message.hpp"
#include "phone.hpp"

namespace sealpost::sim {
namespace {

constexpr int clock_rejects_max = 6;

}  // namespace

// Where both lanes go on (PROTOCOL section 3, Positions).
void Phone::settle(const auth::Welcome& welcome) {
  const lane::Mark theirs = welcome.received;
  const Sent* ours = store_.find(theirs.n);
  if (ours != nullptr && !lane::fits(theirs, ours->link)) return start_over("another message under one of our numbers");
  note_acked(theirs);
  go_on_after(theirs);
  if (store_.inbox.empty()) {
    store_.base = welcome.acked;
    store_.log = welcome.log;
  }
  store_.met = true;
  if (welcome.light == lane::Light::shut) return linger_in_shut();
  if (lied_) return start_over("it was believed a lie");
  next_ = theirs.n.next();
  for (const Sent& entry : store_.outbox)
    if (!entry.acked) next_ = std::min(next_, entry.n);
  renew_signatures();
  green_ = welcome.light == lane::Light::green;
  if (const Sent* entry = store_.find(next_); !green_ && !scene_.calm && entry != nullptr && dice_.chance(0.3)) {
    next_ = next_.next();  // it cannot wait for the light
    return send(*entry);
  }
  send_waiting();
}

// What is linked to from there is there. What is not may be there, or something else under its number: an older copy of
// our store has forgotten. To send it again tells.
void Phone::note_acked(const lane::Mark& theirs) {
  lane::Mark there = theirs;
  for (auto entry = store_.outbox.rbegin(); entry != store_.outbox.rend(); ++entry) {
    if (entry->n > theirs.n) entry->acked = false;
    if (entry->n != there.n || entry->link != there.link) continue;
    entry->acked = true;
    there = {{entry->n.value - 1}, entry->previous};
  }
}

// Its lane goes on from there. What waits beyond was signed to follow that, unless copies older than it have taken the
// place of ours and of the server's: then the numbers between are free again.
void Phone::go_on_after(const lane::Mark& theirs) {
  const auto first = std::ranges::upper_bound(store_.outbox, theirs.n, {}, &Sent::n);
  if (first == store_.outbox.end()) {
    store_.head = theirs;
    return;
  }
  if (first->n == theirs.n.next()) return;
  first->previous = theirs.link;
  Seq n = theirs.n;
  for (auto entry = first; entry != store_.outbox.end(); ++entry) entry->n = n = n.next();
  store_.head.n = n;
  sign_again(first->n);
}

// This label is over. What waits may be in the log or not: nobody can tell, so it is not sent again.
void Phone::start_over(const char* why) {
  scene_.say("{} starts over: {}", name_, why);
  const std::size_t confirmed = store_.confirmed;
  store_ = Store{};
  store_.label = *Device::parse(name_ + "-" + to_hex(random_.bytes<4>()));
  store_.confirmed = confirmed;
  clock_rejects_ = 0;
  subscribed_ = false;
  leave_line(false);
  phase_ = Phase::waiting;
  connect_later(1'000);
}

Sent Phone::sign(Seq n, const Link& previous, Millis after, const std::string& payload, const Permalink& to) {
  const std::size_t key = store_.confirmed == 0 ? owner_.versions().size() : store_.confirmed;
  object::OutMessage message;
  message.author = owner_.permalink();
  message.recipient = to;
  message.device = store_.label;
  message.n = n;
  message.previous = previous;
  message.time = std::max(now(), after + 1);
  message.salt = random_.bytes<16>();
  message.payload = payload;
  object::Signed made = message.prepare().sign(owner_.signer(key));
  return {n, made.link, previous, message.time, std::move(made.stored), payload, to, key, false};
}

void Phone::write() {
  if (phase_ == Phase::off) return;
  Say say;
  say.tag = town_.new_tag();
  say.pad = std::string(dice_.chance(0.1) ? dice_.below(3'000) : dice_.below(100), 'x');
  const char* asks[] = {"echo", "echo", "two", "none", "other"};
  say.ask = asks[dice_.below(5)];
  if (say.ask == "other") say.to = dice_.chance(scene_.weather.to_nobody) ? town_.nobody() : town_.somebody();
  const bool relayed = dice_.chance(scene_.weather.to_clients);
  const Permalink to = !relayed                                 ? town_.server().permalink()
                       : dice_.chance(scene_.weather.to_nobody) ? town_.nobody()
                                                                : town_.somebody();
  Sent entry = sign(store_.head.n.next(), store_.head.link, store_.head_time, say.payload(), to);
  judge_.on_signed(entry.link, entry.text);
  store_.head = {entry.n, entry.link};
  store_.head_time = entry.time;
  scene_.say("{} writes {}", name_, entry.n.value);
  store_.outbox.push_back(std::move(entry));
  if (scene_.reached(Row::entry_stored)) return crash();
  send_waiting();
  if (phase_ == Phase::online && dice_.chance(scene_.weather.misbehaves)) misbehave();
}

// What waits from a number on is signed anew, after a reject that names it or a Welcome below it.
void Phone::sign_again(Seq from) {
  lane::Mark before;
  Millis after = 0;
  bool first = true;
  for (Sent& entry : store_.outbox) {
    if (entry.n < from) {
      before = {entry.n, entry.link};
      after = entry.time;
      continue;
    }
    // Behind a hole only the link is known that it was signed with.
    const Link previous = first && before.n.next() != entry.n ? entry.previous : before.link;
    first = false;
    entry = sign(entry.n, previous, after, entry.payload, entry.to);
    judge_.on_signed(entry.link, entry.text);
    before = {entry.n, entry.link};
    after = entry.time;
  }
  if (!store_.outbox.empty() && store_.outbox.back().n == store_.head.n) {
    store_.head = {store_.outbox.back().n, store_.outbox.back().link};
    store_.head_time = store_.outbox.back().time;
  }
  next_ = from;
}

// After a new version of the identity: what waits bears a key that is no longer in force.
void Phone::renew_signatures() {
  for (const Sent& entry : store_.outbox)
    if (!entry.acked && entry.key != store_.confirmed) return sign_again(entry.n);
}

void Phone::send_waiting() {
  if (phase_ != Phase::online) return;
  while (green_ && !reject_ && flights_.size() + probes_.size() < window_) {
    const Sent* next = store_.find(next_);
    const auto later = std::ranges::find_if(store_.outbox, [&](const Sent& entry) { return entry.n >= next_; });
    if (next == nullptr && later != store_.outbox.end()) next = &*later;
    if (next == nullptr) return;
    next_ = next->n.next();
    if (next->acked) continue;
    send(*next);
    if (phase_ != Phase::online) return;
  }
}

void Phone::send(const Sent& entry) {
  const std::string topic = "sp/" + owner_.permalink().hex() + "/" + store_.label.text() + "/outbox";
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = as_bytes(entry.text);
  publish.qos = mqtt::Qos::at_least_once;
  publish.packet_id = next_packet();
  flights_[publish.packet_id] = {entry.n, entry.link};
  tap_->publishing(publish.packet_id, entry.n, entry.link, false);
  give(publish);
  if (scene_.reached(Row::entry_sent)) return crash();
  if (dice_.chance(scene_.weather.sends_again) && !scene_.calm) send_again();
}

void Phone::operator()(const mqtt::Puback& puback) {
  if (const auto probe = probes_.extract(puback.packet_id)) return send_waiting();
  const auto found = flights_.find(puback.packet_id);
  if (found == flights_.end()) return scene_.fail(name_ + ": a PUBACK for nothing");
  const Flight flight = found->second;
  flights_.erase(found);
  if (puback.reason == mqtt::ReasonCode::success) {
    Sent* entry = store_.find(flight.n);
    if (entry != nullptr && entry->link == flight.link) entry->acked = true;
    clock_rejects_ = 0;
  } else if (!reject_ || flight.n < reject_->n) {  // one that the log has to answer may come late
    reject_ = Reject{flight.n, std::string(puback.properties.user("code").value_or(""))};
    scene_.say("{}: message {} is rejected: {}", name_, flight.n.value, reject_->code);
  }
  if (reject_ && flights_.empty()) return mend();
  send_waiting();
}

// All that was under way has been answered, and the reject of the lowest number says what to do.
void Phone::mend() {
  const Reject reject = *std::exchange(reject_, std::nullopt);
  const auto come_again = [this] {
    leave_line(false);
    phase_ = Phase::waiting;
    connect_later(2'000);
  };
  const auto code = lane::reject_code(reject.code);
  if (!code) return scene_.fail(name_ + ": a reject without a code: " + reject.code);
  switch (*code) {
    case lane::RejectCode::clock:
      if (++clock_rejects_ > clock_rejects_max) return start_over("no time will do");
      sign_again(reject.n);
      return clock_rejects_ % 2 == 0 ? come_again() : send_waiting();
    case lane::RejectCode::drain_first:
      next_ = std::min(next_, reject.n);
      return send_waiting();
    case lane::RejectCode::gap:
      return come_again();
    case lane::RejectCode::fork:
    case lane::RejectCode::shut:
      return start_over("the lane has another message there");
    case lane::RejectCode::unknown_author:
    case lane::RejectCode::bad_signature:
      if (owner_.versions().size() == 1) scene_.fail(name_ + ": an honest message was rejected: " + reject.code);
      store_.confirmed = 0;
      return come_again();
    case lane::RejectCode::malformed:
    case lane::RejectCode::too_large:
      return scene_.fail(name_ + ": an honest message was rejected: " + reject.code);
  }
}

// What comes ---------------------------------------------------------------------------------------------------------

void Phone::operator()(const mqtt::Publish& publish) {
  const std::string_view leaf = publish.topic.substr(publish.topic.rfind('/') + 1);
  if (leaf == "inbox") return take(publish);
  if (leaf != "light") return;
  const auto value = object::parse_json(as_text(publish.payload));
  if (!value || !value->is_object()) return scene_.fail("a malformed light");
  if (object::text_of(object::find(value->as_object(), "light")) != "green") return;
  green_ = true;
  send_waiting();
}

void Phone::take(const mqtt::Publish& publish) {
  if (scene_.reached(Row::delivery_arrived)) return crash();
  const auto object = object::Object::parse(as_text(publish.payload));
  const auto message = object ? object::Message::read(*object) : object.error();
  if (!message || message->recipient() != owner_.permalink()) return scene_.fail(name_ + ": a delivery is no message");
  if (dice_.below(8) == 0 && !object::verify_signature(*object))
    return scene_.fail(name_ + ": a delivery is not signed");
  if (!place(*message))
    return scene_.fail(fmt::format("{}: message {} does not continue what came before {}", name_, message->n().value,
                                   store_.received().value));
  scene_.say("{} has taken {}", name_, message->n().value);
  if (scene_.reached(Row::delivery_stored)) return crash();
  const mqtt::PacketId packet = publish.packet_id;
  if (scene_.calm || !dice_.chance(scene_.weather.slow_to_store)) return acknowledge(packet);
  errands_.after(dice_.between(1, 3'000), [this, packet, before = connection_] {
    if (before == connection_ && phase_ == Phase::online) acknowledge(packet);
  });
}

void Phone::acknowledge(mqtt::PacketId packet) {
  mqtt::Puback puback;
  puback.packet_id = packet;
  tap_->stored(packet);
  give(puback);
}

// Stores it if it is the next; true also for one that is stored already. A server that was restored goes on from an
// earlier message, under another log's id: what came after that is not in its history.
bool Phone::place(const object::Message& message) {
  const Seq n = message.n();
  const Seq last = store_.received();
  auto& inbox = store_.inbox;
  if (n == last.next()) {
    const bool linked =
        inbox.empty() ? (n.value > 1 || message.previous().is_none()) : message.previous() == inbox.back().link;
    if (!linked) return false;
  } else if (n > last) {
    return false;
  } else {
    const std::size_t at = n > store_.base ? n.value - store_.base.value - 1 : 0;
    const bool held = n > store_.base;
    if (held && inbox[at].link == message.link()) return true;
    if ((held ? inbox[at].log : store_.log) == message.device()) return false;
    if (held && at > 0 && message.previous() != inbox[at - 1].link) return false;
    inbox.resize(at);
    if (!held) store_.base = {n.value - 1};
  }
  inbox.push_back({n, message.link(), message.device()});
  store_.log = message.device();
  return true;
}

// At the end ----------------------------------------------------------------------------------------------------------

bool Phone::at_rest() const {
  if (phase_ != Phase::online || !green_ || !flights_.empty() || !probes_.empty() || reject_) return false;
  const auto done = [this](const Sent& entry) { return entry.acked && judge_.holds(lane(), entry.n, entry.link); };
  const auto& out = judge_.lane({owner_.permalink()});
  return std::ranges::all_of(store_.outbox, done) && store_.received().value >= out.size() && agrees();
}

// What it has taken is what the log has. Beyond the log's end it may hold what an earlier log had, and keeps that: the
// server was restored, and does not know of it.
bool Phone::agrees() const {
  const auto& out = judge_.lane({owner_.permalink()});
  return std::ranges::all_of(store_.inbox, [&](const Got& got) {
    if (got.n.value > out.size()) return got.log != judge_.log_id();
    return out[got.n.value - 1].link == got.link;
  });
}

std::string Phone::standing() const {
  const auto waiting = std::ranges::find(store_.outbox, false, &Sent::acked);
  const auto missing = std::ranges::count_if(
      store_.outbox, [this](const Sent& entry) { return entry.acked && !judge_.holds(lane(), entry.n, entry.link); });
  return fmt::format(
      "{} ({}): phase {}, {}, {}; waits for the ack of {}, next is {}; {} acked and not in the log; {} of {} received, "
      "{}; {} and {} in flight",
      name_, store_.label.text(), static_cast<int>(phase_), green_ ? "green" : "not green",
      reject_ ? reject_->code : "no reject", waiting == store_.outbox.end() ? 0 : waiting->n.value, next_.value,
      missing, store_.received().value, judge_.lane({owner_.permalink()}).size(), agrees() ? "the same" : "others",
      flights_.size(), probes_.size());
}

void Phone::check() const {
  for (const Sent& entry : store_.outbox)
    if (entry.acked && !judge_.holds(lane(), entry.n, entry.link))
      scene_.fail(fmt::format("{}: message {} was acknowledged, and the log does not have it", name_, entry.n.value));
  if (!agrees()) scene_.fail(name_ + ": it has taken what the log does not have");
}

}  // namespace sealpost::sim
