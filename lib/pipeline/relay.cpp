// relay: what others want sent to this client (intents in the log) becomes messages of its out-lane, each intent once:
// the message and the cursor's move are one transaction. Before the first message of an author, and when the author's
// identity has changed, its identity versions go ahead.

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "object/canonical.hpp"
#include "object/json.hpp"
#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::pipeline {
namespace {

const std::string intents_consumer{log::intents_consumer};
constexpr log::PageLimit page_limit{.events = WorkQueue<Intent>::ready_max,
                                    .bytes = WorkQueue<Intent>::ready_bytes_max};
constexpr std::string_view notice_type = "sealpost.Notice";

// The cursor that tells which identity events of an author a client has been sent.
std::string introduction_consumer(const Permalink& author) {
  return "introduced/" + to_base64url(author.view());
}

std::string notice_content(const Link& about, std::string_view code) {
  return fmt::format(R"({{"object":{{"_t":"{}","code":"{}","link":"{}"}}}})", notice_type, code, about.hex());
}

Outgoing outgoing_of_content(const std::string& content) {
  const auto value = object::parse_json(content);
  SEALPOST_ASSERT(value && value->is_object());  // we wrote it
  const auto& fields = value->as_object();
  const auto* payload = object::find(fields, "object");
  Outgoing message;
  message.payload = object::canonicalize(*payload);
  message.type = object::text_of(object::find(payload->as_object(), "_t")).value_or("");
  if (const auto context = object::text_of(object::find(fields, "context"))) message.context = std::string(*context);
  message.in_reply_to = object::hex_of<Link>(object::find(fields, "inReplyTo"));
  return message;
}

Intent read_intent(log::Reader& reader, const log::StoredEvent& stored) {
  Intent intent{stored.committed, stored.draft.client, stored.draft.link, EventId{}, stored.draft.body};
  if (intent.relayed.is_none()) return intent;
  if (const auto author = reader.client(intent.from)) intent.identity_event = author->identity_event;
  // The message is the event before its intent: they are one transaction.
  const auto message = reader.event({stored.committed.id().value - 1});
  if (message && message->committed.link() == intent.relayed) intent.content = message->draft.body;
  return intent;
}

}  // namespace

void Client::announce(const std::shared_ptr<Client>& recipient, Intent intent) {
  asio::post(recipient->strand_,
             [recipient, intent = std::move(intent)]() mutable { recipient->add_intent(std::move(intent)); });
}

// Intents come in the order of the log. Before the actor is loaded each only tells how far the log must be read, which
// the reader that loads it may not have seen.
void Client::add_intent(Intent intent) {
  const EventId id = intent.event.id();
  if (loaded_ && id > intents_.newest) intents_.add(id, std::move(intent));
  intents_.newest = std::max(intents_.newest, id);
  start_relaying();
}

void Client::start_relaying() {
  if (std::exchange(intents_.running, true)) return;
  spawn(strand_, services_.sink, "relay", relay(shared_from_this()));
}

asio::awaitable<void> Client::relay(std::shared_ptr<Client> self) {
  co_await self->ready();
  for (;;) {
    const bool more = co_await self->fill_intents();
    if (!more || self->clients_.stopping()) break;
    std::vector<Intent> intents;
    while (!self->intents_.empty()) intents.push_back(self->intents_.take());
    const ErrorCode verdict = co_await self->settle_intents(intents);
    if (verdict) co_await self->settle_one_by_one(std::move(intents));
  }
  self->intents_.running = false;
}

asio::awaitable<bool> Client::fill_intents() {
  using Page = std::vector<Intent>;
  while (intents_.empty() && intents_.behind()) {
    const Permalink client = permalink_;
    const EventId after = intents_.queued;
    std::function<Page(log::Reader&)> ask = [client, after](log::Reader& reader) {
      Page page;
      for (const auto& event : reader.feed(log::Feed::intents, client, after, page_limit))
        page.push_back(read_intent(reader, event));
      return page;
    };
    Page page = co_await read<Page>(services_.log, std::move(ask));
    if (page.empty()) intents_.queued = intents_.newest;
    for (Intent& intent : page) {
      const EventId id = intent.event.id();
      intents_.put(id, std::move(intent));
    }
  }
  co_return !intents_.empty();
}

// What has gathered while the commit before was under way becomes one transaction. Comes back when that is on disk: a
// full outbox or disk makes it wait, never lose it. Or with the log's verdict, if it has something against one of them.
asio::awaitable<ErrorCode> Client::settle_intents(const std::vector<Intent>& intents) {
  Millis delay = services_.limits.retry_min;
  for (;;) {
    Relayed relayed = co_await relayed_by(intents);
    const Result<log::Appended> appended = co_await send(std::move(relayed.messages), std::move(relayed.others),
                                                         std::nullopt, std::move(relayed.committed));
    if (appended) {
      intents_.cursor = intents.back().event.id();
      for (const auto& [author, version] : relayed.introduced) introduced_[author] = version;
      co_return ErrorCode();
    }
    if (clients_.stopping() || appended.error() == log::Errc::stopped) co_return ErrorCode();
    if (!will_pass(appended.error())) co_return appended.error();
    co_await pause(services_.timers, delay);
    delay = std::min(delay * 2, services_.limits.retry_max);
  }
}

// What the log will never take must not stand in the way of what comes behind it. It stays in the log as it came.
asio::awaitable<void> Client::settle_one_by_one(std::vector<Intent> intents) {
  for (Intent& intent : intents) {
    std::vector<Intent> one;
    one.push_back(std::move(intent));
    const ErrorCode verdict = co_await settle_intents(one);
    if (!verdict || verdict == log::Errc::stale_cursor) continue;  // stale: it was carried out before
    services_.sink.write(Level::error, "pipeline",
                         fmt::format("intent {} for client {} cannot become a message and is passed over: {}",
                                     one.front().event.id().value, permalink_.hex(), verdict.message()));
    one.front().content = nullptr;
    co_await settle_intents(one);
  }
}

asio::awaitable<Client::Relayed> Client::relayed_by(const std::vector<Intent>& intents) {
  Relayed relayed;
  std::vector<std::pair<std::shared_ptr<Client>, log::Body>> notices;
  for (const Intent& intent : intents) {
    std::vector<Outgoing> messages = co_await outgoing_for(intent, relayed.introduced);
    std::ranges::move(messages, std::back_inserter(relayed.messages));
    if (!messages.empty()) continue;
    const bool tell = !known() && !intent.relayed.is_none();
    if (tell) {
      // Before what is only done: appended events are told apart by their place.
      const auto place = relayed.others.begin() + static_cast<std::ptrdiff_t>(notices.size());
      log::Draft notice = notice_of(intent);
      notices.emplace_back(clients_.at(intent.from), notice.body);
      relayed.others.insert(place, std::move(notice));
    } else {
      relayed.others.push_back(done_with(intents_consumer, intent.event.id()));
    }
  }
  relayed.committed = [notices = std::move(notices), from = permalink_](const log::Appended& appended) {
    for (std::size_t i = 0; i < notices.size(); ++i)
      announce(notices[i].first, {appended.events[i], from, Link{}, EventId{}, notices[i].second});
  };
  co_return relayed;
}

// There is nobody to send it to. The author of a relayed message is told, by an intent in the other direction.
log::Draft Client::notice_of(const Intent& intent) const {
  log::Draft notice = done_with(intents_consumer, intent.event.id());
  notice.kind = log::Kind::intent;
  notice.recipient = intent.from;
  notice.type = notice_type;
  notice.body = std::make_shared<const std::string>(notice_content(intent.relayed, "will_not_deliver"));
  return notice;
}

// The messages that the intent becomes; none if it cannot become any.
asio::awaitable<std::vector<Outgoing>> Client::outgoing_for(const Intent& intent, Introduced& now) {
  std::vector<Outgoing> messages;
  if (!known() || !intent.content) co_return messages;
  if (intent.relayed.is_none()) {
    messages.push_back(outgoing_of_content(*intent.content));
  } else {
    messages = co_await introductions(intent, now);
    Outgoing relayed;
    relayed.payload = *intent.content;
    relayed.type = object::message_type;
    messages.push_back(std::move(relayed));
  }
  messages.back().consumer = intents_consumer;
  messages.back().cause = intent.event.id();
  co_return messages;
}

// The author's identity versions that were in force up to the message and that this client has not been sent. `now`:
// who is introduced in the same transaction.
asio::awaitable<std::vector<Outgoing>> Client::introductions(const Intent& intent, Introduced& now) {
  using Versions = std::vector<log::StoredEvent>;
  const Permalink author = intent.from;
  const EventId before = intent.event.id();
  const auto earlier = introduced_.find(author);
  EventId& known_to = now.try_emplace(author, earlier == introduced_.end() ? EventId{} : earlier->second).first->second;
  std::vector<Outgoing> messages;
  if (known_to >= intent.identity_event) co_return messages;
  std::function<Versions(log::Reader&)> ask = [author](log::Reader& reader) {
    return reader.identity_versions(author);
  };
  const Versions versions = co_await read<Versions>(services_.log, std::move(ask));
  for (const log::StoredEvent& version : versions) {
    const EventId id = version.committed.id();
    if (id <= known_to || id > before || !version.draft.body) continue;
    Outgoing message;
    message.payload = *version.draft.body;
    message.type = object::identity_type;
    message.consumer = introduction_consumer(author);
    message.cause = id;
    messages.push_back(std::move(message));
  }
  if (!messages.empty()) known_to = messages.back().cause;
  co_return messages;
}

}  // namespace sealpost::pipeline
