// The configuration as text: in force, as a sample, and as a page of the manual.

#include <fmt/format.h>

#include "app/configuration_check.hpp"
#include "app/configuration_nearest.hpp"
#include "app/configuration_table.hpp"

namespace sealpost::app {
namespace {

constexpr std::size_t width = 110;  // of comment lines

using Services = TextList;

std::string header_of(const Section& section) {
  const std::string name(section.name);
  return section.repeated ? "[[" + name + "]]" : "[" + name + "]";
}

std::string commented(std::string_view sentence) {
  std::string out = "#";
  std::size_t column = 1;
  while (!sentence.empty()) {
    const auto space = std::min(sentence.find(' '), sentence.size());
    if (column + 1 + space > width) {
      out += "\n#";
      column = 1;
    }
    out.append(" ").append(sentence.substr(0, space));
    column += 1 + space;
    sentence.remove_prefix(std::min(space + 1, sentence.size()));
  }
  return out + "\n";
}

Configuration with_defaults() {
  Configuration configuration;
  configuration.listeners.emplace_back();
  return configuration;
}

Value default_of(const Key& key) {
  Configuration defaults = with_defaults();
  return value_of(key, defaults, 0);
}

// None where the operator has to choose: no text, or -1 for a port.
bool has_default(const Key& key) {
  const Value value = default_of(key);
  return value != Value(std::string()) && value != Value(TextList()) && value != Value(std::int64_t{-1});
}

std::string default_text(const Key& key) {
  return has_default(key) ? toml_of(default_of(key)) : "none";
}

std::string print_section(const Section& section, Configuration& configuration, std::size_t listener) {
  std::string out = header_of(section) + "\n";
  for (const Key& key : section.keys) {
    if (section.repeated && !applies(key.name, configuration.listeners[listener].kind)) continue;
    out += fmt::format("{} = {}\n", key.name, toml_of(value_of(key, configuration, listener)));
  }
  return out + "\n";
}

Listener listener_of(std::string_view name, ListenerKind kind, Services serves) {
  Listener listener;
  listener.name = name;
  listener.kind = kind;
  listener.serves = std::move(serves);
  return listener;
}

Listener public_tls(std::string_view name, ListenerKind kind, Services serves, std::int64_t port) {
  Listener listener = listener_of(name, kind, std::move(serves));
  listener.address = "0.0.0.0";
  listener.port = port;
  listener.certificate = "/etc/sealpost/tls/fullchain.pem";
  listener.private_key = "/etc/sealpost/tls/privkey.pem";
  return listener;
}

// What the sample shows: a server for the internet.
Configuration sample() {
  Listener bots = listener_of("bots", ListenerKind::unix_http, {});
  bots.path = "/run/sealpost/bots.sock";
  bots.socket_access = SocketAccess::group;
  Listener health = listener_of("health", ListenerKind::http, {"health"});
  health.port = 9090;
  Configuration it;
  it.server.endpoints = {"mqtts://chat.example.org:8883", "wss://chat.example.org:8443"};
  it.listeners = {public_tls("mqtts", ListenerKind::mqtts, {}, 8883),
                  public_tls("wss", ListenerKind::wss, {"mqtt", "api"}, 8443), bots, health};
  return it;
}

std::string sample_key(const Key& key, Configuration& configuration, std::size_t listener) {
  const Value value = value_of(key, configuration, listener);
  std::string facts = allowed(key);
  if (!key.unit.empty()) facts += fmt::format(" ({})", key.unit);
  facts += fmt::format("; default: {}", default_text(key));
  if (key.takes == Takes::reload) facts += "; taken up on SIGHUP";
  const bool as_default = value == default_of(key);
  return fmt::format("\n{}{}{}{} = {}\n", commented(key.sentence), commented(facts), as_default ? "#" : "", key.name,
                     toml_of(value));
}

std::string sample_section(const Section& section, Configuration& configuration) {
  std::string out = fmt::format("\n{}{}\n", commented(section.sentence), header_of(section));
  for (const Key& key : section.keys) out += sample_key(key, configuration, 0);
  return out;
}

std::string further_listener(const Section& section, Configuration& configuration, std::size_t listener) {
  std::string out = "\n" + header_of(section) + "\n";
  for (const Key& key : section.keys) {
    const Value value = value_of(key, configuration, listener);
    if (value != default_of(key)) out += fmt::format("{} = {}\n", key.name, toml_of(value));
  }
  return out;
}

// In a Markdown table a bar would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string reference_section(const Section& section) {
  std::string out = fmt::format("\n## `{}`\n\n{}\n\n| key | what it is | allowed | default |\n|---|---|---|---|\n",
                                header_of(section), section.sentence);
  for (const Key& key : section.keys) {
    const std::string unit = key.unit.empty() ? "" : fmt::format(" ({})", key.unit);
    const std::string reload = key.takes == Takes::reload ? " Taken up on SIGHUP." : "";
    const std::string usual = has_default(key) ? fmt::format("`{}`", default_text(key)) : "";
    out += fmt::format("| `{}` | {}{} | {}{} | {} |\n", key.name, cell(key.sentence), reload, cell(allowed(key)), unit,
                       usual);
  }
  return out;
}

}  // namespace

std::string print_configuration(const Configuration& given) {
  Configuration configuration = given;
  std::string out;
  for (const Section& section : sections())
    for (std::size_t i = 0; i < (section.repeated ? configuration.listeners.size() : 1); ++i)
      out += print_section(section, configuration, i);
  out.pop_back();
  return out;
}

std::string sample_configuration() {
  Configuration configuration = sample();
  std::string out =
      "# Sealpost's configuration: every key. What is commented out shows its default.\n"
      "#\n"
      "# Each key can be set from the environment instead, which wins: SEALPOST_<SECTION>_<KEY>, such as\n"
      "# SEALPOST_LIMITS_WINDOW=8, and SEALPOST_LISTENER_<NAME>_<KEY>, such as SEALPOST_LISTENER_MQTTS_PORT=18883\n"
      "# (a - in a name becomes _). A list is written with commas.\n"
      "#\n"
      "# sealpostd --config FILE --check-config tells what is wrong; --print-config shows what is in force.\n";
  for (const Section& section : sections()) {
    out += sample_section(section, configuration);
    for (std::size_t i = 1; section.repeated && i < configuration.listeners.size(); ++i)
      out += further_listener(section, configuration, i);
  }
  return out;
}

std::string configuration_reference() {
  std::string out =
      "# Configuration\n\n"
      "`sealpostd --config FILE` reads a TOML file; [config/sealpost.toml](../config/sealpost.toml) is one with every "
      "key\nexplained. `--check-config` tells what is wrong with a file, by file and line, and `--print-config` shows "
      "every value in\nforce.\n\n"
      "Each key can be set from the environment instead, which wins: `SEALPOST_<SECTION>_<KEY>`, such as\n"
      "`SEALPOST_LIMITS_WINDOW=8`, and `SEALPOST_LISTENER_<NAME>_<KEY>`, such as `SEALPOST_LISTENER_MQTTS_PORT=18883` "
      "(a `-` in\na name becomes `_`). A list is written with commas. An empty default means that nothing is set.\n\n"
      "On SIGHUP the server reads the file and the certificates again. It takes up the keys marked so, and says which\n"
      "other changes wait for a restart.\n\n"
      "What the listeners' `access`, `[mqtt]` and `[app]` are about is told in [mqtt.md](mqtt.md).\n\n"
      "This page and the sample are made from the table in `server/app/configuration_table.cpp`.\n";
  for (const Section& section : sections()) out += reference_section(section);
  return out;
}

}  // namespace sealpost::app
