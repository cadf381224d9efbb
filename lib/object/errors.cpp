#include "object/errors.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/assert.hpp"

namespace sealpost::object {
namespace {

constexpr std::string_view malformed = "malformed";

struct Entry {
  Errc code;
  std::string_view name;
  std::string_view wire;
  std::string_view sentence;
};

constexpr std::array entries{
    Entry{Errc::syntax, "syntax", malformed, "not JSON"},
    Entry{Errc::trailing_bytes, "trailing_bytes", malformed, "bytes after the JSON value"},
    Entry{Errc::too_deep, "too_deep", malformed, "too many nested arrays and objects"},
    Entry{Errc::duplicate_key, "duplicate_key", malformed, "two members with one name"},
    Entry{Errc::lone_surrogate, "lone_surrogate", malformed, "an escaped surrogate without its other half"},
    Entry{Errc::invalid_utf8, "invalid_utf8", malformed, "not UTF-8"},
    Entry{Errc::integer_range, "integer_range", malformed, "an integer beyond 2^53-1"},
    Entry{Errc::number_range, "number_range", malformed, "a number too large for a double"},
    Entry{Errc::too_large, "too_large", "too_large", "more bytes than allowed"},
    Entry{Errc::not_object, "not_object", malformed, "not a JSON object"},
    Entry{Errc::bad_field, "bad_field", malformed, "a field is missing, misplaced or of the wrong form"},
    Entry{Errc::bad_signature_part, "bad_signature_part", malformed, "_s is not of the one form allowed"},
    Entry{Errc::not_signed, "not_signed", malformed, "no signature"},
    Entry{Errc::bad_signature, "bad_signature", "bad_signature", "the signature does not hold"},
    Entry{Errc::too_many_keys, "too_many_keys", malformed, "an identity with too many keys"},
    Entry{Errc::bad_key, "bad_key", malformed, "a key of an identity has the wrong form"},
    Entry{Errc::repeated_key, "repeated_key", malformed, "an identity names one key twice for one purpose"},
    Entry{Errc::not_update_key, "not_update_key", "bad_signature", "not signed by an update key in force"},
    Entry{Errc::missing_proof, "missing_proof", "bad_signature", "a new key does not sign for itself"},
    Entry{Errc::bad_proof, "bad_proof", "bad_signature", "the proof of a key does not hold"},
    Entry{Errc::too_many_versions, "too_many_versions", malformed, "an identity with too many versions"},
    Entry{Errc::wrong_version, "wrong_version", malformed, "not the next version of the identity"},
    Entry{Errc::wrong_previous, "wrong_previous", malformed, "does not follow the version in force"},
    Entry{Errc::wrong_permalink, "wrong_permalink", "unknown_author", "belongs to another identity"},
    Entry{Errc::wrong_author, "wrong_author", "unknown_author", "not by the author it must be by"},
    Entry{Errc::wrong_dialect, "wrong_dialect", malformed, "an identity cannot change its dialect"},
};

const Entry& entry_of(Errc code) {
  const auto found = std::ranges::find(entries, code, &Entry::code);
  SEALPOST_ASSERT(found != entries.end());
  return *found;
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "object"; }
  std::string message(int value) const override { return std::string(entry_of(static_cast<Errc>(value)).sentence); }
};

const Category category;

}  // namespace

ErrorCode make_error_code(Errc code) {
  return {static_cast<int>(code), category};
}

std::string_view name_of(Errc code) {
  return entry_of(code).name;
}

std::string_view wire_code(Errc code) {
  return entry_of(code).wire;
}

std::string_view wire_code(const ErrorCode& code) {
  return code.category() == category ? wire_code(static_cast<Errc>(code.value())) : malformed;
}

}  // namespace sealpost::object
