// Any bytes as what a bot, or a stranger, says to the REST API: target and query, body, token. What is taken keeps to
// the bounds that the contract names, and means the same when it is written again.

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "api/call.hpp"
#include "api/wanted.hpp"
#include "auth/bearer.hpp"
#include "base/assert.hpp"
#include "object/canonical.hpp"
#include "object/json.hpp"
#include "script.hpp"

using namespace sealpost;
using namespace sealpost::api;

namespace json = boost::json;

namespace {

constexpr std::size_t payload_max = 200;

void check_target(std::string_view target) {
  Call call;
  if (!read_target(target, call)) return;
  SEALPOST_ASSERT(call.path.starts_with('/') && call.path.size() <= target.size());
  std::size_t size = call.path.size();
  for (const auto& [name, value] : call.query) {
    size += name.size() + value.size();
    const auto number = call.number(name, 7, -50, 50);
    if (!number) continue;
    SEALPOST_ASSERT(*number >= -50 && *number <= 50);
    SEALPOST_ASSERT(value == std::to_string(*number) || value.starts_with('0') || value.starts_with("-0"));
  }
  SEALPOST_ASSERT(size <= target.size());
  SEALPOST_ASSERT(call.number("no such name", 7, 0, 10) == 7);
}

void check_reply(const Wanted& wanted) {
  if (!wanted.problem.empty()) return;
  const pipeline::Reply& reply = wanted.reply;
  SEALPOST_ASSERT(!reply.type.empty() && !reply.type.starts_with("sealpost."));
  SEALPOST_ASSERT(reply.payload.size() <= payload_max);
  const auto payload = object::parse_json(reply.payload);
  SEALPOST_ASSERT(payload && payload->is_object() && object::canonicalize(*payload) == reply.payload);
}

// The same request in other words: members in another order, other white space.
json::object turned(const json::object& fields) {
  json::object other;
  for (auto member = fields.end(); member != fields.begin();) {
    --member;
    other[member->key()] = member->value();
  }
  return other;
}

bool same(const Wanted& a, const Wanted& b) {
  return a.problem.empty() == b.problem.empty() && a.event == b.event && a.reply.payload == b.reply.payload &&
         a.reply.type == b.reply.type && a.reply.to == b.reply.to && a.reply.context == b.reply.context &&
         a.reply.in_reply_to == b.reply.in_reply_to;
}

void check_body(std::string_view text) {
  Call call;
  call.request.body = std::string(text);
  const auto fields = call.json();
  if (!fields) return;
  const Wanted wanted = read_wanted(*fields, payload_max);
  check_reply(wanted);
  if (wanted.problem.empty()) SEALPOST_ASSERT(same(wanted, read_wanted(turned(*fields), payload_max)));

  const Acknowledged acknowledged = read_acknowledged(*fields, payload_max);
  if (!acknowledged.problem.empty()) return;
  const auto& events = acknowledged.events;
  SEALPOST_ASSERT(!events.empty() && events.size() <= static_cast<std::size_t>(events_at_once_max));
  SEALPOST_ASSERT(acknowledged.replies.size() <= replies_max);
  for (const EventId event : events) SEALPOST_ASSERT(event.value >= 1 && std::ranges::count(events, event) == 1);
  for (const Wanted& reply : acknowledged.replies) {
    check_reply(reply);
    SEALPOST_ASSERT(reply.problem.empty() && std::ranges::count(events, *reply.event) == 1);
  }
}

// A file of tokens: what is read is written as lines that read the same, and a token opens its own line only.
void check_tokens(std::string_view file) {
  const auto read = auth::Bearers::parse(file);
  if (!read) {
    SEALPOST_ASSERT(read.error().line >= 1 && !read.error().what.empty());
    return;
  }
  SEALPOST_ASSERT(read->all().size() <= auth::bearer_tokens_max && read->find(file) == nullptr);
  std::string written;
  for (const auth::Bearer& bearer : read->all()) written += bearer.line();
  const auto again = auth::Bearers::parse(written);
  SEALPOST_ASSERT(again && again->all().size() == read->all().size());
  for (const auth::Bearer& bearer : read->all()) {
    const auto without = auth::without_bearer(file, bearer.name);
    SEALPOST_ASSERT(without.has_value());
    const auto others = auth::Bearers::parse(*without);
    SEALPOST_ASSERT(others && others->all().size() + 1 == read->all().size());
  }
  if (read->all().size() >= auth::bearer_tokens_max) return;
  const auth::NewBearer made = auth::make_bearer("a.new-one", {"bot"}, {1, 2, 3}, 5);
  if (auth::without_bearer(file, made.bearer.name)) return;
  const auto more = auth::Bearers::parse(auth::with_bearer(file, made.bearer));
  SEALPOST_ASSERT(more && more->find(made.token) != nullptr && more->find(made.token)->name == made.bearer.name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::Script script({data, size});
  const std::uint8_t what = script.byte();
  const std::string_view text = as_text(script.bytes(4096));
  if (what % 3 == 0) check_target(text);
  if (what % 3 == 1) check_body(text);
  if (what % 3 == 2) check_tokens(text);
  return 0;
}
