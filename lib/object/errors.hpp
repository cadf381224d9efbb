#pragma once
// What can be wrong with a signed object, and which of the protocol's reject codes (PROTOCOL section 2) tells it.

#include <string_view>

#include "base/result.hpp"

namespace sealpost::object {

enum class Errc {
  // The text (I-JSON, RFC 7493)
  syntax = 1,      // not JSON (RFC 8259)
  trailing_bytes,  // something other than white space after the value
  too_deep,        // more nested arrays and objects than the limit
  duplicate_key,   // two members of one object have the same name after unescaping
  lone_surrogate,  // a \u escape that is half of a pair
  invalid_utf8,
  integer_range,  // an integer beyond +-(2^53-1), or a double whose canonical form is one
  number_range,   // a number that overflows a double
  too_large,      // more bytes than the limit, as sent or in canonical form
  // The object
  not_object,          // the value, or a message's payload, is no JSON object
  bad_field,           // a field of the protocol is missing, misplaced, or has another form than it must
  bad_signature_part,  // `_s` is not exactly {"alg":"ed25519","key","sig"} with canonical base64url
  not_signed,          // `_s` is missing where it is needed
  bad_signature,       // the signature does not hold
  // Identities
  too_many_keys,      // over 16
  bad_key,            // an entry of `pubkeys` has another form than it must
  repeated_key,       // one key twice under one purpose
  not_update_key,     // signed by a key that is none of the `update` keys in force
  missing_proof,      // a new `update` or `sign` key does not sign for itself
  bad_proof,          // a key's proof does not hold
  too_many_versions,  // over 64
  wrong_version,      // `_v` is not the previous plus 1, or stands where none may
  wrong_previous,     // `_p` is not the link of the previous version: a fork, or a version is missing
  wrong_permalink,    // `_r` is not the identity's permalink
  wrong_author,       // `_author` is not whom it must be
  wrong_dialect,      // an identity has one dialect for life
};

ErrorCode make_error_code(Errc);

// Its name in this enum, for test vectors and tools.
std::string_view name_of(Errc);

// The reject code on the wire: "malformed", "too_large", "bad_signature" or "unknown_author".
std::string_view wire_code(Errc);
// The same for any error code; those of other rooms are "malformed".
std::string_view wire_code(const ErrorCode&);

}  // namespace sealpost::object

SEALPOST_ERROR_CODES(sealpost::object::Errc);
