// The judge's books of the log: every committed event is checked against all before it.

#include "judge.hpp"

namespace sealpost::sim {
namespace {

// The chain as docs/event-log.md has it.
class Fields {
 public:
  Fields& number(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) text_.push_back(static_cast<char>(value >> shift));
    return *this;
  }
  Fields& bytes(BytesView view) {
    text_.append(as_text(view));
    return *this;
  }
  Fields& text(std::string_view text) {
    number(text.size());
    text_.append(text);
    return *this;
  }
  const std::string& all() const { return text_; }

 private:
  std::string text_;
};

Digest hash_after(const Digest& before, const log::Draft& draft, EventId id, std::size_t part, Millis logged) {
  Fields fields;
  fields.number(static_cast<std::uint64_t>(id.value)).number(part);
  fields.number(static_cast<std::uint64_t>(draft.time == 0 ? logged : draft.time));
  fields.number(static_cast<std::uint64_t>(logged)).number(static_cast<std::uint64_t>(draft.kind));
  fields.bytes(draft.client.view()).text(draft.device.text()).number(draft.epoch.value).number(draft.seq.value);
  fields.bytes(draft.link.view()).bytes(draft.prev.view()).bytes(draft.author.view()).bytes(draft.recipient.view());
  fields.bytes(draft.object.view()).text(draft.type).text(draft.consumer);
  fields.number(static_cast<std::uint64_t>(draft.cause.value)).number(draft.keys.size());
  for (const PublicKey& key : draft.keys) fields.bytes(key.view());
  fields.bytes(draft.body ? sha256(as_bytes(*draft.body)) : Digest{});
  const std::string domain("sealpost/event/1\0", 17);
  return sha256({as_bytes(domain), before, as_bytes(fields.all())});
}

const std::vector<Judge::Entry> no_entries;

}  // namespace

void Judge::forget_log(const Device& first_id) {
  log_id_ = first_id;
  again_ = true;
  const std::string domain("sealpost/log/1\0", 15);
  hash_ = sha256({as_bytes(domain), as_bytes(first_id.text())});
  head_ = {};
  events_.clear();
  lanes_.clear();
  epochs_.clear();
  shut_.clear();
  identities_.clear();
  newest_identity_.clear();
  cursors_.clear();
  outcomes_.clear();
}

void Judge::on_commit(const log::Transaction& transaction, const log::Appended& appended, Millis now) {
  if (appended.repeated) return;
  if (appended.events.size() != transaction.drafts.size()) fail("a transaction became other events than its drafts");
  ++transaction_;
  for (std::size_t part = 0; part < transaction.drafts.size() && part < appended.events.size(); ++part) {
    chain(transaction.drafts[part], appended.events[part], part, now);
    fold(transaction.drafts[part], appended.events[part]);
  }
}

void Judge::on_restored(const log::Committed& point, const Device& id, Millis now) {
  log::Draft draft;
  draft.kind = log::Kind::restored;
  draft.device = id;
  draft.type = log_id_.text();
  draft.cause = head_;
  ++transaction_;
  chain(draft, point, 0, now);
  log_id_ = id;
}

void Judge::chain(const log::Draft& draft, const log::Committed& committed, std::size_t part, Millis now) {
  if (committed.id() != head_.next()) fail("event {} follows event {}", committed.id().value, head_.value);
  hash_ = hash_after(hash_, draft, committed.id(), part, now);
  if (committed.hash() != hash_) fail("the hash of event {} is not what the format says", committed.id().value);
  head_ = committed.id();
  events_.push_back({draft, committed.id()});
  scene_.trace.add(committed.hash());
}

void Judge::fold(const log::Draft& draft, const log::Committed& committed) {
  if (!draft.consumer.empty()) fold_cursor(draft, committed);
  switch (draft.kind) {
    case log::Kind::in:
      check_in(draft);
      return fold_lane(draft, committed);
    case log::Kind::out:
      return fold_lane(draft, committed);
    case log::Kind::epoch:
      return fold_epoch(draft);
    case log::Kind::shut:
      shut_.insert({draft.client, draft.device});
      return;
    case log::Kind::identity:
      if (newest_identity_[draft.client] != draft.prev) fail("an identity version does not follow the one before");
      newest_identity_[draft.client] = draft.link;
      identities_.emplace(draft.client, committed.id());
      return;
    default:
      return;
  }
}

// Dense, linked, and later than the one before; one event for each number.
void Judge::fold_lane(const log::Draft& draft, const log::Committed& committed) {
  std::vector<Entry>& lane = lanes_[{draft.client, draft.device}];
  const Link before = lane.empty() ? Link{} : lane.back().link;
  if (draft.seq.value != lane.size() + 1)
    fail("event {}: number {} in a lane of {}", committed.id().value, draft.seq.value, lane.size());
  if (draft.prev != before)
    fail("event {}: number {} is not linked to the head", committed.id().value, draft.seq.value);
  if (!lane.empty() && draft.time <= lane.back().time)
    fail("event {}: time goes back in its lane", committed.id().value);
  lane.push_back({draft.link, committed.id(), committed.hash(), draft.time, draft.body});
}

void Judge::check_in(const log::Draft& draft) {
  const log::Lane device{draft.client, draft.device};
  if (draft.epoch.value == 0 || draft.epoch != epoch(device)) fail("a message was taken in an epoch that is over");
  if (is_shut(device)) fail("a message was taken into a lane that is shut");
  const auto found = signed_.find(draft.link);
  if (found == signed_.end()) return fail("a message was taken that no device has signed for its lane");
  if (!draft.body || *draft.body != found->second) fail("a message was taken with another text than was signed");
}

void Judge::fold_epoch(const log::Draft& draft) {
  const log::Lane device{draft.client, draft.device};
  if (draft.epoch != epoch(device).next()) fail("epochs are not counted one by one");
  epochs_[device] = draft.epoch;
  if (!again_ && ++begun_[device] > proofs_[device]) fail("an epoch began without a proof of its device");
}

// One cause has its effect in one transaction, and causes come in order.
void Judge::fold_cursor(const log::Draft& draft, const log::Committed& committed) {
  const Consumer whose{draft.consumer, draft.client};
  Cursor& cursor = cursors_[whose];
  const bool again = cursor.at >= draft.cause && cursor.transaction != transaction_;
  if (again) fail("event {} has its effect a second time by {}", draft.cause.value, draft.consumer);
  if (draft.cause >= committed.id()) fail("event {} comes before its cause", committed.id().value);
  cursor = {std::max(cursor.at, draft.cause), transaction_};
  Outcome& outcome = outcomes_[{whose, draft.cause}];
  if (outcome.transaction != 0 && outcome.transaction != transaction_)
    fail("event {} had its effect by {} before", draft.cause.value, draft.consumer);
  outcome.transaction = transaction_;
  outcome.events.push_back(committed.id());
}

const std::vector<Judge::Entry>& Judge::lane(const log::Lane& lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? no_entries : found->second;
}

bool Judge::holds(const log::Lane& lane, Seq n, const Link& link) const {
  const auto& entries = this->lane(lane);
  return n.value >= 1 && n.value <= entries.size() && entries[n.value - 1].link == link;
}

Epoch Judge::epoch(const log::Lane& device) const {
  const auto found = epochs_.find(device);
  return found == epochs_.end() ? Epoch{} : found->second;
}

// Acknowledgements ----------------------------------------------------------------------------------------------------

void Judge::on_acknowledged(const Ack& ack) {
  if (!holds(ack.lane, ack.n, ack.link)) fail("message {} was acknowledged, and is not in the log", ack.n.value);
}

void Judge::on_ack_told(const Ack& ack, EventId event, const Digest& hash) {
  on_acknowledged(ack);
  if (scene_.violation()) return;
  const Entry& entry = lane(ack.lane)[ack.n.value - 1];
  if (entry.event != event || entry.hash != hash) fail("an ack names another event than the log has");
  told_.push_back({ack, event, hash});
}

// What the log did not hold at the time of the backup is gone with it; nothing else is.
void Judge::check_acks_after_restore() {
  again_ = false;
  std::erase_if(told_, [this](const Told& told) {
    return told.event > head_ || !holds(told.ack.lane, told.ack.n, told.ack.link) ||
           lane(told.ack.lane)[told.ack.n.value - 1].hash != told.hash;
  });
}

}  // namespace sealpost::sim
