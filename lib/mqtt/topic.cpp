#include "mqtt/topic.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sealpost::mqtt {

namespace {

// How many of the first bytes are ASCII other than U+0000, a word at a time: most texts are that throughout.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if (((word - ones) | word) & tops) break;
  }
  while (at < text.size() && static_cast<std::uint8_t>(text[at] - 1) < 0x7F) ++at;
  return at;
}

// The length of the well-formed sequence that `text` begins with (Unicode, table 3-7), beyond ASCII; 0 if none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0u;
  };
  const auto tail = [&](std::size_t at) { return (byte(at) & 0xC0) == 0x80; };
  const unsigned lead = byte(0), second = byte(1);
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return second >= low && second <= high && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// Takes the first level off `topic`, which becomes the rest; `last` if there is no rest.
std::string_view take_level(std::string_view& topic, bool& last) {
  const auto slash = topic.find('/');
  last = slash == std::string_view::npos;
  const auto level = topic.substr(0, slash);
  topic = last ? std::string_view{} : topic.substr(slash + 1);
  return level;
}

constexpr std::string_view share_prefix = "$share/";

// [MQTT-4.7.1-1] and [MQTT-4.7.1-2]: a wildcard stands alone in its level, '#' in the last one only.
bool valid_levels(std::string_view filter) {
  for (bool last = false; !last;) {
    const auto level = take_level(filter, last);
    if (has_wildcard(level) && level != "+" && !(level == "#" && last)) return false;
  }
  return true;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  for (;;) {
    text.remove_prefix(plain_prefix(text));
    if (text.empty()) return true;
    const auto length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
}

bool has_wildcard(std::string_view filter) {
  return filter.find('+') != std::string_view::npos || filter.find('#') != std::string_view::npos;
}

bool valid_topic_name(std::string_view topic) {
  return !topic.empty() && !has_wildcard(topic);
}

bool valid_topic_filter(std::string_view filter) {
  if (!filter.starts_with(share_prefix)) return !filter.empty() && valid_levels(filter);
  // [MQTT-4.8.2-1] and [MQTT-4.8.2-2]: a share name without wildcards, then a filter of its own.
  const auto shared = shared_filter(filter);
  return shared && !shared->share_name.empty() && !has_wildcard(shared->share_name) && !shared->filter.empty() &&
         valid_levels(shared->filter);
}

std::size_t level_count(std::string_view topic) {
  return 1 + static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/'));
}

bool matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  bool filter_last = false, topic_last = false;
  for (;;) {
    const auto wanted = take_level(filter, filter_last);
    if (wanted == "#") return true;
    const auto level = take_level(topic, topic_last);
    if (wanted != "+" && wanted != level) return false;
    if (topic_last) return filter_last || filter == "#";
    if (filter_last) return false;
  }
}

std::optional<SharedFilter> shared_filter(std::string_view filter) {
  if (!filter.starts_with(share_prefix)) return std::nullopt;
  filter.remove_prefix(share_prefix.size());
  const auto slash = filter.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  return SharedFilter{filter.substr(0, slash), filter.substr(slash + 1)};
}

}  // namespace sealpost::mqtt
