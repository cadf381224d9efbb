#include "object/message.hpp"

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "object/canonical.hpp"

namespace sealpost::object {
namespace {

namespace json = boost::json;

// "key":"text", the comma included. `text` needs no escapes.
void append_plain(std::string& out, std::string_view key, std::string_view text) {
  out += '"';
  out += key;
  out += "\":\"";
  out += text;
  out += "\",";
}

// The same of a name in hex digits.
template <class Tag>
void append_name(std::string& out, std::string_view key, const Name32<Tag>& name) {
  out += '"';
  out += key;
  out += "\":\"";
  append_hex(out, name.view());
  out += "\",";
}

void append_whole(std::string& out, std::string_view key, std::int64_t value) {
  out += '"';
  out += key;
  out += "\":";
  append_integer(out, value);
  out += ',';
}

}  // namespace

Result<Message> Message::read(const Object& object) {
  if (object.type() != message_type) return Errc::bad_field;
  if (!object.signature()) return Errc::not_signed;
  if (!object.author() || object.version() != 0) return Errc::bad_field;
  if (object.time().value_or(0) <= 0) return Errc::bad_field;  // a lane's times rise, from above 0
  Message message(object);
  const json::value* const payload = find(object.fields(), "object");
  if (payload && !payload->is_object()) return Errc::not_object;
  if (!payload || !message.read_lane() || !message.read_rest()) return Errc::bad_field;
  return message;
}

bool Message::read_lane() {
  const json::object& fields = object_.fields();
  const auto recipient = hex_of<Permalink>(find(fields, "_recipient"));
  const auto device = Device::parse(text_of(find(fields, "_d")).value_or(""));
  const auto n = integer_of(find(fields, "_n"));
  if (!recipient || !device || !n || *n < 1) return false;
  recipient_ = *recipient;
  device_ = *device;
  n_ = {static_cast<std::uint64_t>(*n)};
  const json::value* const previous = find(fields, "_q");
  if ((previous == nullptr) != (*n == 1)) return false;
  if (previous) {
    const auto link = hex_of<Link>(previous);
    if (!link) return false;
    previous_ = *link;
  }
  return base64url_of(find(fields, "_z"), salt_);
}

bool Message::read_rest() {
  const json::object& fields = object_.fields();
  if (const json::value* context = find(fields, "context")) {
    context_ = text_of(context);
    if (!context_) return false;
  }
  if (const json::value* in_reply_to = find(fields, "inReplyTo")) {
    in_reply_to_ = hex_of<Link>(in_reply_to);
    if (!in_reply_to_) return false;
  }
  const auto type = type_of(payload_fields());
  if (!type) return false;
  payload_ = object_.member_text("object");
  payload_type_ = *type;
  return true;
}

const json::object& Message::payload_fields() const {
  return find(object_.fields(), "object")->get_object();
}

// In the order of RFC 8785: _author, _d, _n, _q, _recipient, (_s), _t, _time, _z, context, inReplyTo, object.
Unsigned OutMessage::prepare() const {
  SEALPOST_ASSERT(n.value >= 1 && (n.value == 1) == previous.is_none() && !device.empty() && time > 0);
  std::string out;
  out.reserve(payload.size() + 800);  // with room for the signature
  out += '{';
  append_name(out, "_author", author);
  append_plain(out, "_d", device.text());
  append_whole(out, "_n", static_cast<std::int64_t>(n.value));
  if (n.value > 1) append_name(out, "_q", previous);
  append_name(out, "_recipient", recipient);
  const std::size_t signature_at = out.size();
  append_plain(out, "_t", message_type);
  append_whole(out, "_time", time);
  append_plain(out, "_z", to_base64url(salt));
  if (context) {
    out += "\"context\":";
    append_string(out, *context);
    out += ',';
  }
  if (in_reply_to) append_name(out, "inReplyTo", *in_reply_to);
  out += "\"object\":";
  out += payload;
  out += '}';
  return Unsigned(std::move(out), signature_at);
}

}  // namespace sealpost::object
