#include "app/configuration_nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace sealpost::app {
namespace {

template <class Names>
std::string nearest_of(std::string_view name, const Names& names) {
  return std::string(
      *std::ranges::min_element(names, {}, [&](std::string_view candidate) { return edit_distance(name, candidate); }));
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

void add_variables(const Section& section, const std::string& name, const std::string& table, std::size_t listener,
                   Variables& variables) {
  for (const Key& key : section.keys) variables.emplace(variable_of(name, key), Variable{&key, table, listener});
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string unknown_section(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Section& section : sections()) names.push_back(section.name);
  const std::string nearest = nearest_of(name, names);
  const bool repeated = section_named(nearest)->repeated;
  return fmt::format("unknown section \"{}\"; the nearest is {}", name,
                     repeated ? "[[" + nearest + "]]" : "[" + nearest + "]");
}

std::string unknown_key(const Section& section, std::string_view name) {
  for (const Section& other : sections())
    if (key_named(other, name) != nullptr)
      return fmt::format("unknown key \"{}\" in [{}]; there is one of that name in [{}]", name, section.name,
                         other.name);
  std::vector<std::string_view> names;
  for (const Key& key : section.keys) names.push_back(key.name);
  return fmt::format("unknown key \"{}\" in [{}]; the nearest is \"{}\"", name, section.name, nearest_of(name, names));
}

std::string variable_of(std::string_view table, const Key& key) {
  return fmt::format("SEALPOST_{}_{}", upper(table), upper(key.name));
}

Variables variables_of(const Configuration& configuration) {
  Variables variables;
  for (const Section& section : sections())
    if (!section.repeated) add_variables(section, std::string(section.name), std::string(section.name), 0, variables);
  const Section& listener = *section_named("listener");
  for (std::size_t i = 0; i < configuration.listeners.size(); ++i)
    add_variables(listener, "listener-" + configuration.listeners[i].name, fmt::format("listener[{}]", i), i,
                  variables);
  return variables;
}

std::optional<std::string> variable_meant(std::string_view name, const Variables& known) {
  constexpr std::size_t slip = 3;  // edits that a slip of the fingers takes
  std::vector<std::string_view> names;
  for (const auto& [each, variable] : known) names.push_back(each);
  std::string nearest = nearest_of(name, names);
  const bool in_a_section = std::ranges::any_of(sections(), [&](const Section& section) {
    return name.starts_with(fmt::format("SEALPOST_{}_", upper(section.name)));
  });
  if (in_a_section || edit_distance(name, nearest) <= slip) return nearest;
  return std::nullopt;
}

}  // namespace sealpost::app
