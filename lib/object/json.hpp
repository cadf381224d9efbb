#pragma once
// Strict I-JSON (RFC 7493) into a boost::json::value, as PROTOCOL section 1 wants it: everything that two readers could
// understand in two ways is refused.

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string_view>

#include "object/errors.hpp"

namespace sealpost::object {

// The largest integer that every JSON reader holds exactly: 2^53-1.
inline constexpr std::int64_t safe_integer_max = 9'007'199'254'740'991;

struct ParseLimits {
  std::size_t depth_max = 32;                     // nested arrays and objects; a bare scalar has depth 0
  std::size_t bytes_max = std::size_t{64} << 20;  // of the text as given, and of its canonical form
};

// What a client sends: shallower, so that the server can wrap it.
inline constexpr std::size_t client_depth_max = 24;
inline ParseLimits client_limits(std::size_t bytes_max) {
  return {client_depth_max, bytes_max};
}

// A number with an exponent of 2^31 and more is refused as beyond a double, whatever its sign.
// A whole number in the safe range comes back as std::int64_t however it was written (1, 1.0, 1e0, -0), every other
// number as a double, correctly rounded. The value lives in `storage`, which may be a monotonic resource.
Result<boost::json::value> parse_json(std::string_view text, boost::json::storage_ptr storage = {},
                                      const ParseLimits& = {});

}  // namespace sealpost::object
