// From TOML and the environment to a configuration, with every problem named by its place.

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include "app/configuration_check.hpp"
#include "app/configuration_nearest.hpp"
#include "app/configuration_table.hpp"

namespace sealpost::app {
namespace {

constexpr std::string_view prefix = "SEALPOST_";

std::optional<Value> list_of(const toml::array& array) {
  TextList texts;
  for (const toml::node& each : array) {
    const auto* text = each.as_string();
    if (text == nullptr) return std::nullopt;
    texts.push_back(text->get());
  }
  return Value(std::move(texts));
}

std::optional<Value> value_of_node(const toml::node& node) {
  if (const auto* number = node.as_integer()) return Value(number->get());
  if (const auto* flag = node.as_boolean()) return Value(flag->get());
  if (const auto* text = node.as_string()) return Value(text->get());
  if (const auto* array = node.as_array()) return list_of(*array);
  return std::nullopt;
}

class Reading {
 public:
  Reading(std::string_view file, const Environment& environment) : file_(file), environment_(environment) {}

  boost::system::result<Configuration, Problems> of(std::string_view text) {
    read_file(text);
    read_environment();
    if (problems_.sentences.empty())
      complete_and_check(configuration_, [this](const std::string& path, const std::string& sentence) {
        complain(place_of(path), sentence);
      });
    if (!problems_.sentences.empty()) return std::move(problems_);
    return std::move(configuration_);
  }

 private:
  void complain(const std::string& place, const std::string& sentence) {
    problems_.sentences.push_back(fmt::format("{}: {}", place, sentence));
  }

  std::string place(const toml::source_region& source) const { return fmt::format("{}:{}", file_, source.begin.line); }

  // Where a key was set; else where its table begins; else the file.
  std::string place_of(const std::string& path) const {
    if (const auto found = places_.find(path); found != places_.end()) return found->second;
    const auto table = places_.find(path.substr(0, path.rfind('.')));
    return table == places_.end() ? file_ : table->second;
  }

  void read_file(std::string_view text) {
    try {
      const toml::table parsed = toml::parse(text, file_);
      for (const auto& [name, node] : parsed) read_section(name.str(), name.source(), node);
    } catch (const toml::parse_error& error) {
      complain(place(error.source()), fmt::format("not TOML: {}", error.description()));
    }
  }

  void read_section(std::string_view name, const toml::source_region& source, const toml::node& node) {
    const Section* section = section_named(name);
    if (section == nullptr) return complain(place(source), unknown_section(name));
    if (section->repeated) return read_listeners(*section, source, node);
    const toml::table* table = node.as_table();
    if (table == nullptr) return complain(place(source), fmt::format("{0} must be a table: [{0}]", name));
    read_table(*section, std::string(name), *table, 0);
  }

  void read_listeners(const Section& section, const toml::source_region& source, const toml::node& node) {
    const toml::array* array = node.as_array();
    const bool tables = array != nullptr && std::all_of(array->begin(), array->end(),
                                                        [](const toml::node& each) { return each.is_table(); });
    if (!tables) return complain(place(source), "listener must be an array of tables: [[listener]]");
    for (const toml::node& each : *array) {
      const std::size_t index = configuration_.listeners.size();
      configuration_.listeners.emplace_back();
      read_table(section, fmt::format("listener[{}]", index), *each.as_table(), index);
    }
  }

  void read_table(const Section& section, const std::string& path, const toml::table& table, std::size_t listener) {
    places_[path] = place(table.source());
    for (const auto& [name, node] : table) {
      const Key* key = key_named(section, name.str());
      if (key == nullptr)
        complain(place(name.source()), unknown_key(section, name.str()));
      else
        set(*key, path, place(name.source()), listener, value_of_node(node));
    }
  }

  void set(const Key& key, const std::string& table, const std::string& place, std::size_t listener,
           const std::optional<Value>& value) {
    places_[fmt::format("{}.{}", table, key.name)] = place;
    if (value && assign(key, configuration_, listener, *value)) return;
    complain(place, fmt::format("{} must be {}{}", key.name, allowed(key), value ? ", not " + toml_of(*value) : ""));
  }

  void read_environment() {
    const Variables known = variables_of(configuration_);
    for (const auto& [name, text] : environment_) {
      if (!name.starts_with(prefix) || name == configuration_.keys.passphrase_variable) continue;
      if (const auto found = known.find(name); found != known.end())
        set(*found->second.key, found->second.table, name, found->second.listener,
            value_from_text(*found->second.key, text));
      else if (const auto nearest = variable_meant(name, known))
        complain(name, fmt::format("no such key; the nearest is {}", *nearest));
    }
  }

  const std::string file_;
  const Environment& environment_;
  Configuration configuration_;
  std::map<std::string, std::string> places_;  // "limits.window" -> "sealpost.toml:12"
  Problems problems_;
};

}  // namespace

boost::system::result<Configuration, Problems> read_configuration(std::string_view text, std::string_view file,
                                                                  const Environment& environment) {
  return Reading(file, environment).of(text);
}

boost::system::result<Configuration, Problems> load_configuration(const std::filesystem::path& path,
                                                                  const Environment& environment) {
  std::error_code error;
  std::ifstream in;
  if (std::filesystem::is_regular_file(path, error)) in.open(path, std::ios::binary);
  if (!in.is_open())
    return Problems{{fmt::format("{}: cannot be read; check the path and its permissions", path.string())}};
  const std::string text(std::istreambuf_iterator<char>(in), {});
  return read_configuration(text, path.string(), environment);
}

}  // namespace sealpost::app
