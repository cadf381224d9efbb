#include "api/wanted.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "object/canonical.hpp"

namespace sealpost::api {

namespace json = boost::json;

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

Acknowledged read_acknowledged(const json::object& fields, std::size_t payload_max) {
  Acknowledged read;
  read.consumer = object::text_of(object::find(fields, "consumer")).value_or("");
  const json::value* events = object::find(fields, "events");
  if (events == nullptr || !events->is_array() || events->as_array().empty() ||
      events->as_array().size() > static_cast<std::size_t>(events_at_once_max)) {
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

}  // namespace sealpost::api
