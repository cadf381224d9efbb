#pragma once
// The one table of configuration keys, and what can be done with a key: set it, print it, tell what it may be.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/configuration.hpp"

namespace sealpost::app {

using TextList = std::vector<std::string>;
using Value = std::variant<std::int64_t, bool, std::string, TextList>;

// A place in the configuration; `listener` says in which of the listeners, where the key is one of theirs.
template <class T>
using Field = T& (*)(Configuration&, std::size_t listener);

// What a text may be, in words, and whether one is.
struct Form {
  std::string_view words;
  bool (*fits)(std::string_view);
};

struct Integer {
  Field<std::int64_t> field;
  std::int64_t least, most;
};
struct Flag {
  Field<bool> field;
};
struct Text {
  Field<std::string> field;
  const Form* form;
};
struct List {
  Field<TextList> field;
  const Form* form;  // of each
};
struct Choice {
  std::span<const std::string_view> names;  // in the order of the enumerators
  int (*get)(Configuration&, std::size_t);
  void (*set)(Configuration&, std::size_t, int);
};
using Shape = std::variant<Integer, Flag, Text, List, Choice>;

enum class Takes { restart, reload };

struct Key {
  std::string_view name;
  std::string_view unit;  // "bytes"; empty: none
  Takes takes;            // whether a running server takes up a change (SIGHUP)
  Shape shape;
  std::string_view sentence;
};

struct Section {
  std::string_view name;
  bool repeated;  // [[listener]]
  std::string_view sentence;
  std::span<const Key> keys;
};

std::span<const Section> sections();
const Section* section_named(std::string_view);
const Key* key_named(const Section&, std::string_view);

std::string_view type_of(const Key&);  // "integer", "list of texts"
std::string allowed(const Key&);       // "an integer from 1 to 16"
Value value_of(const Key&, Configuration&, std::size_t listener);
bool assign(const Key&, Configuration&, std::size_t listener, const Value&);  // false: not allowed
std::string toml_of(const Value&);
// A value of the key's type from an environment variable; a list is separated by commas.
std::optional<Value> value_from_text(const Key&, std::string_view);

// Whether `text` is scheme://host:port with a scheme of ours, a lower-case host and a port from 1 to 65535.
bool is_endpoint(std::string_view text);

}  // namespace sealpost::app
