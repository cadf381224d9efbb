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

constexpr log::PageLimit page_limit{.events = WorkQueue<Update>::ready_max,
                                    .bytes = WorkQueue<Update>::ready_bytes_max};

// What an intent event says of a message that is to be made: {"context"?, "inReplyTo"?, "object"}, canonical.
std::string content_of(const Reply& reply) {
  boost::json::object content;
  if (reply.context) content["context"] = *reply.context;
  if (reply.in_reply_to) content["inReplyTo"] = reply.in_reply_to->hex();
  std::string text = boost::json::serialize(content);
  text.pop_back();
  return text + (content.empty() ? "" : ",") + "\"object\":" + reply.payload + "}";
}

bool ends_the_log(const ErrorCode& error) {
  return error == log::Errc::stopped || error == log::Errc::io;
}

}  // namespace

object::Message Update::message() const {
  if (read) return *read;
  const auto object = object::Object::parse(*text);
  const auto message = object ? object::Message::read(*object) : object.error();
  SEALPOST_ASSERT(message);  // it was read when it came in
  return *message;
}

Update Update::handed_out() {
  Update copy = *this;
  read = nullptr;
  return copy;
}

void Client::start_processing() {
  if (services_.bot == nullptr || std::exchange(updates_.running, true)) return;
  spawn(strand_, services_.sink, "process", process(shared_from_this()));
}

asio::awaitable<void> Client::process(std::shared_ptr<Client> self) {
  for (;;) {
    const bool more = co_await self->fill_updates();
    if (!more || self->clients_.stopping()) break;
    Update update = self->updates_.take();
    co_await self->handle(std::move(update));
  }
  self->updates_.running = false;
}

// True if there is something to do.
asio::awaitable<bool> Client::fill_updates() {
  using Page = std::vector<log::StoredEvent>;
  while (updates_.empty() && updates_.behind()) {
    const Permalink client = permalink_;
    const EventId after = updates_.queued;
    std::function<Page(log::Reader&)> ask = [client, after](log::Reader& reader) {
      return reader.feed(log::Feed::in, client, after, page_limit);
    };
    const Page page = co_await read<Page>(services_.log, std::move(ask));
    for (const log::StoredEvent& event : page) {
      updates_.queued = event.committed.id();
      if (!event.draft.body) continue;  // erased: nobody is left to answer
      updates_.put(event.committed.id(), {event.committed, permalink_, event.draft.device, event.draft.body});
    }
    if (page.empty()) updates_.queued = updates_.newest;  // all of the rest has been erased
  }
  co_return !updates_.empty();
}

// Asks until there is an answer that can be stored. Its client's later messages wait; other clients do not notice.
asio::awaitable<void> Client::handle(Update update) {
  Millis delay = services_.limits.retry_min;
  for (;;) {
    Update asked = update.handed_out();
    Answer answer = co_await ask_bot(std::move(asked));
    if (clients_.stopping()) {
      if (answer.settled) answer.settled(Errc::stopping);
      break;
    }
    const Result<void> finished = co_await finish(update, std::move(answer));
    if (finished || clients_.stopping()) break;
    co_await pause(services_.timers, delay);
    delay = std::min(delay * 2, services_.limits.retry_max);
    ++update.attempt;
  }
}

asio::awaitable<Answer> Client::ask_bot(Update update) {
  Millis delay = services_.limits.retry_min;
  for (;;) {
    Update asked = update.handed_out();
    auto answer = co_await services_.bot->answer(std::move(asked));
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

// Stores the replies and the cursor's move as one transaction. Where that cannot be done now (the client's outbox or
// the disk is full), a bot that waits for the outcome hears of it, and an error says to ask it again; one that does not
// wait has its answer kept.
asio::awaitable<Result<void>> Client::finish(Update update, Answer answer) {
  Handled handled = handled_by(update, answer);
  Millis delay = services_.limits.retry_min;
  for (;;) {
    Result<log::Appended> appended = co_await send(handled.messages, handled.others, std::nullopt, handled.committed);
    const bool settled = appended || appended.error() == log::Errc::stale_cursor;
    if (settled) count_finished(update);
    const bool over = clients_.stopping() || (!appended && ends_the_log(appended.error()));
    const bool kept = !settled && !answer.settled && !over;
    if (!kept && answer.settled) answer.settled(appended);
    if (settled) co_return Result<void>();
    if (!kept) co_return appended.error();
    if (!will_pass(appended.error())) pass_over(update, appended.error(), handled);
    co_await pause(services_.timers, delay);
    delay = std::min(delay * 2, services_.limits.retry_max);
  }
}

// What the answer makes: messages to the client, intents for others, and the cursor's move with them.
Client::Handled Client::handled_by(const Update& update, Answer& answer) {
  Handled handled;
  std::vector<std::pair<std::shared_ptr<Client>, log::Body>> told;
  const std::string& consumer = services_.bot->consumer();
  for (Reply& reply : answer.replies) {
    const Link in_reply_to = reply.in_reply_to.value_or(update.event.link());
    if (!reply.to || *reply.to == permalink_) {
      handled.messages.push_back({std::move(reply.payload), std::move(reply.type), std::move(reply.context),
                                  in_reply_to, consumer, update.event.id()});
      continue;
    }
    log::Draft intent = done_with(consumer, update.event.id());
    intent.kind = log::Kind::intent;
    intent.recipient = *reply.to;
    intent.type = reply.type;
    intent.body = std::make_shared<const std::string>(content_of(reply));
    told.emplace_back(clients_.at(*reply.to), intent.body);
    handled.others.push_back(std::move(intent));
  }
  if (handled.messages.empty() && handled.others.empty())
    handled.others.push_back(done_with(consumer, update.event.id()));
  if (!told.empty())
    handled.committed = [told = std::move(told), from = permalink_](const log::Appended& appended) {
      for (std::size_t i = 0; i < told.size(); ++i)
        announce(told[i].first, {appended.events[i], from, Link{}, EventId{}, told[i].second});
    };
  return handled;
}

// What the log will never take must not stand in the way of what comes behind it.
void Client::pass_over(const Update& update, const ErrorCode& error, Handled& handled) {
  services_.sink.write(Level::error, "bot",
                       fmt::format("the answer to event {} of client {} cannot be stored and is dropped: {}",
                                   update.event.id().value, permalink_.hex(), error.message()));
  handled = {};
  handled.others.push_back(done_with(services_.bot->consumer(), update.event.id()));
}

void Client::count_finished(const Update& update) {
  updates_.cursor = update.event.id();
  if (backlog_ > 0) --backlog_;
}

log::Draft Client::done_with(const std::string& consumer, EventId cause) const {
  log::Draft done;
  done.kind = log::Kind::done;
  done.client = permalink_;
  done.consumer = consumer;
  done.cause = cause;
  return done;
}

}  // namespace sealpost::pipeline
