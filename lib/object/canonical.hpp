#pragma once
// Canonical JSON (RFC 8785): one text for one value. The values are I-JSON, as parse_json makes them: strings are
// UTF-8, doubles finite, integers within +-(2^53-1). Numbers outside of that are a broken invariant.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace sealpost::object {

std::string canonicalize(const boost::json::value&);
void append_canonical(std::string& out, const boost::json::value&);

// The order of members: by UTF-16 code units (RFC 8785, section 3.2.3). Both texts are UTF-8.
bool utf16_less(std::string_view a, std::string_view b);

void append_string(std::string& out, std::string_view text);  // quoted and escaped (section 3.2.2.2)
void append_number(std::string& out, double);                 // as ECMAScript writes it (section 3.2.2.3)
void append_integer(std::string& out, std::int64_t);

}  // namespace sealpost::object
