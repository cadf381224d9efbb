#include "object/message.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "generators.hpp"
#include "object/canonical.hpp"
#include "vectors.hpp"

using namespace sealpost;
using namespace sealpost::object;

namespace {

Result<Message> read_and_verify(std::string_view text) {
  const auto object = Object::parse(text);
  if (!object) return object.error();
  auto message = Message::read(*object);
  if (!message) return message;
  if (const auto holds = verify_signature(*object); !holds) return holds.error();
  return message;
}

std::optional<std::string> optional_text(const boost::json::value& fields, std::string_view key) {
  if (fields.at(key).is_null()) return std::nullopt;
  return text_in(fields, key);
}

void check_fields(const Message& message, const boost::json::value& fields) {
  CHECK(message.author().hex() == text_in(fields, "author"));
  CHECK(message.device().text() == text_in(fields, "device"));
  CHECK(message.recipient().hex() == text_in(fields, "recipient"));
  CHECK(message.n().value == fields.at("n").to_number<std::uint64_t>());
  CHECK((message.previous().is_none() ? "" : message.previous().hex()) == text_in(fields, "previous"));
  CHECK(message.time() == fields.at("time").as_int64());
  CHECK(to_base64url(message.salt()) == text_in(fields, "salt"));
  CHECK(message.context().has_value() == !fields.at("context").is_null());
  if (message.context()) CHECK(*message.context() == text_in(fields, "context"));
  CHECK(message.in_reply_to().has_value() == !fields.at("inReplyTo").is_null());
  if (message.in_reply_to()) CHECK(message.in_reply_to()->hex() == text_in(fields, "inReplyTo"));
  CHECK(message.payload() == text_in(fields, "payload"));
  CHECK(message.payload_type() == text_in(fields, "payloadType"));
  CHECK(message.payload_fields().at("_t").as_string() == message.payload_type());
}

// What a builder is given; the views point into `payload` and `context`.
OutMessage out_message(const boost::json::value& fields, const std::string& payload,
                       const std::optional<std::string>& context) {
  OutMessage out;
  out.author = *Permalink::from_hex(text_in(fields, "author"));
  out.recipient = *Permalink::from_hex(text_in(fields, "recipient"));
  out.device = *Device::parse(text_in(fields, "device"));
  out.n = {fields.at("n").to_number<std::uint64_t>()};
  out.previous = Link::from_hex(text_in(fields, "previous")).value_or(Link{});
  out.time = fields.at("time").as_int64();
  if (!from_base64url(text_in(fields, "salt"), out.salt)) throw std::invalid_argument("salt");
  out.payload = payload;
  if (context) out.context = *context;
  if (const auto link = optional_text(fields, "inReplyTo")) out.in_reply_to = Link::from_hex(*link);
  return out;
}

template <class Name>
Name draw_name() {
  Name name;
  for (auto& byte : name.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
  name.bytes[0] |= 1;  // not none
  return name;
}

// The same fields as a tree, for the way through prepare().
boost::json::object tree_of(const OutMessage& out) {
  boost::json::object fields{{"object", *parse_json(out.payload)}, {"_t", message_type}};
  if (out.in_reply_to) fields["inReplyTo"] = out.in_reply_to->hex();
  if (out.context) fields["context"] = *out.context;
  if (!out.previous.is_none()) fields["_q"] = out.previous.hex();
  fields["_z"] = to_base64url(out.salt);
  fields["_time"] = out.time;
  fields["_n"] = out.n.value;
  fields["_recipient"] = out.recipient.hex();
  fields["_d"] = out.device.text();
  fields["_author"] = out.author.hex();
  return fields;
}

}  // namespace

TEST_CASE("messages are read and verified as the vectors say") {
  for (const auto& row : cases_of("messages")) {
    INFO(text_in(row, "name"));
    const auto message = read_and_verify(text_in(row, "text"));
    CHECK(outcome_of(message) == text_in(row, "outcome"));
    CHECK(code_fits(message, row));
    if (!message) continue;
    CHECK(message->link().hex() == text_in(row, "link"));
    check_fields(*message, row.at("fields"));
  }
}

TEST_CASE("building a message comes to the text of the vectors") {
  const auto vectors = read_vectors("messages");
  std::array<std::uint8_t, 32> seed;
  REQUIRE(from_hex(text_in(vectors, "seed"), seed));
  const KeyPair alice = KeyPair::from_seed(seed);
  int built = 0;
  for (const auto& row : vectors.at("cases").as_array()) {
    if (text_in(row, "outcome") != "ok" || !row.at("buildable").as_bool()) continue;
    INFO(text_in(row, "name"));
    const auto payload = text_in(row.at("fields"), "payload");
    const auto context = optional_text(row.at("fields"), "context");
    const Signed made = out_message(row.at("fields"), payload, context).prepare().sign(alice);
    CHECK(made.stored == Object::parse(text_in(row, "text"))->stored());
    CHECK(made.link.hex() == text_in(row, "link"));
    ++built;
  }
  CHECK(built >= 8);
}

TEST_CASE("building a message equals the way through a tree") {
  CHECK(rc::check([] {
    auto payload = draw_fields();
    const std::string payload_text = canonicalize(payload);
    const std::string context = *some_text();
    OutMessage out;
    out.author = draw_name<Permalink>();
    out.recipient = draw_name<Permalink>();
    out.device = *Device::parse("log-1_Z");
    out.n = {*rc::gen::inRange<std::uint64_t>(1, 1000)};
    if (out.n.value > 1) out.previous = draw_name<Link>();
    out.time = *rc::gen::inRange<Millis>(1, safe_integer_max);
    for (auto& byte : out.salt) byte = *rc::gen::arbitrary<std::uint8_t>();
    out.payload = payload_text;
    if (*rc::gen::arbitrary<bool>()) out.context = context;
    if (*rc::gen::arbitrary<bool>()) out.in_reply_to = draw_name<Link>();

    const Unsigned quick = out.prepare();
    const Unsigned slow = prepare(tree_of(out));
    RC_ASSERT(quick.canonical() == slow.canonical());
    RC_ASSERT(quick.link() == slow.link());
    std::array<std::uint8_t, 32> seed{9};
    const KeyPair pair = KeyPair::from_seed(seed);
    const auto read = read_and_verify(quick.sign(pair).stored);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->payload() == payload_text);
    RC_ASSERT(slow.sign(pair).stored == read->stored());
  }));
}

TEST_CASE("the views of a message outlive the object it was read from") {
  const auto vectors = read_vectors("messages");
  const auto& row = vectors.at("cases").at(0);
  std::optional<Message> kept;
  {
    const auto message = read_and_verify(text_in(row, "text"));
    kept.emplace(*message);
  }
  check_fields(*kept, row.at("fields"));
}
