// Setting and printing the value of a key.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/configuration_table.hpp"

namespace sealpost::app {
namespace {

template <class... Each>
struct Overloaded : Each... {
  using Each::operator()...;
};
template <class... Each>
Overloaded(Each...) -> Overloaded<Each...>;

std::string joined(std::span<const std::string_view> names) {
  return fmt::format("{}", fmt::join(names.begin(), names.end(), ", "));
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::optional<std::int64_t> integer_from(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

TextList split(std::string_view text) {
  TextList parts;
  while (!trimmed(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    parts.emplace_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

bool all_fit(const Form& form, const TextList& texts) {
  return std::ranges::all_of(texts, [&](const std::string& text) { return form.fits(text); });
}

}  // namespace

const Section* section_named(std::string_view name) {
  const auto found = std::ranges::find(sections(), name, &Section::name);
  return found == sections().end() ? nullptr : &*found;
}

const Key* key_named(const Section& section, std::string_view name) {
  const auto found = std::ranges::find(section.keys, name, &Key::name);
  return found == section.keys.end() ? nullptr : &*found;
}

std::string_view type_of(const Key& key) {
  return std::visit(Overloaded{[](const Integer&) { return "integer"; }, [](const Flag&) { return "boolean"; },
                               [](const Text&) { return "text"; }, [](const List&) { return "list of texts"; },
                               [](const Choice&) { return "one of"; }},
                    key.shape);
}

std::string allowed(const Key& key) {
  return std::visit(
      Overloaded{[](const Integer& it) { return fmt::format("an integer from {} to {}", it.least, it.most); },
                 [](const Flag&) { return std::string("true or false"); },
                 [](const Text& it) { return std::string(it.form->words); },
                 [](const List& it) { return fmt::format("a list of texts, each {}", it.form->words); },
                 [](const Choice& it) { return "one of " + joined(it.names); }},
      key.shape);
}

Value value_of(const Key& key, Configuration& configuration, std::size_t listener) {
  return std::visit(Overloaded{[&](const Choice& it) {
                                 return Value(std::string(it.names[std::size_t(it.get(configuration, listener))]));
                               },
                               [&](const auto& it) { return Value(it.field(configuration, listener)); }},
                    key.shape);
}

bool assign(const Key& key, Configuration& configuration, std::size_t listener, const Value& value) {
  return std::visit(Overloaded{[&](const Integer& it, std::int64_t number) {
                                 if (number < it.least || number > it.most) return false;
                                 it.field(configuration, listener) = number;
                                 return true;
                               },
                               [&](const Flag& it, bool flag) {
                                 it.field(configuration, listener) = flag;
                                 return true;
                               },
                               [&](const Text& it, const std::string& text) {
                                 if (!it.form->fits(text)) return false;
                                 it.field(configuration, listener) = text;
                                 return true;
                               },
                               [&](const List& it, const TextList& texts) {
                                 if (!all_fit(*it.form, texts)) return false;
                                 it.field(configuration, listener) = texts;
                                 return true;
                               },
                               [&](const Choice& it, const std::string& name) {
                                 const auto found = std::ranges::find(it.names, name);
                                 if (found == it.names.end()) return false;
                                 it.set(configuration, listener, static_cast<int>(found - it.names.begin()));
                                 return true;
                               },
                               [](const auto&, const auto&) { return false; }},
                    key.shape, value);
}

std::string toml_of(const Value& value) {
  return std::visit(Overloaded{[](std::int64_t number) { return fmt::format("{}", number); },
                               [](bool flag) { return std::string(flag ? "true" : "false"); },
                               [](const std::string& text) { return in_quotes(text); },
                               [](const TextList& texts) {
                                 std::vector<std::string> each;
                                 for (const auto& text : texts) each.push_back(in_quotes(text));
                                 return fmt::format("[{}]", fmt::join(each, ", "));
                               }},
                    value);
}

std::optional<Value> value_from_text(const Key& key, std::string_view text) {
  if (std::holds_alternative<Integer>(key.shape)) {
    const auto number = integer_from(text);
    return number ? std::optional<Value>(*number) : std::nullopt;
  }
  if (std::holds_alternative<Flag>(key.shape)) {
    if (text != "true" && text != "false") return std::nullopt;
    return Value(text == "true");
  }
  if (std::holds_alternative<List>(key.shape)) return Value(split(text));
  return Value(std::string(text));
}

}  // namespace sealpost::app
