#include "app/configuration.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/throw_exception.hpp>
#include <stdexcept>

#include "app/configuration_table.hpp"

namespace sealpost::app {

bool ends_tls(ListenerKind kind) {
  return kind == ListenerKind::mqtts || kind == ListenerKind::wss || kind == ListenerKind::https;
}

bool is_unix(ListenerKind kind) {
  return kind == ListenerKind::unix_mqtt || kind == ListenerKind::unix_http;
}

bool speaks_http(ListenerKind kind) {
  return kind != ListenerKind::mqtt && kind != ListenerKind::mqtts && kind != ListenerKind::unix_mqtt;
}

std::uint32_t mode_of(SocketAccess access) {
  switch (access) {
    case SocketAccess::owner:
      return 0600;
    case SocketAccess::group:
      return 0660;
    case SocketAccess::everyone:
      return 0666;
  }
  return 0600;
}

bool Listener::serves_what(std::string_view what) const {
  return std::ranges::find(serves, what) != serves.end();
}

std::filesystem::path Configuration::in_data_dir(std::string_view path) const {
  return std::filesystem::path(server.data_dir) / path;  // an absolute `path` replaces the left side
}

Environment environment_of_process() {
  Environment environment;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view entry = *each;
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos) environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return environment;
}

std::string Problems::text() const {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : "\n") + sentence;
  return text;
}

void throw_exception_from_error(const Problems& problems, const boost::source_location& location) {
  boost::throw_exception(std::runtime_error(problems.text()), location);
}

namespace {

void compare_key(const std::string& path, const Key& key, bool same, Changes& changes) {
  if (!same) (key.takes == Takes::reload ? changes.reloadable : changes.need_restart).push_back(path);
}

void compare_listeners(const Section& section, Configuration& before, Configuration& after, Changes& changes) {
  if (before.listeners.size() != after.listeners.size()) {
    changes.need_restart.emplace_back("listener");
    return;
  }
  for (std::size_t i = 0; i < before.listeners.size(); ++i)
    for (const Key& key : section.keys)
      compare_key("listener." + before.listeners[i].name + "." + std::string(key.name), key,
                  value_of(key, before, i) == value_of(key, after, i), changes);
}

}  // namespace

Changes changes_between(const Configuration& before, const Configuration& after) {
  Configuration old = before, current = after;
  Changes changes;
  for (const Section& section : sections()) {
    if (section.repeated) {
      compare_listeners(section, old, current, changes);
      continue;
    }
    for (const Key& key : section.keys)
      compare_key(std::string(section.name) + "." + std::string(key.name), key,
                  value_of(key, old, 0) == value_of(key, current, 0), changes);
  }
  return changes;
}

}  // namespace sealpost::app
