#include "judge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "asking.hpp"

namespace sealpost::power {
namespace {

using namespace log;

constexpr PageLimit all{1 << 20, 1 << 30};

template <class... Parts>
[[noreturn]] void violated(fmt::format_string<Parts...> format, Parts&&... parts) {
  throw Violation(fmt::format(format, std::forward<Parts>(parts)...));
}

bool same(const Draft& given, const StoredEvent& event) {
  const Draft& found = event.draft;
  const bool names = given.kind == found.kind && given.client == found.client && given.device == found.device &&
                     given.link == found.link && given.prev == found.prev && given.author == found.author &&
                     given.recipient == found.recipient && given.object == found.object && given.type == found.type &&
                     given.keys == found.keys;
  const bool numbers = given.seq == found.seq && given.epoch == found.epoch && given.cause == found.cause &&
                       given.consumer == found.consumer && (given.time == 0 || given.time == found.time);
  const bool bodies = given.body == nullptr ? found.body == nullptr : found.body && *given.body == *found.body;
  return names && numbers && bodies && !event.erased;
}

class Judgement {
 public:
  Judgement(Reader& reader, const Ledger& ledger, std::size_t sure, Millis now)
      : reader_(reader), ledger_(ledger), sure_(sure), now_(now) {}

  Finding run() {
    read_events();
    match_events();
    match_rows();
    match_clients();
    match_lanes();
    match_requests();
    match_positions();
    return std::move(finding_);
  }

 private:
  void read_events() {
    while (true) {
      EventPage page = reader_.events_after(scanned_, {}, all);
      for (StoredEvent& event : page.events) events_.push_back(std::move(event));
      if (page.scanned_to == scanned_) break;
      scanned_ = page.scanned_to;
    }
    for (const StoredEvent& event : events_) finding_.hashes.push_back(event.committed.hash());
    const LogHead head = reader_.head();
    if (head.id.value != static_cast<std::int64_t>(events_.size()))
      violated("the head is event {}, and there are {} events", head.id.value, events_.size());
  }

  // Entry by entry, until the events are used up.
  void match_events() {
    std::size_t at = 0;
    std::size_t& place = finding_.entries;
    for (; place < ledger_.entries().size(); ++place) {
      const Entry& entry = ledger_.entries()[place];
      const std::size_t count = entry.transaction.drafts.size();
      if (at + count > events_.size()) break;
      if (at == events_.size() && place >= sure_) break;
      match(entry, place, at);
      model_.apply(entry.transaction);
      at += count;
    }
    if (at < events_.size())
      violated("event {} is of no whole transaction: the next one, {}, has {} events", at + 1, place,
               place < ledger_.entries().size() ? ledger_.entries()[place].transaction.drafts.size() : 0);
    if (place < sure_) violated("LOST: transaction {} was acknowledged, and the log ends at event {}", place, at);
  }

  void match(const Entry& entry, std::size_t place, std::size_t at) {
    for (std::size_t i = 0; i < entry.transaction.drafts.size(); ++i) {
      const StoredEvent& event = events_[at + i];
      const auto id = static_cast<std::int64_t>(at + i + 1);
      if (event.committed.id().value != id)
        violated("event {} is where event {} should be", event.committed.id().value, id);
      if (!same(entry.transaction.drafts[i], event)) violated("event {} is not what transaction {} gave", id, place);
      if (!entry.hashes.empty() && entry.hashes[i] != event.committed.hash())
        violated("event {} has another hash than it was acknowledged with", id);
    }
  }

  // The events do not say how many of the transactions without events are there.
  void match_rows() {
    const std::vector<std::string> found = lines_of(reader_.mqtt_state());
    std::size_t& place = finding_.entries;
    std::vector<std::string> expected = model_.mqtt().lines();
    while (expected != found) {
      const bool more = place < ledger_.entries().size() && ledger_.entries()[place].transaction.drafts.empty();
      if (!more) rows_differ(found, expected);
      model_.apply(ledger_.entries()[place++].transaction);
      expected = model_.mqtt().lines();
    }
  }

  [[noreturn]] void rows_differ(const std::vector<std::string>& found, const std::vector<std::string>& expected) {
    const auto [there, wanted] = std::ranges::mismatch(found, expected);
    violated("what MQTT keeps is of no place after transaction {}: '{}' instead of '{}'", finding_.entries,
             there == found.end() ? "nothing" : there->substr(0, 200),
             wanted == expected.end() ? "nothing" : wanted->substr(0, 200));
  }

  void match_clients() {
    for (const auto& [name, wanted] : model_.clients()) {
      const auto found = reader_.client(name);
      if (!found) {
        const bool known = wanted.out.seq.value > 0 || !wanted.devices.empty() || !wanted.identity.is_none();
        if (known || !wanted.intents.empty()) violated("client {} is not known", name.hex());
        continue;
      }
      if (found->identity != wanted.identity || found->identity_event != wanted.identity_event ||
          found->out != wanted.out || found->last_in != wanted.last_in || found->last_intent != wanted.last_intent)
        violated("the heads of client {} are not what the events say", name.hex());
      if (found->cursors != wanted.cursors)
        violated("the cursors of client {} are not what the events say", name.hex());
      match_devices(*found, wanted);
      match_feed(name, Feed::in, wanted.waiting);
      match_feed(name, Feed::intents, wanted.intents);
    }
    for (const auto& [key, owner] : model_.keys())
      if (reader_.key_owner(key) != owner) violated("key {} is not its owner's", key.hex());
  }

  void match_devices(const ClientState& found, const ClientModel& wanted) {
    if (found.devices.size() != wanted.devices.size()) violated("client {} has other devices", found.client.hex());
    for (const DeviceState& device : found.devices) {
      const auto there = wanted.devices.find(device.device.text());
      if (there == wanted.devices.end() || there->second.epoch != device.epoch || there->second.in != device.in ||
          there->second.shut != device.shut)
        violated("device {} of client {} is not what the events say", device.device.text(), found.client.hex());
      if (device.acked > wanted.out.seq) violated("device {} has acknowledged what is not there", device.device.text());
      acked_[{found.client, device.device}] = device.acked;
      finding_.positions.push_back({{found.client, device.device}, device.acked});
    }
  }

  void match_feed(const Permalink& client, Feed feed, const std::vector<EventId>& wanted) {
    match_ids(reader_.feed(feed, client, {}, all), wanted, feed == Feed::in ? "the inbox" : "the feed of intents");
  }

  void match_ids(const std::vector<StoredEvent>& found, const std::vector<EventId>& wanted, const char* what) {
    const auto id = [](const StoredEvent& event) { return event.committed.id(); };
    if (!std::ranges::equal(found, wanted, {}, id))
      violated("{} has {} events instead of {}", what, found.size(), wanted.size());
  }

  void match_lanes() {
    std::map<Lane, std::vector<EventId>> lanes;
    std::map<Link, EventId> objects;
    for (const StoredEvent& event : events_) {
      const Draft& draft = event.draft;
      if (draft.kind == Kind::in || draft.kind == Kind::out)
        lanes[{draft.client, draft.device}].push_back(event.committed.id());
      if (!draft.link.is_none()) objects.try_emplace(draft.link, event.committed.id());
    }
    for (const auto& [lane, ids] : lanes) match_ids(reader_.lane(lane, {1}, all), ids, "a lane");
    std::size_t number = 0;
    for (const auto& [link, id] : objects) {
      if (number++ % 5 != 0) continue;
      const auto found = reader_.object(link);
      if (!found || found->committed.id() != id) violated("object {} of event {} is not found", link.hex(), id.value);
    }
  }

  void match_requests() {
    for (std::size_t place = 0; place < ledger_.entries().size(); ++place) {
      const Entry& entry = ledger_.entries()[place];
      if (!entry.transaction.idempotency) continue;
      const auto found = reader_.idempotent(entry.transaction.idempotency->scope, entry.transaction.idempotency->key);
      const bool wanted = place < finding_.entries;
      const bool old = now_ - entry.given >= requests_kept_ms;
      if (old && !found) continue;
      if (found.has_value() != wanted) violated("the key of transaction {} is {}there", place, wanted ? "not " : "");
      if (found && (found->first != entry.first || found->count != entry.transaction.drafts.size()))
        violated("the key of transaction {} names other events", place);
    }
  }

  // What was noted before a transaction that was acknowledged came with it.
  void match_positions() {
    for (const Noted& noted : ledger_.noted()) {
      if (noted.entries >= sure_ && noted.entries > 0) continue;
      if (acked_[{noted.client, noted.device}] < noted.seq)
        violated("the position {} of device {} is lost", noted.seq.value, noted.device.text());
    }
  }

  Reader& reader_;
  const Ledger& ledger_;
  const std::size_t sure_;
  const Millis now_;
  EventId scanned_;
  std::vector<StoredEvent> events_;
  Model model_;
  std::map<Lane, Seq> acked_;
  Finding finding_;
};

}  // namespace

Finding judge(EventLog& log, const Ledger& ledger, std::size_t sure, Millis now) {
  return ask(log, [&](Reader& reader) { return Judgement(reader, ledger, sure, now).run(); });
}

void settle(Ledger& ledger, const Finding& finding, bool all_sure) {
  ledger.settle(finding.entries, all_sure);
  std::size_t at = 0;
  for (Entry& entry : ledger.entries()) {
    const auto count = entry.transaction.drafts.size();
    const auto first = finding.hashes.begin() + static_cast<std::ptrdiff_t>(at);
    entry.hashes.assign(first, first + static_cast<std::ptrdiff_t>(count));
    at += count;
  }
  if (!all_sure) return;
  for (const auto& [lane, position] : finding.positions) ledger.settle(lane.client, lane.device, position);
}

}  // namespace sealpost::power
