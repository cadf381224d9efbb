// The native dialect: PROTOCOL section 1.

#include "object/canonical.hpp"
#include "object/dialect.hpp"
#include "object/members.hpp"
#include "object/parsed.hpp"

namespace sealpost::object {
namespace {

namespace json = boost::json;

// Exactly {"alg":"ed25519","key":...,"sig":...}: three members, so none that is not signed over can hide here.
Result<SignaturePart> read_signature(const json::value& value) {
  const auto* object = value.if_object();
  if (!object || object->size() != 3 || text_of(find(*object, "alg")) != "ed25519") return Errc::bad_signature_part;
  SignaturePart part;
  if (!base64url_of(find(*object, "key"), part.key.bytes)) return Errc::bad_signature_part;
  if (!base64url_of(find(*object, "sig"), part.sig.bytes)) return Errc::bad_signature_part;
  return part;
}

// True if the member is absent, or has the form of a Name, which then is in `out`.
template <class Name>
bool read_optional_name(const json::object& fields, std::string_view key, std::optional<Name>& out) {
  const json::value* value = find(fields, key);
  if (!value) return true;
  out = hex_of<Name>(value);
  return out.has_value();
}

bool read_time(const json::object& fields, Parsed& parsed) {
  const json::value* value = find(fields, "_time");
  if (!value) return true;
  parsed.time = integer_of(value);
  return parsed.time && *parsed.time >= 0;
}

// `_v`, `_r` and `_p` come together or not at all.
bool read_version(const json::object& fields, Parsed& parsed) {
  if (!read_optional_name(fields, "_r", parsed.permalink) || !read_optional_name(fields, "_p", parsed.previous))
    return false;
  const json::value* value = find(fields, "_v");
  if (!value) return !parsed.permalink && !parsed.previous;
  const auto version = integer_of(value);
  if (!version || *version < 1) return false;
  parsed.version = static_cast<std::uint64_t>(*version);
  return parsed.permalink && parsed.previous;
}

ErrorCode read_fields(Parsed& parsed) {
  const json::object& fields = parsed.root.get_object();
  const auto type = type_of(fields);
  if (!type) return Errc::bad_field;
  parsed.type = *type;
  if (!read_optional_name(fields, "_author", parsed.author)) return Errc::bad_field;
  if (!read_time(fields, parsed) || !read_version(fields, parsed)) return Errc::bad_field;
  if (const json::value* value = find(fields, "_s")) {
    const auto signature = read_signature(*value);
    if (!signature) return signature.error();
    parsed.signature = *signature;
  }
  return {};
}

// Writes the stored text, notes where each top-level member stands in it, and hashes what lies around `_s`.
void write_stored(Parsed& parsed, std::size_t text_bytes) {
  const json::object& fields = parsed.root.get_object();
  std::string out;
  out.reserve(text_bytes + 16);
  parsed.spans.reserve(fields.size());
  std::size_t cut_begin = 0, cut_end = 0;
  out += '{';
  for (const auto* member : SortedMembers(fields)) {
    const std::string_view key = member->key();
    const std::size_t begin = out.size();
    append_string(out, key);
    out += ':';
    const std::size_t value_begin = out.size();
    append_canonical(out, member->value());
    parsed.spans.push_back({key, value_begin, out.size()});
    out += ',';
    if (key == "_s") cut_begin = begin, cut_end = out.size();
  }
  out.back() = '}';  // `_t` comes after `_s`, so the cut never holds the last member
  const std::string_view text = out;
  parsed.link = link_of(text.substr(0, cut_begin), text.substr(cut_end));
  parsed.stored = std::make_shared<const std::string>(std::move(out));
}

class NativeDialect final : public Dialect {
 public:
  std::string_view name() const override { return "native"; }

  Result<Object> parse(std::string_view text, const ParseLimits& limits) const override {
    auto parsed = std::make_shared<Parsed>(std::min(text.size(), limits.bytes_max));
    auto value = parse_json(text, &parsed->resource, limits);
    if (!value) return value.error();
    if (!value->is_object()) return Errc::not_object;
    parsed->root = std::move(*value);
    if (const ErrorCode error = read_fields(*parsed)) return error;
    write_stored(*parsed, text.size());
    if (parsed->stored->size() > limits.bytes_max) return Errc::too_large;
    parsed->dialect = this;
    return Object(std::move(parsed));
  }

  bool verify(const Link& link, const SignaturePart& signature) const override {
    return object::verify(signature.key, link.view(), signature.sig);
  }
};

const NativeDialect the_native;

}  // namespace

const Dialect& native() {
  return the_native;
}

const Dialect* dialect_named(std::string_view name) {
  return name == the_native.name() ? &the_native : nullptr;
}

}  // namespace sealpost::object
