#include "broker/rules.hpp"

#include <algorithm>

#include "mqtt/topic.hpp"

namespace sealpost::broker {
namespace {

// The rule for one client. A name with a wildcard or a level of its own would widen it: then there is none.
std::string expanded(std::string_view rule, std::string_view client, std::string_view device) {
  std::string text;
  for (std::size_t at = 0; at < rule.size(); ++at) {
    if (rule[at] != '%') {
      text += rule[at];
      continue;
    }
    const std::string_view name = rule[++at] == 'c' ? client : device;
    if (name.find_first_of("+#/") != std::string_view::npos) return {};
    text += name;
  }
  return text;
}

std::vector<std::string> expanded(const std::vector<std::string>& rules, std::string_view client,
                                  std::string_view device) {
  std::vector<std::string> all;
  for (const std::string& rule : rules)
    if (std::string text = expanded(rule, client, device); !text.empty()) all.push_back(std::move(text));
  return all;
}

std::string_view take_level(std::string_view& rest, bool& last) {
  const auto slash = rest.find('/');
  last = slash == std::string_view::npos;
  const auto level = rest.substr(0, slash);
  rest = last ? std::string_view{} : rest.substr(slash + 1);
  return level;
}

}  // namespace

bool is_rule(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 2))
    if (at + 1 == text.size() || (text[at + 1] != 'c' && text[at + 1] != 'd')) return false;
  return text.starts_with("app/") && mqtt::valid_utf8(text) && mqtt::valid_topic_filter(text);
}

bool covers(std::string_view rule, std::string_view filter) {
  bool rule_last = false, filter_last = false;
  for (;;) {
    const auto allowed = take_level(rule, rule_last);
    if (allowed == "#") return true;
    const auto asked = take_level(filter, filter_last);
    if (asked == "#" || (allowed != "+" && allowed != asked)) return false;
    if (filter_last) return rule_last || rule == "#";  // "a/#" matches "a" too
    if (rule_last) return false;
  }
}

RuleAccess::RuleAccess(const Rules& rules, std::string_view client, std::string_view device)
    : publish_(expanded(rules.publish, client, device)), subscribe_(expanded(rules.subscribe, client, device)) {}

bool RuleAccess::may_publish(std::string_view topic) const {
  if (topic.starts_with(presence_prefix)) return false;
  return std::ranges::any_of(publish_, [&](const std::string& rule) { return mqtt::matches(rule, topic); });
}

bool RuleAccess::may_subscribe(std::string_view filter) const {
  return std::ranges::any_of(subscribe_, [&](const std::string& rule) { return covers(rule, filter); });
}

bool RuleAccess::may_receive(std::string_view topic) const {
  return std::ranges::any_of(subscribe_, [&](const std::string& rule) { return mqtt::matches(rule, topic); });
}

}  // namespace sealpost::broker
