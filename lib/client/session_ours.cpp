// The session's outbox: signs, sends in order, and mends what was rejected.

#include <algorithm>

#include "client/session.hpp"
#include "object/canonical.hpp"
#include "object/utf8.hpp"

namespace sealpost::client {
namespace {

constexpr unsigned clock_rejects_max = 3;  // signing again with the server's time should have helped

// The same message to be signed for another place in the lane.
std::optional<Draft> draft_of(const Entry& entry) {
  const auto letter = letter_of(entry.stored);
  if (!letter) return std::nullopt;
  return Draft{entry.peer, letter->payload, letter->context, letter->answers};
}

// The canonical form of what a person wrote.
Result<std::string> canonical_payload(const std::string& payload) {
  const auto parsed = object::parse_json(payload, {}, {object::client_depth_max - 1});
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return Errc::bad_payload;
  if (!object::text_of(object::find(parsed->get_object(), "_t"))) return Errc::bad_payload;
  return object::canonicalize(*parsed);
}

}  // namespace

Result<Entry> Session::sign(Seq n, const Link& q, Millis after, const Draft& draft, const Device& device) {
  object::OutMessage message;
  message.author = options_.self.permalink;
  message.recipient = *draft.recipient;
  message.device = device;
  message.n = n;
  message.previous = q;
  message.time = std::max(clock_.now() + clock_offset_, after + 1);
  random_.fill(message.salt);
  message.payload = draft.payload;
  if (draft.context) message.context = *draft.context;
  message.in_reply_to = draft.answers;
  object::Signed made = message.prepare().sign(*options_.self.signer);

  Entry entry;
  entry.mine = true;
  entry.lane = device;
  entry.n = n;
  entry.link = made.link;
  entry.time = message.time;
  entry.peer = *draft.recipient;
  entry.answers = draft.answers;
  entry.stored = std::move(made.stored);
  return entry;
}

Result<Entry> Session::submit(const Draft& written) {
  Draft draft = written;
  if (!draft.recipient) draft.recipient = store_.server();
  if (!draft.recipient) return Errc::no_server_yet;
  auto payload = canonical_payload(draft.payload);
  if (!payload) return payload.error();
  draft.payload = std::move(*payload);
  if (draft.context && !object::is_utf8(*draft.context)) return Errc::bad_context;
  const LaneState& lane = store_.lane();
  auto entry = sign(lane.head.n.next(), lane.head.link, lane.head_time, draft, lane.device);
  if (!entry) return entry;
  if (online_ && is_too_large(*entry)) return Errc::too_large;
  const auto stored = store_.add_outgoing(*entry);
  if (!stored) return stored.error();
  // From here on it is promised: what fails now is the connection's affair, and the next one sends it.
  if (online_ && !send_waiting()) connection_->close();
  // An earlier one may just have been refused, and this one signed again.
  const auto newest = store_.outgoing(store_.lane().head.n);
  return newest && *newest ? **newest : *entry;
}

void Session::tell_signed_again(const std::vector<Entry>& before, const std::vector<Entry>& after) {
  for (std::size_t i = 0; i < after.size(); ++i) watcher_.on_signed_again(before[i], after[i]);
}

bool Session::is_too_large(const Entry& entry) const {
  return static_cast<std::int64_t>(entry.stored.size()) > connection_->limits().message_max;
}

// As many as the window takes, in order. What was written before the server's limit was known, and is over it, would
// end the connection each time. It was never sent, so that its number is free for the next.
Result<void> Session::send_waiting() {
  while (green_ && !reject_ && flights_.size() < connection_->window()) {
    const auto next = store_.outgoing(next_);
    if (!next) return next.error();
    const auto& entry = *next;
    if (!entry) return {};
    const auto done =
        is_too_large(*entry) ? resign(next_, entry->id, "too_large: larger than this server takes") : send(*entry);
    if (!done) return done;
  }
  return {};
}

Result<void> Session::send(const Entry& entry) {
  const auto packet = connection_->publish(entry.stored);
  if (!packet) return packet.error();
  flights_[*packet] = {entry.n, entry.link};
  next_ = entry.n.next();
  return {};
}

Result<void> Session::handle(const Answered& answered) {
  const auto found = flights_.find(answered.packet);
  if (found == flights_.end()) return Errc::protocol;
  const Flight flight = found->second;
  flights_.erase(found);
  if (answered.accepted()) {
    const auto noted = store_.note_acked(flight.n, flight.link, {});
    if (!noted) return noted;
    clock_rejects_ = 0;
    const auto entry = store_.outgoing(flight.n);
    if (!entry) return entry.error();
    if (*entry) watcher_.on_answered(**entry);
  } else if (!reject_) {
    reject_ = Reject{flight, std::string(answered.code), std::string(answered.detail)};
  }
  if (reject_ && flights_.empty()) return mend();
  return {};
}

// All that was under way has been answered, and the first reject says what to do.
Result<void> Session::mend() {
  const Reject reject = *std::exchange(reject_, std::nullopt);
  detail_ = reject.detail.empty() ? reject.code : reject.code + ": " + reject.detail;
  const auto code = lane::reject_code(reject.code);
  if (!code) return Errc::busy;  // a temporary failure: come again
  switch (*code) {
    case lane::RejectCode::malformed:
    case lane::RejectCode::too_large: {
      const auto entry = store_.outgoing(reject.flight.n);
      if (!entry) return entry.error();
      if (!*entry) return Errc::protocol;
      return resign(reject.flight.n, (*entry)->id, detail_);
    }
    case lane::RejectCode::clock:
      if (++clock_rejects_ > clock_rejects_max) return Errc::protocol;
      return resign(reject.flight.n, std::nullopt, {});
    case lane::RejectCode::drain_first:
      next_ = reject.flight.n;  // green_ follows by a `light`
      return {};
    case lane::RejectCode::gap:
      return Errc::busy;  // the next Welcome says where to go on
    case lane::RejectCode::fork:
    case lane::RejectCode::shut:
      return start_over(detail_);
    case lane::RejectCode::unknown_author:
    case lane::RejectCode::bad_signature:
      return Errc::refused;
  }
  return Errc::protocol;
}

Result<std::vector<Entry>> Session::sign_again(const std::vector<Entry>& entries, lane::Mark head, Millis after,
                                               const Device& device) {
  std::vector<Entry> again;
  for (const Entry& entry : entries) {
    const auto draft = draft_of(entry);
    if (!draft) return Errc::store_damaged;
    auto made = sign(head.n.next(), head.link, after, *draft, device);
    if (!made) return made.error();
    made->id = entry.id;
    head = {made->n, made->link};
    after = made->time;
    again.push_back(std::move(*made));
  }
  return again;
}

// After a new version of our identity: what waits bears a key that is no longer in force. The server has none of it, as
// its Welcome says, so that it may be signed anew under the same numbers (PROTOCOL section 2).
Result<void> Session::renew_signatures() {
  const auto waiting = store_.waiting();
  if (!waiting) return waiting.error();
  const PublicKey ours = options_.self.signer->key();
  const bool all_ours = std::all_of(waiting->begin(), waiting->end(),
                                    [&](const Entry& entry) { return signer_of(entry.stored) == ours; });
  return all_ours ? Result<void>() : resign(next_, std::nullopt, {});
}

Result<void> Session::resign(Seq from, std::optional<std::int64_t> dropped, const std::string& note) {
  auto waiting = store_.waiting();
  if (!waiting) return waiting.error();
  std::vector<Entry>& entries = *waiting;
  std::optional<Entry> refused;
  std::erase_if(entries, [&](const Entry& entry) {
    if (dropped && entry.id == *dropped) refused = entry;
    return entry.n < from || entry.id == dropped;
  });
  const auto read = store_.outgoing({from.value - 1});
  if (!read) return read.error();
  const auto& before = *read;
  const lane::Mark head = before ? lane::Mark{before->n, before->link} : lane::Mark{};
  const auto again = sign_again(entries, head, before ? before->time : 0, store_.lane().device);
  if (!again) return again.error();
  const auto stored = store_.resign(from, *again, dropped, note);
  if (!stored) return stored;
  next_ = from;
  tell_signed_again(entries, *again);
  if (refused) {
    refused->standing = Standing::refused;
    refused->note = note;
    watcher_.on_answered(*refused);
  }
  return {};
}

}  // namespace sealpost::client
