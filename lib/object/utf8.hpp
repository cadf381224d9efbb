#pragma once
// Why a text was refused: looked at only after the parser has refused it.

#include <string_view>

namespace sealpost::object {

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

// A \u escape of a surrogate without its other half beside it, anywhere in a JSON text.
bool has_lone_surrogate_escape(std::string_view text);

}  // namespace sealpost::object
