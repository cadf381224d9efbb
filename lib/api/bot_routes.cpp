// What a bot calls: fetch, acknowledge with replies, send.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "api/api.hpp"
#include "api/problem.hpp"
#include "object/canonical.hpp"
#include "pipeline/await.hpp"

namespace sealpost::api {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::int64_t updates_max = 100;
constexpr std::size_t replies_max = 100;

// What a bot wants sent, or what is wrong with it.
struct Wanted {
  pipeline::Reply reply;
  std::optional<EventId> event;  // which update a reply is to
  std::string problem;           // empty: in order
};

Wanted read_wanted(const json::value& value, std::size_t payload_max) {
  Wanted wanted;
  const json::object* fields = value.if_object();
  const json::value* payload = fields == nullptr ? nullptr : object::find(*fields, "object");
  const auto type = payload == nullptr || !payload->is_object()
                        ? std::nullopt
                        : object::text_of(object::find(payload->as_object(), "_t"));
  if (!type || type->empty()) {
    wanted.problem = "`object` must be a JSON object with a type `_t`.";
    return wanted;
  }
  if (type->starts_with("sealpost.")) wanted.problem = "Types that begin with `sealpost.` are the server's own.";
  wanted.reply.type = *type;
  wanted.reply.payload = object::canonicalize(*payload);
  if (type->size() > object::type_bytes_max) wanted.problem = "`_t` is over 256 bytes.";
  if (wanted.reply.payload.size() > payload_max) wanted.problem = "`object` is too large.";
  for (const auto& [key, member] : *fields) {
    if (key == "object") continue;
    if (key == "to") {
      wanted.reply.to = object::hex_of<Permalink>(&member);
      if (!wanted.reply.to) wanted.problem = "`to` must be a permalink: 64 lower-case hex digits.";
    } else if (key == "context") {
      const auto context = object::text_of(&member);
      if (context) wanted.reply.context = std::string(*context);
      if (!context) wanted.problem = "`context` must be a string.";
      if (wanted.reply.payload.size() + json::serialize(member).size() > payload_max)
        wanted.problem = "`object` and `context` together are too large.";
    } else if (key == "inReplyTo") {
      wanted.reply.in_reply_to = object::hex_of<Link>(&member);
      if (!wanted.reply.in_reply_to) wanted.problem = "`inReplyTo` must be a link: 64 lower-case hex digits.";
    } else if (key == "event") {
      const auto event = object::integer_of(&member);
      if (event) wanted.event = EventId{*event};
      if (!event) wanted.problem = "`event` must be the number of an acknowledged event.";
    } else {
      wanted.problem = "Unknown member `" + std::string(key) + "`.";
    }
  }
  return wanted;
}

json::object update_of(const pipeline::Update& update) {
  const auto message = object::parse_json(*update.text);
  return {{"event", update.event.id().value},
          {"client", update.client.hex()},
          {"device", update.device.text()},
          {"attempt", update.attempt},
          {"message", message ? *message : json::value()}};
}

struct Acknowledged {
  std::vector<EventId> events;
  std::vector<Wanted> replies;
  std::string consumer;
  std::string problem;
};

Acknowledged read_acknowledged(const json::object& fields, std::size_t payload_max) {
  Acknowledged read;
  read.consumer = object::text_of(object::find(fields, "consumer")).value_or("");
  const json::value* events = object::find(fields, "events");
  if (events == nullptr || !events->is_array() || events->as_array().empty() ||
      events->as_array().size() > static_cast<std::size_t>(updates_max)) {
    read.problem = "`events` must be a list of 1 to 100 event numbers.";
    return read;
  }
  for (const json::value& item : events->as_array()) {
    const auto id = object::integer_of(&item);
    if (!id || *id < 1) read.problem = "`events` must be a list of event numbers.";
    if (std::ranges::find(read.events, EventId{id.value_or(0)}) == read.events.end())
      read.events.push_back({id.value_or(0)});
  }
  const json::value* replies = object::find(fields, "replies");
  if (replies == nullptr) return read;
  if (!replies->is_array() || replies->as_array().size() > replies_max) {
    read.problem = "`replies` must be a list of at most 100 replies.";
    return read;
  }
  for (const json::value& item : replies->as_array()) {
    read.replies.push_back(read_wanted(item, payload_max));
    Wanted& reply = read.replies.back();
    if (!reply.event) reply.event = read.events.front();
    if (std::ranges::find(read.events, *reply.event) == read.events.end())
      reply.problem = "`event` of a reply must be one of `events`.";
    if (!reply.problem.empty()) read.problem = "replies: " + reply.problem;
  }
  return read;
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
  const auto limit = call.number("limit", 20, 1, updates_max);
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
