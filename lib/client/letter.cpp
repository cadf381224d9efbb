#include "client/letter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "object/canonical.hpp"

namespace sealpost::client {

std::optional<Letter> letter_of(std::string_view stored) {
  const auto object = object::Object::parse(stored);
  if (!object) return std::nullopt;
  const auto message = object::Message::read(*object);
  if (!message) return std::nullopt;
  if (message->payload_type() == object::message_type) {
    auto inner = letter_of(message->payload());
    if (inner) inner->relayed = true;
    return inner;
  }
  Letter letter;
  letter.author = message->author();
  letter.link = message->link();
  letter.time = message->time();
  letter.type = message->payload_type();
  letter.payload = message->payload();
  if (message->context()) letter.context = std::string(*message->context());
  letter.answers = message->in_reply_to();
  return letter;
}

std::optional<PublicKey> signer_of(std::string_view stored) {
  const auto object = object::Object::parse(stored);
  if (!object || !object->signature()) return std::nullopt;
  return object->signature()->key;
}

std::string safe_for_terminal(std::string_view text) {
  std::string safe;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    // U+0080 to U+009F are controls too: in UTF-8, 0xC2 and then that byte.
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
    const bool c1 = c == 0xC2 && next >= 0x80 && next < 0xA0;
    if (c < 0x20 || c == 0x7F) {
      safe += fmt::format("\\x{:02x}", c);
    } else if (c1) {
      safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++at]));
    } else {
      safe += text[at];
    }
  }
  return safe;
}

namespace {

std::optional<std::string> plain_text(const boost::json::object& payload) {
  if (const auto text = object::text_of(object::find(payload, "text"))) return std::string(*text);
  const auto* const echo = object::find(payload, "echo");  // what the echo bot says
  if (!echo || !echo->is_object()) return std::nullopt;
  return plain_text(echo->get_object());
}

}  // namespace

std::string line_of(const Letter& letter) {
  const auto parsed = object::parse_json(letter.payload);
  if (!parsed || !parsed->is_object()) return safe_for_terminal(letter.payload);
  const auto& fields = parsed->get_object();
  std::optional<std::string> text = plain_text(fields);
  if (letter.type == "sealpost.Notice") {
    text = "a message of yours was accepted, but: ";
    text->append(object::text_of(object::find(fields, "code")).value_or("no reason was given"));
  }
  if (letter.type == object::identity_type) {
    text = "the identity of ";
    text->append(object::text_of(object::find(fields, "name")).value_or("somebody without a name"));
    text->append(", version ").append(std::to_string(object::integer_of(object::find(fields, "_v")).value_or(0)));
  }
  return safe_for_terminal(text ? *text : letter.payload);
}

std::string text_payload(std::string_view text) {
  std::string payload = R"({"_t":"chat.Text","text":)";
  object::append_string(payload, text);
  payload += '}';
  return payload;
}

// Judging -------------------------------------------------------------------------------------------------------------

namespace {

bool signed_by(const std::vector<object::Identity>& versions, const object::Object& object) {
  if (!object.signature() || versions.empty() || object.author() != versions.front().permalink()) return false;
  const PublicKey& key = object.signature()->key;
  const bool listed = std::any_of(versions.begin(), versions.end(), [&](const object::Identity& version) {
    return version.has_key(object::purpose_sign, key);
  });
  return listed && object::verify_signature(object).has_value();
}

Result<std::vector<object::Identity>> known_identity(const Store& store, const Permalink& who) {
  const auto texts = store.identity(who);
  if (!texts) return texts.error();
  std::vector<object::Identity> versions;
  for (const std::string& text : *texts) {
    auto version = object::Identity::parse(text);
    if (version) versions.push_back(std::move(*version));
  }
  return versions;
}

// A version of another client's identity, which travels ahead of that client's messages.
Result<void> take_identity(const Store& store, const object::Object& object, Judged& judged) {
  auto identity = object::Identity::read(object);
  judged.problem = Errc::not_for_us;
  if (!identity) return {};
  const auto read = known_identity(store, identity->permalink());
  if (!read) return read.error();
  const auto& known = *read;
  judged.entry.peer = identity->permalink();
  if (identity->version() < known.size()) {
    if (known[identity->version()].link() == identity->link()) judged.problem = {};
    return {};
  }
  const auto follows = known.empty() ? object::check_first(*identity) : object::check_next(known.back(), *identity);
  if (!follows) return {};
  judged.problem = {};
  judged.introduced = std::move(*identity);
  return {};
}

Result<void> take_relayed(const Store& store, const Permalink& self, const object::Object& object, Judged& judged) {
  const auto message = object::Message::read(object);
  judged.problem = Errc::not_for_us;
  if (!message || message->recipient() != self) return {};
  const auto author = known_identity(store, message->author());
  if (!author) return author.error();
  if (!signed_by(*author, object)) return {};
  judged.entry.peer = message->author();
  judged.entry.answers = message->in_reply_to();
  const auto position = store.relayed_position(message->author(), message->device());
  if (!position) return position.error();
  if (message->n() <= *position) {
    judged.problem = Errc::not_in_order;
    return {};
  }
  judged.problem = {};
  judged.relayed = Store::Relayed{message->author(), message->device(), message->n()};
  return {};
}

Result<void> take_payload(const Store& store, const Permalink& self, const object::Message& message, Judged& judged) {
  const bool relayed = message.payload_type() == object::message_type;
  if (!relayed && message.payload_type() != object::identity_type) return {};
  const auto object = object::Object::parse(message.payload());
  if (object) return relayed ? take_relayed(store, self, *object, judged) : take_identity(store, *object, judged);
  judged.problem = Errc::not_for_us;
  return {};
}

// `q`: the link of the message before, as the server has it.
Result<Judged::Place> place_of(const Store& store, const Entry& entry, const Link& q) {
  const lane::Mark& received = store.lane().received;
  if (entry.n == received.n.next() && q == received.link) return Judged::Place::next;
  if (entry.n > received.n) return Errc::histories_differ;
  const auto read = store.incoming(entry.n);
  if (!read) return read.error();
  const auto& held = *read;
  if (held && held->link == entry.link) return Judged::Place::duplicate;
  // Another message under a number that we have: in order only if the server was restored, to a point that we share.
  const auto before = store.incoming(Seq{entry.n.value - 1});  // none under number 0
  if (!before) return before.error();
  const bool restored = held && held->lane != entry.lane && !entry.lane.empty();
  if (restored && q == (*before ? (*before)->link : Link())) return Judged::Place::next;
  return Errc::histories_differ;
}

Result<Judged> judge_erased(const Store& store, const object::Object& object) {
  Judged judged;
  const auto& fields = object.fields();
  const auto n = object::integer_of(object::find(fields, "n"));
  const auto link = object::hex_of<Link>(object::find(fields, "link"));
  if (!n || *n < 1 || !link) return Errc::protocol;
  judged.entry.n = {static_cast<std::uint64_t>(*n)};
  judged.entry.link = *link;
  judged.entry.peer = *object.author();
  judged.entry.time = object.time().value_or(0);
  const auto place = place_of(store, judged.entry, object::hex_of<Link>(object::find(fields, "q")).value_or(Link()));
  if (!place) return place.error();
  judged.place = *place;
  return judged;
}

Result<Judged> judge_message(const Store& store, const Permalink& self, const object::Object& object) {
  const auto message = object::Message::read(object);
  if (!message || message->recipient() != self) return Errc::protocol;
  Judged judged;
  judged.entry.lane = message->device();
  judged.entry.n = message->n();
  judged.entry.link = message->link();
  judged.entry.time = message->time();
  judged.entry.peer = message->author();
  judged.entry.answers = message->in_reply_to();
  const auto place = place_of(store, judged.entry, message->previous());
  if (!place) return place.error();
  judged.place = *place;
  if (judged.place == Judged::Place::duplicate) return judged;
  const auto taken = take_payload(store, self, *message, judged);
  if (!taken) return taken.error();
  return judged;
}

}  // namespace

Result<Judged> judge(const Store& store, const Permalink& self, const std::vector<object::Identity>& server,
                     std::string_view text) {
  const auto object = object::Object::parse(text);
  if (!object || !signed_by(server, *object)) return Errc::protocol;
  auto judged =
      object->type() == "sealpost.Erased" ? judge_erased(store, *object) : judge_message(store, self, *object);
  if (!judged) return judged;
  judged->entry.standing = Standing::stored;
  judged->entry.stored = object->stored();
  if (judged->problem) judged->entry.note = judged->problem.message();
  return judged;
}

}  // namespace sealpost::client
