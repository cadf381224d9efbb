#include "object/identity.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/encoding.hpp"
#include "base/sha256.hpp"
#include "object/canonical.hpp"
#include "object/dialect.hpp"
#include "object/members.hpp"

namespace sealpost::object {
namespace {

namespace json = boost::json;

constexpr std::string_view proof_domain{"sealpost/key/1\0", 15};
constexpr std::string_view ed25519 = "ed25519";

// An entry without the signature that it carries for itself.
void append_unproven(std::string& out, const json::object& entry) {
  out += '{';
  for (const auto* member : SortedMembers(entry)) {
    if (member->key() == "proof") continue;
    append_member(out, *member);
    out += ',';
  }
  out.back() = '}';
}

void append_unproven(std::string& out, const json::array& keys) {
  out += '[';
  for (const json::value& entry : keys) {
    append_unproven(out, entry.get_object());
    out += ',';
  }
  if (keys.empty()) out += ']';
  out.back() = ']';
}

// `fields` may hold a signature or not, `pubkeys` proofs or not.
Digest proof_digest_of(const json::object& fields) {
  std::string text = "{";
  for (const auto* member : SortedMembers(fields)) {
    if (member->key() == "_s") continue;
    if (member->key() == "pubkeys") {
      text += "\"pubkeys\":";
      append_unproven(text, member->value().get_array());
    } else {
      append_member(text, *member);
    }
    text += ',';
  }
  text.back() = '}';
  return sha256({as_bytes(proof_domain), as_bytes(text)});
}

// Exactly alg, purpose, pub, and for update and sign keys perhaps proof.
Result<IdentityKey> read_key(const json::value& value) {
  const auto* entry = value.if_object();
  if (!entry) return Errc::bad_key;
  const auto alg = text_of(find(*entry, "alg"));
  const auto purpose = text_of(find(*entry, "purpose"));
  const auto pub = text_of(find(*entry, "pub"));
  const json::value* const proof = find(*entry, "proof");
  if (!alg || !purpose || !pub || purpose->empty() || entry->size() != (proof ? 4 : 3)) return Errc::bad_key;
  IdentityKey key{std::string(*alg), std::string(*purpose), std::string(*pub), {}, std::nullopt};
  if (alg == ed25519 && !from_base64url(*pub, key.key.bytes)) return Errc::bad_key;
  if (key.needs_proof() && alg != ed25519) return Errc::bad_key;
  if (!proof) return key;
  key.proof.emplace();
  if (!key.needs_proof() || !base64url_of(proof, key.proof->bytes)) return Errc::bad_key;
  return key;
}

bool lists(const std::vector<IdentityKey>& keys, const IdentityKey& key) {
  return std::ranges::any_of(keys, [&](const IdentityKey& other) { return other.same_key(key); });
}

// Signed by an update key of `in_force`, and every key that `known` does not list proves itself.
Result<void> check_signatures(const Identity& identity, const Identity& in_force,
                              const std::vector<IdentityKey>& known) {
  if (!in_force.has_key(purpose_update, identity.object().signature()->key)) return Errc::not_update_key;
  for (const IdentityKey& key : identity.keys())
    if (key.needs_proof() && !key.proof && !lists(known, key)) return Errc::missing_proof;
  if (const auto signature = verify_signature(identity.object()); !signature) return signature.error();
  const Digest digest = identity.proof_digest();
  for (const IdentityKey& key : identity.keys())
    if (key.proof && !verify(key.key, digest, *key.proof)) return Errc::bad_proof;
  return {};
}

}  // namespace

Result<Identity> Identity::parse(std::string_view text) {
  const auto object = Object::parse(text, client_limits(identity_bytes_max));
  if (!object) return object.error();
  return read(*object);
}

Result<Identity> Identity::read(const Object& object) {
  if (object.type() != identity_type) return Errc::bad_field;
  if (object.stored().size() > identity_bytes_max) return Errc::too_large;
  if (!object.signature()) return Errc::not_signed;
  if (!object.time() || object.author().has_value() != (object.version() > 0)) return Errc::bad_field;
  if (object.author() != object.root()) return Errc::wrong_author;
  if (object.version() >= identity_versions_max) return Errc::too_many_versions;
  Identity identity(object);
  if (const json::value* name = find(object.fields(), "name")) {
    const auto text = text_of(name);
    if (!text) return Errc::bad_field;
    identity.name_.emplace(*text);
  }
  if (const ErrorCode error = identity.read_keys()) return error;
  return identity;
}

ErrorCode Identity::read_keys() {
  const json::value* const value = find(object_.fields(), "pubkeys");
  if (!value || !value->is_array()) return Errc::bad_field;
  const json::array& entries = value->get_array();
  if (entries.size() > identity_keys_max) return Errc::too_many_keys;
  keys_.reserve(entries.size());
  for (const json::value& entry : entries) {
    auto key = read_key(entry);
    if (!key) return key.error();
    if (lists(keys_, *key)) return Errc::repeated_key;
    keys_.push_back(std::move(*key));
  }
  return {};
}

bool Identity::has_key(std::string_view purpose, const PublicKey& wanted) const {
  return std::ranges::any_of(
      keys_, [&](const IdentityKey& key) { return key.purpose == purpose && key.alg == ed25519 && key.key == wanted; });
}

Digest Identity::proof_digest() const {
  return proof_digest_of(object_.fields());
}

Result<void> check_first(const Identity& identity) {
  if (identity.version() != 0) return Errc::wrong_version;
  return check_signatures(identity, identity, {});
}

Result<void> check_next(const Identity& previous, const Identity& next) {
  if (&previous.object().dialect() != &next.object().dialect()) return Errc::wrong_dialect;
  if (next.version() == 0) return Errc::wrong_version;
  if (next.permalink() != previous.permalink()) return Errc::wrong_permalink;
  if (next.version() != previous.version() + 1) return Errc::wrong_version;
  if (next.previous() != previous.link()) return Errc::wrong_previous;
  return check_signatures(next, previous, previous.keys());
}

namespace {

json::object fields_of(const IdentityDraft& draft) {
  json::object fields;
  fields["_t"] = identity_type;
  fields["_time"] = draft.time;
  if (draft.name) fields["name"] = *draft.name;
  json::array& keys = fields["pubkeys"].emplace_array();
  for (const auto& [purpose, signer] : draft.keys)
    keys.push_back({{"alg", ed25519}, {"pub", to_base64url(signer->key().view())}, {"purpose", purpose}});
  return fields;
}

// Lets each new update and sign key sign for itself, then the update key for the version.
Identity finish(json::object fields, const IdentityDraft& draft, const std::vector<IdentityKey>& known,
                const Signer& update) {
  const Digest digest = proof_digest_of(fields);
  json::array& entries = fields["pubkeys"].get_array();
  for (std::size_t i = 0; i < draft.keys.size(); ++i) {
    const IdentityKey key = read_key(entries[i]).value();
    if (!key.needs_proof() || lists(known, key)) continue;
    entries[i].get_object()["proof"] = to_base64url(draft.keys[i].signer->sign(digest).view());
  }
  const Signed made = prepare(fields).sign(update);
  return Identity::parse(made.stored).value();
}

}  // namespace

Identity make_first(const IdentityDraft& draft, const Signer& update) {
  return finish(fields_of(draft), draft, {}, update);
}

Identity make_next(const Identity& previous, const IdentityDraft& draft, const Signer& update) {
  json::object fields = fields_of(draft);
  const std::string permalink = previous.permalink().hex();
  fields["_author"] = permalink;
  fields["_r"] = permalink;
  fields["_p"] = previous.link().hex();
  fields["_v"] = previous.version() + 1;
  return finish(std::move(fields), draft, previous.keys(), update);
}

}  // namespace sealpost::object
