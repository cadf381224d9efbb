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

const std::string intents_consumer = "intents";
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
    Intent intent = self->intents_.take();
    co_await self->settle_intent(std::move(intent));
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

// Until it is on disk: a full outbox or disk makes it wait, never lose it.
asio::awaitable<void> Client::settle_intent(Intent intent) {
  Millis delay = services_.limits.retry_min;
  for (;;) {
    std::vector<Outgoing> messages = co_await outgoing_for(intent);
    const EventId introduced = messages.size() > 1 ? messages[messages.size() - 2].cause : EventId{};
    std::vector<log::Draft> others;
    OnCommit committed;
    if (messages.empty() && !known() && !intent.relayed.is_none()) {
      others.push_back(notice_of(intent));
      committed = [author = clients_.at(intent.from), from = permalink_,
                   content = others.front().body](const log::Appended& appended) {
        announce(author, {appended.events.front(), from, Link{}, EventId{}, content});
      };
    } else if (messages.empty()) {
      others.push_back(done_with(intents_consumer, intent.event.id()));
    }
    const Result<log::Appended> appended =
        co_await send(std::move(messages), std::move(others), std::nullopt, std::move(committed));
    const bool settled = appended || appended.error() == log::Errc::stale_cursor;
    if (settled) intents_.cursor = intent.event.id();
    if (appended && introduced != EventId{}) introduced_[intent.from] = introduced;
    if (settled || clients_.stopping() || appended.error() == log::Errc::stopped) break;
    if (appended.error() == log::Errc::bad_draft) give_up(intent);
    co_await pause(services_.timers, delay);
    delay = std::min(delay * 2, services_.limits.retry_max);
  }
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

// What the log will never take must not stand in the way of what comes behind it. It stays in the log as it came.
void Client::give_up(Intent& intent) {
  services_.sink.write(Level::error, "pipeline",
                       fmt::format("intent {} for client {} cannot become a message and is passed over",
                                   intent.event.id().value, permalink_.hex()));
  intent.content = nullptr;
}

// The messages that the intent becomes; none if it cannot become any.
asio::awaitable<std::vector<Outgoing>> Client::outgoing_for(const Intent& intent) {
  std::vector<Outgoing> messages;
  if (!known() || !intent.content) co_return messages;
  if (intent.relayed.is_none()) {
    messages.push_back(outgoing_of_content(*intent.content));
  } else {
    messages = co_await introductions(intent);
    Outgoing relayed;
    relayed.payload = *intent.content;
    relayed.type = object::message_type;
    messages.push_back(std::move(relayed));
  }
  messages.back().consumer = intents_consumer;
  messages.back().cause = intent.event.id();
  co_return messages;
}

// The author's identity versions that were in force up to the message and that this client has not been sent.
asio::awaitable<std::vector<Outgoing>> Client::introductions(const Intent& intent) {
  using Versions = std::vector<log::StoredEvent>;
  const Permalink author = intent.from;
  const EventId before = intent.event.id();
  const auto found = introduced_.find(author);
  const EventId known_to = found == introduced_.end() ? EventId{} : found->second;
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
  co_return messages;
}

}  // namespace sealpost::pipeline
