#include "app/listening.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace sealpost::app {
namespace {

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string_view name_of(ListenerKind kind) {
  switch (kind) {
    case ListenerKind::mqtt:
      return "mqtt";
    case ListenerKind::mqtts:
      return "mqtts";
    case ListenerKind::ws:
      return "ws";
    case ListenerKind::wss:
      return "wss";
    case ListenerKind::http:
      return "http";
    case ListenerKind::https:
      return "https";
    case ListenerKind::unix_mqtt:
      return "unix-mqtt";
    case ListenerKind::unix_http:
      return "unix-http";
  }
  return "";
}

}  // namespace

std::vector<std::string> addresses_of(const Configuration& configuration,
                                      const std::vector<std::unique_ptr<net::Listener>>& listeners) {
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const Listener& listener = configuration.listeners[i];
    if (is_unix(listener.kind))
      addresses.push_back(
          fmt::format("{}:{}", name_of(listener.kind), configuration.in_data_dir(listener.path).string()));
    else
      addresses.push_back(
          fmt::format("{}://{}:{}", name_of(listener.kind), bracketed(listener.address), listeners[i]->port()));
  }
  return addresses;
}

void write_listening(const Configuration& configuration, const std::vector<std::unique_ptr<net::Listener>>& listeners) {
  boost::json::array entries;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const Listener& listener = configuration.listeners[i];
    boost::json::object entry{{"name", listener.name}, {"kind", name_of(listener.kind)}};
    if (is_unix(listener.kind)) {
      entry["path"] = configuration.in_data_dir(listener.path).string();
    } else {
      entry["address"] = listener.address;
      entry["port"] = listeners[i]->port();
    }
    entries.push_back(std::move(entry));
  }
  const auto path = configuration.in_data_dir("listening.json");
  const std::filesystem::path draft = path.string() + ".new";
  std::ofstream file(draft, std::ios::binary | std::ios::trunc);
  file << boost::json::serialize(boost::json::object{{"listeners", std::move(entries)}}) << '\n';
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(draft, path, error);
  if (!file || error) throw std::runtime_error(path.string() + ": cannot write it; is there room, and may we?");
}

}  // namespace sealpost::app
