#pragma once
// Text forms of bytes: lower-case hex, and base64url without padding (RFC 4648, section 5). Decoding is strict: one
// text for one value, so upper-case hex, padding, stray characters and set trailing bits are refused.

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace sealpost {

std::string to_hex(BytesView bytes);
void append_hex(std::string& text, BytesView bytes);
std::optional<Bytes> from_hex(std::string_view text);
// Decodes exactly out.size() bytes; false, with `out` unspecified, if the text is anything else.
bool from_hex(std::string_view text, std::span<std::uint8_t> out);

std::string to_base64url(BytesView bytes);
std::optional<Bytes> from_base64url(std::string_view text);
bool from_base64url(std::string_view text, std::span<std::uint8_t> out);

}  // namespace sealpost
