#include "object/object.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "base/sha256.hpp"
#include "object/canonical.hpp"
#include "object/dialect.hpp"
#include "object/members.hpp"
#include "object/parsed.hpp"

namespace sealpost::object {
namespace {

namespace json = boost::json;

constexpr std::string_view link_domain{"sealpost/object/1\0", 18};

}  // namespace

Result<Object> Object::parse(std::string_view text, const ParseLimits& limits) {
  return native().parse(text, limits);
}

std::string_view Object::stored() const {
  return *parsed_->stored;
}

std::shared_ptr<const std::string> Object::stored_text() const {
  return parsed_->stored;
}

std::string_view Object::member_text(std::string_view key) const {
  const auto span = std::ranges::find(parsed_->spans, key, &Parsed::Span::key);
  return span == parsed_->spans.end() ? std::string_view{} : stored().substr(span->begin, span->end - span->begin);
}

const json::object& Object::fields() const {
  return parsed_->root.get_object();
}

const Link& Object::link() const {
  return parsed_->link;
}

std::string_view Object::type() const {
  return parsed_->type;
}

const std::optional<Permalink>& Object::author() const {
  return parsed_->author;
}

std::optional<Millis> Object::time() const {
  return parsed_->time;
}

std::uint64_t Object::version() const {
  return parsed_->version;
}

const std::optional<Permalink>& Object::root() const {
  return parsed_->permalink;
}

const std::optional<Link>& Object::previous() const {
  return parsed_->previous;
}

Permalink Object::permalink() const {
  return parsed_->permalink ? *parsed_->permalink : Permalink{parsed_->link.bytes};
}

const std::optional<SignaturePart>& Object::signature() const {
  return parsed_->signature;
}

const Dialect& Object::dialect() const {
  return *parsed_->dialect;
}

Result<void> verify_signature(const Object& object) {
  if (!object.signature()) return Errc::not_signed;
  if (!object.dialect().verify(object.link(), *object.signature())) return Errc::bad_signature;
  return {};
}

Unsigned::Unsigned(std::string canonical, std::size_t signature_at)
    : canonical_(std::move(canonical)), signature_at_(signature_at), link_(link_of(canonical_)) {
  SEALPOST_ASSERT(signature_at_ > 0 && signature_at_ < canonical_.size());
}

Signed Unsigned::sign(const Signer& signer) && {
  std::string part = "\"_s\":{\"alg\":\"ed25519\",\"key\":\"";
  part += to_base64url(signer.key().view());
  part += "\",\"sig\":\"";
  part += to_base64url(signer.sign(link_.view()).view());
  part += "\"},";
  canonical_.insert(signature_at_, part);
  return {std::move(canonical_), link_};
}

Signed Unsigned::sign(const Signer& signer) const& {
  return Unsigned(*this).sign(signer);
}

Unsigned prepare(const json::object& fields) {
  SEALPOST_ASSERT(fields.contains("_t") && !fields.contains("_s"));
  std::string canonical = "{";
  std::size_t signature_at = 0;
  for (const auto* member : SortedMembers(fields)) {
    // `_t` comes after `_s`, so a member follows the signature wherever it belongs.
    if (signature_at == 0 && utf16_less("_s", member->key())) signature_at = canonical.size();
    append_member(canonical, *member);
    canonical += ',';
  }
  canonical.back() = '}';
  return Unsigned(std::move(canonical), signature_at);
}

Link link_of(std::string_view canonical, std::string_view rest) {
  return {sha256({as_bytes(link_domain), as_bytes(canonical), as_bytes(rest)})};
}

const json::value* find(const json::object& fields, std::string_view key) {
  return fields.if_contains(key);
}

std::optional<std::int64_t> integer_of(const json::value* value) {
  if (!value || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

std::optional<std::string_view> type_of(const json::object& fields) {
  const auto type = text_of(find(fields, "_t"));
  if (!type || type->empty() || type->size() > type_bytes_max) return std::nullopt;
  return type;
}

std::optional<std::string_view> text_of(const json::value* value) {
  if (!value || !value->is_string()) return std::nullopt;
  return value->get_string();
}

bool base64url_of(const json::value* value, std::span<std::uint8_t> out) {
  const auto text = text_of(value);
  return text && from_base64url(*text, out);
}

}  // namespace sealpost::object
