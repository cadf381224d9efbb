#pragma once
// Topic names and filters (5.0 section 4.7, shared ones 4.8.2).

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace sealpost::mqtt {

// For look-ups by string_view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Strict UTF-8 without U+0000 (5.0 section 1.5.4).
bool valid_utf8(std::string_view text);

// One byte or more, no wildcard; the text is valid UTF-8 already.
bool valid_topic_name(std::string_view topic);

// One byte or more, '+' alone in its level, '#' alone in the last one; with "$share/", a share name and a filter too.
bool valid_topic_filter(std::string_view filter);

bool has_wildcard(std::string_view filter);

// How many levels: one more than there are '/'.
std::size_t level_count(std::string_view topic);

// Whether a filter (not a shared one: see `shared_filter`) matches a name: '+' one level, '#' the rest and the level
// before it; neither matches a first level that begins with '$' [MQTT-4.7.2-1]. Both are valid.
bool matches(std::string_view filter, std::string_view topic);

// The parts of "$share/<name>/<filter>"; none if the filter is an ordinary one.
struct SharedFilter {
  std::string_view share_name;
  std::string_view filter;
};
std::optional<SharedFilter> shared_filter(std::string_view filter);

}  // namespace sealpost::mqtt
