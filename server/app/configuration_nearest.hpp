#pragma once
// What the operator probably meant by a name that is not known, and the names of environment variables.

#include <map>
#include <optional>
#include <string>

#include "app/configuration_table.hpp"

namespace sealpost::app {

// Insertions, deletions and substitutions from one to the other (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b);

// Whole sentences.
std::string unknown_section(std::string_view name);
std::string unknown_key(const Section&, std::string_view name);

// "SEALPOST_LIMITS_WINDOW", or "SEALPOST_LISTENER_<NAME>_PORT" where `table` is "LISTENER_<NAME>".
std::string variable_of(std::string_view table, const Key&);

struct Variable {
  const Key* key;
  std::string table;  // "limits", "listener[0]"
  std::size_t listener;
};
using Variables = std::map<std::string, Variable>;
Variables variables_of(const Configuration&);

// For a variable that is not known: the nearest one, if it seems to be meant for us; none if it is something else that
// happens to begin like ours.
std::optional<std::string> variable_meant(std::string_view name, const Variables&);

}  // namespace sealpost::app
