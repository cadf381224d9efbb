// What a bot calls: fetch, acknowledge with replies, send.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "api/api.hpp"
#include "api/problem.hpp"
#include "api/wanted.hpp"
#include "pipeline/await.hpp"

namespace sealpost::api {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

json::object update_of(const pipeline::Update& update) {
  const auto message = object::parse_json(*update.text);
  return {{"event", update.event.id().value},
          {"client", update.client.hex()},
          {"device", update.device.text()},
          {"attempt", update.attempt},
          {"message", message ? *message : json::value()}};
}

// Two calls with an answer to one event: the later one is told to ask again, and then hears how the first came out.
net::Response being_stored(EventId event) {
  return problem(
      503, "unavailable",
      "Another call's answer to event " + std::to_string(event.value) + " is being stored; repeat this one.");
}

Digest digest_of(const std::string& body) {
  return sha256(as_bytes(body));
}

// Gives the answer to the process that waits for it; completes when that says how it came out.
asio::awaitable<Result<log::Appended>> hand_over(bot::Feed& feed, EventId event, pipeline::Answer answer) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<log::Appended>)>(
      [&feed, event](auto handler, pipeline::Answer given) {
        const pipeline::Resume<Result<log::Appended>> resume(std::move(handler));
        given.settled = [resume](const Result<log::Appended>& appended) { resume(appended); };
        if (!feed.settle(event, std::move(given))) resume(log::Errc::stale_cursor);
      },
      asio::use_awaitable, std::move(answer));
}

}  // namespace

asio::awaitable<net::Response> Api::updates(Call call) {
  if (feed_ == nullptr) co_return problem(409, "no_feed", "Set kind = \"rest\" in [bot] of the configuration.");
  const auto after = call.number("after", 0, 0, std::numeric_limits<std::int64_t>::max());
  const auto limit = call.number("limit", 20, 1, events_at_once_max);
  const auto wait = call.number("wait", 0, 0, options_.long_poll_max / 1000);
  if (!after || !limit || !wait)
    co_return problem(400, "malformed",
                      "`after`, `limit` (1 to 100) and `wait` (seconds, at most " +
                          std::to_string(options_.long_poll_max / 1000) + ") must be whole numbers.");
  const auto found = call.query.find("consumer");
  if (found != call.query.end() && found->second != feed_->consumer())
    co_return problem(404, "unknown_consumer", "The configured consumer is `" + feed_->consumer() + "`.");
  const EventId from{*after};
  const auto page = co_await feed_->next(from, static_cast<std::size_t>(*limit), *wait * 1000, call.request.gone);
  json::array updates;
  for (const pipeline::Update& update : page) updates.push_back(update_of(update));
  co_return json_response(200, json::object{{"updates", std::move(updates)}});
}

// Whether the consumer has finished with this event before.
asio::awaitable<bool> Api::finished(EventId id) {
  const std::string consumer = feed_->consumer();
  std::function<bool(log::Reader&)> ask = [id, consumer](log::Reader& reader) {
    const auto event = reader.event(id);
    if (!event || event->committed.kind() != log::Kind::in) return false;
    const auto state = reader.client(event->draft.client);
    return state && state->cursor(consumer) >= id;
  };
  co_return co_await pipeline::read<bool>(services_.log, std::move(ask));
}

// Each event's replies and the position behind it are one transaction. An event that was acknowledged before is no
// error: its replies were logged then, and are not logged again.
asio::awaitable<net::Response> Api::acknowledge(Call call) {
  if (feed_ == nullptr) co_return problem(409, "no_feed", "Set kind = \"rest\" in [bot] of the configuration.");
  const auto fields = call.json();
  if (!fields) co_return problem(400, "malformed", "The body is not JSON: " + fields.error().message());
  Acknowledged wanted = read_acknowledged(*fields, services_.limits.message_max);
  if (!wanted.problem.empty()) co_return problem(400, "malformed", wanted.problem);
  if (!wanted.consumer.empty() && wanted.consumer != feed_->consumer())
    co_return problem(404, "unknown_consumer", "The configured consumer is `" + feed_->consumer() + "`.");

  // Nothing is taken unless everything can be: an event that is not here and was never finished refuses the call.
  for (const EventId event : wanted.events) {
    if (feed_->find(event)) continue;
    if (feed_->is_settling(event)) co_return being_stored(event);
    const bool before = co_await finished(event);
    if (!before)
      co_return problem(
          409, "not_waiting",
          "Event " + std::to_string(event.value) + " does not wait for an answer; GET /v1/updates tells what does.");
  }
  json::array acknowledged;
  json::array replies;
  for (const EventId event : wanted.events) {
    pipeline::Answer answer;
    for (Wanted& reply : wanted.replies)
      if (reply.event == event) answer.replies.push_back(std::move(reply.reply));
    const auto appended = co_await settle(event, std::move(answer));
    if (!appended && appended.error() == pipeline::Errc::outbox_full)
      co_return problem(429, "outbox_full",
                        "The client of event " + std::to_string(event.value) +
                            " has too many messages that it has not taken yet. Its message comes again later; go on "
                            "with those of others.");
    if (!appended && appended.error() != log::Errc::stale_cursor)
      co_return problem(503, "unavailable",
                        "The answer could not be stored: " + appended.error().message() +
                            ". Nothing is lost: fetch and acknowledge again.");
    acknowledged.push_back(event.value);
    if (!appended) continue;
    for (const log::Committed& committed : appended->events)
      if (committed.kind() == log::Kind::out)
        replies.push_back({{"event", event.value}, {"link", committed.link().hex()}, {"n", committed.seq().value}});
  }
  co_return json_response(200, json::object{{"events", std::move(acknowledged)}, {"replies", std::move(replies)}});
}

// Hands the answer to the waiting process and waits until it is on disk. stale_cursor: it was finished before;
// overloaded: another call's answer to it is on its way to the disk.
asio::awaitable<Result<log::Appended>> Api::settle(EventId event, pipeline::Answer answer) {
  Result<log::Appended> appended = co_await hand_over(*feed_, event, std::move(answer));
  if (appended || appended.error() != log::Errc::stale_cursor) co_return appended;
  const bool before = co_await finished(event);
  if (!before) co_return log::Errc::overloaded;
  co_return appended;
}

// A bot's own initiative. With an Idempotency-Key the same request has its effect once, however often it comes.
asio::awaitable<net::Response> Api::send(Call call) {
  const auto body = call.json();
  if (!body) co_return problem(400, "malformed", "The body is not JSON: " + body.error().message());
  Wanted wanted = read_wanted(*body, services_.limits.message_max);
  if (wanted.event) wanted.problem = "`event` belongs to replies.";
  if (!wanted.reply.to && wanted.problem.empty()) wanted.problem = "`to` must name a client by its permalink.";
  if (!wanted.problem.empty()) co_return problem(400, "malformed", wanted.problem);
  std::optional<log::Idempotency> once;
  const std::string_view key = call.request.header("idempotency-key");
  if (key.size() > 255) co_return problem(400, "malformed", "The Idempotency-Key is over 255 bytes.");
  if (!key.empty()) once = log::Idempotency{call.caller.id, std::string(key), digest_of(call.request.body)};

  const auto client = clients_.at(*wanted.reply.to);
  auto sending = send_to(client, std::move(wanted.reply), std::move(once));
  const Result<log::Appended> appended =
      co_await asio::co_spawn(client->strand(), std::move(sending), asio::use_awaitable);
  if (appended) {
    const log::Committed& committed = appended->events.front();
    co_return json_response(
        appended->repeated ? 200 : 201,
        json::object{{"event", committed.id().value}, {"link", committed.link().hex()}, {"n", committed.seq().value}});
  }
  if (appended.error() == pipeline::Errc::unknown_client)
    co_return problem(404, "unknown_client", "No client of that permalink has registered here.");
  if (appended.error() == pipeline::Errc::outbox_full)
    co_return problem(429, "outbox_full", "The client has too many messages that it has not taken yet; try later.");
  if (appended.error() == log::Errc::idempotency_mismatch)
    co_return problem(422, "idempotency_mismatch", "This Idempotency-Key was used before, with another request.");
  co_return problem(503, "unavailable", "The message could not be stored: " + appended.error().message() + ".");
}

// On the client's strand.
asio::awaitable<Result<log::Appended>> Api::send_to(std::shared_ptr<pipeline::Client> client, pipeline::Reply reply,
                                                    std::optional<log::Idempotency> once) {
  co_await client->ready();
  std::vector<pipeline::Outgoing> messages(1);
  messages[0].payload = std::move(reply.payload);
  messages[0].type = std::move(reply.type);
  messages[0].context = std::move(reply.context);
  messages[0].in_reply_to = reply.in_reply_to;
  std::vector<log::Draft> nothing_else;
  co_return co_await client->send(std::move(messages), std::move(nothing_else), std::move(once));
}

}  // namespace sealpost::api
