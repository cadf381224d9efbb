#pragma once
// A signed object (PROTOCOL section 1), read and made.
//
// Read: `Object::parse` judges the form of the text and of the fields that all objects share; it does not check the
// signature. Made: `prepare` gives canonical bytes and link, `Unsigned::sign` adds `_s`; the second step is the dear
// one and may run on another thread.

#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "object/errors.hpp"
#include "object/json.hpp"
#include "object/keys.hpp"

namespace sealpost::object {

// Of a `_t`, that of an object and that of a payload: the log's index of types takes no longer ones.
inline constexpr std::size_t type_bytes_max = 256;

class Dialect;
struct Parsed;  // parsed.hpp, for dialects

// The member `_s`.
struct SignaturePart {
  PublicKey key;
  Signature sig;
};

// Immutable once made, cheap to copy, safe to share between threads.
class Object {
 public:
  // In the native dialect. The fields of PROTOCOL section 1 that are present have their right form, and `_t` is
  // present; which others must be is for the type to say. An object without `_s` is read too (a Hello has none).
  static Result<Object> parse(std::string_view text, const ParseLimits& = {});

  // The canonical form with `_s`: what is stored and forwarded.
  std::string_view stored() const;
  std::shared_ptr<const std::string> stored_text() const;  // the text alone; does not keep the parsed fields alive
  // The canonical text of one top-level member's value, inside stored(). Empty if there is none.
  std::string_view member_text(std::string_view key) const;

  const boost::json::object& fields() const;  // all of them, `_s` included
  const Link& link() const;
  std::string_view type() const;                   // `_t`
  const std::optional<Permalink>& author() const;  // `_author`
  std::optional<Millis> time() const;              // `_time`
  std::uint64_t version() const;                   // `_v`; 0 for a first version and for unversioned objects
  const std::optional<Permalink>& root() const;    // `_r`, the permalink; present exactly if version() > 0
  const std::optional<Link>& previous() const;     // `_p`; present exactly if version() > 0
  Permalink permalink() const;                     // `_r`, or the link of a first version
  const std::optional<SignaturePart>& signature() const;
  const Dialect& dialect() const;

  // For dialects.
  explicit Object(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

 private:
  std::shared_ptr<const Parsed> parsed_;
};

// Does the object's signature hold for the key that `_s` names? Whether that key may sign for the author is another
// question, which an identity answers. Errors: not_signed, bad_signature.
Result<void> verify_signature(const Object&);

// An object with its signature: what Object::parse would give for `stored`, without parsing it.
struct Signed {
  std::string stored;
  Link link;
};

// Canonical bytes and link, before the signature.
class Unsigned {
 public:
  // `signature_at`: where in `canonical` the member `_s` with its comma belongs.
  Unsigned(std::string canonical, std::size_t signature_at);

  const std::string& canonical() const { return canonical_; }  // also the stored form of an object that stays unsigned
  const Link& link() const { return link_; }
  Signed sign(const Signer&) &&;
  Signed sign(const Signer&) const&;

 private:
  std::string canonical_;
  std::size_t signature_at_;
  Link link_;
};

// `fields` has `_t`, has no `_s`, and its values are I-JSON (see canonical.hpp).
Unsigned prepare(const boost::json::object& fields);

// SHA-256("sealpost/object/1" 0x00 canonical), the canonical bytes given in two pieces.
Link link_of(std::string_view canonical, std::string_view rest = {});

// Readers of single fields, for the types that are objects with fields of their own. Errors: bad_field.
const boost::json::value* find(const boost::json::object&, std::string_view key);  // null if absent
std::optional<std::int64_t> integer_of(const boost::json::value*);                 // a whole number
std::optional<std::string_view> text_of(const boost::json::value*);
// A Link or Permalink; "none" stands nowhere, so its zeros are no name.
template <class Name>
std::optional<Name> hex_of(const boost::json::value* value) {
  const auto text = text_of(value);
  const auto name = text ? Name::from_hex(*text) : std::nullopt;
  return name && !name->is_none() ? name : std::nullopt;
}
std::optional<std::string_view> type_of(const boost::json::object&);  // `_t`, 1 to type_bytes_max bytes
// `out.size()` bytes in canonical base64url; false if it is anything else.
bool base64url_of(const boost::json::value*, std::span<std::uint8_t> out);

}  // namespace sealpost::object
