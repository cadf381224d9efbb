// process: the messages to the server go to the bot, one at a time and in log order; its replies and the cursor's move
// are one transaction.

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>

#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::pipeline {
namespace {

constexpr log::PageLimit page_limit{.events = 32, .bytes = 1 << 20};

// What an intent event says of a message that is to be made: {"context"?, "inReplyTo"?, "object"}, canonical.
std::string content_of(const Reply& reply) {
  boost::json::object content;
  if (reply.context) content["context"] = *reply.context;
  if (reply.in_reply_to) content["inReplyTo"] = reply.in_reply_to->hex();
  std::string text = boost::json::serialize(content);
  text.pop_back();
  return text + (content.empty() ? "" : ",") + "\"object\":" + reply.payload + "}";
}

}  // namespace

void Client::start_processing() {
  if (services_.bot == nullptr || std::exchange(updates_.running, true)) return;
  spawn(strand_, services_.sink, "process", process(shared_from_this()));
}

asio::awaitable<void> Client::process(std::shared_ptr<Client> self) {
  WorkQueue<Update>& queue = self->updates_;
  for (;;) {
    const bool more = co_await self->fill_updates();
    if (!more || self->clients_.stopping()) break;
    Update update = std::move(queue.ready.front());
    queue.ready.pop_front();
    Answer answer = co_await self->ask_bot(update);
    if (self->clients_.stopping()) break;
    co_await self->finish(std::move(update), std::move(answer));
  }
  queue.running = false;
}

// True if `ready` holds something.
asio::awaitable<bool> Client::fill_updates() {
  using Page = std::vector<log::StoredEvent>;
  while (updates_.ready.empty() && updates_.behind()) {
    const Permalink client = permalink_;
    const EventId after = updates_.queued;
    std::function<Page(log::Reader&)> ask = [client, after](log::Reader& reader) {
      return reader.feed(log::Feed::in, client, after, page_limit);
    };
    const Page page = co_await read<Page>(services_.log, std::move(ask));
    for (const log::StoredEvent& event : page) {
      updates_.queued = event.committed.id();
      if (!event.draft.body) continue;  // erased: nobody is left to answer
      const auto object = object::Object::parse(*event.draft.body);
      const auto message = object ? object::Message::read(*object) : object.error();
      SEALPOST_ASSERT(message);  // it was read when it came in
      updates_.ready.push_back({event.committed, permalink_, event.draft.device, *message});
    }
    if (page.empty()) updates_.queued = updates_.newest;  // all of the rest has been erased
  }
  co_return !updates_.ready.empty();
}

// Asks until the bot answers. Its client's later messages wait; other clients do not notice.
asio::awaitable<Answer> Client::ask_bot(Update update) {
  Millis delay = services_.limits.retry_min;
  for (;;) {
    auto answer = co_await services_.bot->answer(update);
    if (answer) co_return std::move(*answer);
    if (clients_.stopping()) co_return Answer{};
    services_.counters.bot_failures_total.add();
    services_.sink.write(
        Level::warn, "bot",
        fmt::format("no answer to event {} of client {} (attempt {}): {}. Asking again in {} ms.",
                    update.event.id().value, permalink_.hex(), update.attempt, answer.error().message(), delay));
    co_await pause(services_.timers, delay);
    delay = std::min(delay * 2, services_.limits.retry_max);
    ++update.attempt;
  }
}

// Until the replies are on disk, however long the disk is full or the outbox at its quota: the bot has answered, and
// is not asked twice by a server that still remembers.
asio::awaitable<void> Client::finish(Update update, Answer answer) {
  std::vector<Outgoing> messages;
  std::vector<log::Draft> others;
  std::vector<Reply> to_others;
  const std::string& consumer = services_.bot->consumer();
  for (Reply& reply : answer.replies) {
    const Link in_reply_to = reply.in_reply_to.value_or(update.message.link());
    if (!reply.to || *reply.to == permalink_) {
      messages.push_back({std::move(reply.payload), std::move(reply.type), std::move(reply.context), in_reply_to,
                          consumer, update.event.id()});
      continue;
    }
    log::Draft intent;
    intent.kind = log::Kind::intent;
    intent.client = permalink_;
    intent.recipient = *reply.to;
    intent.type = reply.type;
    intent.consumer = consumer;
    intent.cause = update.event.id();
    intent.body = std::make_shared<const std::string>(content_of(reply));
    others.push_back(std::move(intent));
    to_others.push_back(std::move(reply));
  }
  if (messages.empty() && others.empty()) {
    log::Draft done;
    done.kind = log::Kind::done;
    done.client = permalink_;
    done.consumer = consumer;
    done.cause = update.event.id();
    others.push_back(std::move(done));
  }
  Millis delay = services_.limits.retry_min;
  for (;;) {
    Result<log::Appended> appended = co_await send(messages, others, std::nullopt);
    const bool settled = appended || appended.error() == log::Errc::stale_cursor;
    const bool over = settled || appended.error() == log::Errc::stopped || clients_.stopping();
    if (over && answer.settled) answer.settled(appended);
    if (settled) {
      updates_.cursor = update.event.id();
      if (backlog_ > 0) --backlog_;
    }
    if (appended) {
      for (std::size_t i = 0; i < to_others.size(); ++i) {
        const auto recipient = clients_.at(*to_others[i].to);
        Intent intent{appended->events[i], permalink_, Link{}, EventId{}, others[i].body};
        asio::post(recipient->strand(), [recipient, intent = std::move(intent)] { recipient->add_intent(intent); });
      }
    }
    if (over) break;
    co_await pause(services_.timers, delay);
    delay = std::min(delay * 2, services_.limits.retry_max);
  }
}

}  // namespace sealpost::pipeline
