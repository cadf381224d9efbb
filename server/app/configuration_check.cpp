#include "app/configuration_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/configuration_table.hpp"

namespace sealpost::app {
namespace {

using Services = std::vector<std::string>;

bool is_websocket(ListenerKind kind) {
  return kind == ListenerKind::ws || kind == ListenerKind::wss;
}

Services usual_services(ListenerKind kind) {
  const bool web = speaks_http(kind) && !is_websocket(kind);
  return {web ? "api" : "mqtt"};
}

std::string path_of(std::size_t listener, std::string_view key = {}) {
  return fmt::format("listener[{}]{}{}", listener, key.empty() ? "" : ".", key);
}

std::string kind_name(const Configuration& configuration, std::size_t listener) {
  Configuration copy = configuration;
  return std::get<std::string>(value_of(*key_named(*section_named("listener"), "kind"), copy, listener));
}

// A key that is set where it means nothing would be ignored: say so instead.
void check_idle_keys(const Configuration& given, std::size_t i, const Report& report) {
  Configuration configuration = given;
  Configuration untouched;
  untouched.listeners.emplace_back();
  for (const Key& key : section_named("listener")->keys) {
    if (applies(key.name, configuration.listeners[i].kind)) continue;
    if (value_of(key, configuration, i) == value_of(key, untouched, 0)) continue;
    report(path_of(i, key.name), fmt::format("{} means nothing for a listener of kind \"{}\"; remove it", key.name,
                                             kind_name(configuration, i)));
  }
}

void check_place(const Configuration& configuration, std::size_t i, const Report& report) {
  const Listener& listener = configuration.listeners[i];
  const auto needs = [&](std::string_view key) {
    report(path_of(i), fmt::format("a listener of kind \"{}\" needs {}", kind_name(configuration, i), key));
  };
  if (is_unix(listener.kind) && listener.path.empty()) needs("path");
  if (!is_unix(listener.kind) && listener.port < 0) needs("port");
  if (ends_tls(listener.kind) && listener.certificate.empty()) needs("certificate");
  if (ends_tls(listener.kind) && listener.private_key.empty()) needs("private_key");
}

void check_client_certificates(const Listener& listener, std::size_t i, const Report& report) {
  const bool asked = listener.client_certificates != CertificateDemand::none;
  if (!ends_tls(listener.kind) || asked != listener.client_ca.empty()) return;
  if (asked) return report(path_of(i, "client_certificates"), "client_certificates needs client_ca, to check them by");
  report(path_of(i, "client_ca"), "client_ca means nothing while client_certificates is \"none\"");
}

void check_services(const Listener& listener, std::size_t i, const Report& report) {
  const std::set<std::string> given(listener.serves.begin(), listener.serves.end());
  const bool repeated = given.size() != listener.serves.size();
  const bool health_beside = given.contains("health") && given.size() > 1;
  const bool raw_mqtt = !speaks_http(listener.kind);
  const bool fits = raw_mqtt                      ? given == std::set<std::string>{"mqtt"}
                    : is_websocket(listener.kind) ? given.contains("mqtt")
                                                  : !given.contains("mqtt");
  if (repeated) report(path_of(i, "serves"), "serves names something twice");
  if (health_beside) report(path_of(i, "serves"), "health stands alone: give it a listener of its own");
  if (!fits)
    report(path_of(i, "serves"),
           "mqtt, mqtts and unix-mqtt serve mqtt; ws and wss serve mqtt and perhaps api; http, https and unix-http "
           "serve api or health");
}

void check_name(const Configuration& configuration, std::size_t i, const Report& report) {
  const auto& listeners = configuration.listeners;
  const std::string& name = listeners[i].name;
  if (name.empty()) return report(path_of(i), "a listener needs a name");
  const auto before = listeners.begin() + static_cast<std::ptrdiff_t>(i);
  if (std::find_if(listeners.begin(), before, [&](const Listener& other) { return other.name == name; }) != before)
    report(path_of(i, "name"), fmt::format("another listener is named \"{}\" already", name));
}

bool same_place(const Listener& a, const Listener& b) {
  if (is_unix(a.kind) || is_unix(b.kind)) return is_unix(a.kind) && is_unix(b.kind) && a.path == b.path;
  return a.port > 0 && a.port == b.port && a.address == b.address;
}

void check_alone(const Configuration& configuration, std::size_t i, const Report& report) {
  for (std::size_t other = 0; other < i; ++other)
    if (same_place(configuration.listeners[other], configuration.listeners[i]))
      report(path_of(i), fmt::format("the listener \"{}\" listens there already", configuration.listeners[other].name));
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

// Open access is for this machine, unless the operator says otherwise in so many words.
void check_access(const Listener& listener, std::size_t i, const Report& report) {
  const bool open = listener.access == ListenerAccess::open;
  const bool reached = !is_unix(listener.kind) && !is_loopback(listener.address);
  if (open && reached && !listener.open_to_other_machines)
    report(path_of(i, "access"),
           fmt::format("access = \"open\" on {} lets whoever reaches it read and write all ordinary topics: listen on "
                       "127.0.0.1 or ::1, or say open_to_other_machines = true",
                       listener.address));
  if (open && !reached && !listener.proxy_from.empty() && !listener.open_to_other_machines)
    report(path_of(i, "access"),
           "access = \"open\" behind a proxy lets in whoever reaches the proxy: take proxy_from away, or say "
           "open_to_other_machines = true");
  if (!open && listener.open_to_other_machines)
    report(path_of(i, "open_to_other_machines"),
           "open_to_other_machines means nothing without access = \"open\"; remove it");
}

void check_listeners(const Configuration& configuration, const Report& report) {
  if (configuration.listeners.empty()) report("listener", "there must be at least one [[listener]]");
  for (std::size_t i = 0; i < configuration.listeners.size(); ++i) {
    check_name(configuration, i, report);
    check_place(configuration, i, report);
    check_client_certificates(configuration.listeners[i], i, report);
    check_idle_keys(configuration, i, report);
    check_services(configuration.listeners[i], i, report);
    check_access(configuration.listeners[i], i, report);
    check_alone(configuration, i, report);
  }
}

// Whether clients prove their identities there, over MQTT or REST.
bool takes_identities(const Listener& listener) {
  return (listener.serves_what("mqtt") && listener.access == ListenerAccess::proven) || listener.serves_what("api");
}

bool serves_anywhere(const Configuration& configuration, std::string_view what) {
  return std::ranges::any_of(configuration.listeners, [&](const Listener& each) { return each.serves_what(what); });
}

void check_sections(const Configuration& configuration, const Report& report) {
  const auto& [server, listeners, limits, mqtt, app, registration, bot, log, keys, api, logging] = configuration;
  if (server.endpoints.empty() && std::ranges::any_of(listeners, takes_identities))
    report("server.endpoints",
           "endpoints must name at least one address that clients dial, such as "
           "\"mqtts://chat.example.org:8883\"");
  if (limits.max_unproven_connections > limits.max_connections)
    report("limits.max_unproven_connections", "max_unproven_connections must not be above max_connections");
  if (registration.policy == RegistrationPolicy::invite && registration.invites.empty())
    report("registration.policy", "policy \"invite\" needs at least one code in invites");
  if (registration.policy == RegistrationPolicy::listed && registration.listed.empty())
    report("registration.policy", "policy \"listed\" needs at least one permalink in listed");
  if (bot.retry_delay_ms_min > bot.retry_delay_ms_max)
    report("bot.retry_delay_ms_min", "retry_delay_ms_min must not be above retry_delay_ms_max");
  if (bot.kind == BotKind::rest && !serves_anywhere(configuration, "api"))
    report("bot.kind", "a bot of kind \"rest\" needs a listener that serves api");
}

}  // namespace

bool applies(std::string_view key, ListenerKind kind) {
  if (key == "address" || key == "port" || key == "proxy_from") return !is_unix(kind);
  if (key == "path" || key == "socket_access") return is_unix(kind);
  if (key == "access") return usual_services(kind) == Services{"mqtt"};
  if (key == "open_to_other_machines") return !is_unix(kind) && applies("access", kind);
  for (const std::string_view of_tls :
       {"certificate", "private_key", "self_signed", "allow_tls_1_2", "client_certificates", "client_ca"})
    if (key == of_tls) return ends_tls(kind);
  if (key == "origins") return is_websocket(kind);
  return true;
}

void complete_and_check(Configuration& configuration, const Report& report) {
  for (Listener& listener : configuration.listeners)
    if (listener.serves.empty()) listener.serves = usual_services(listener.kind);
  check_sections(configuration, report);
  check_listeners(configuration, report);
}

}  // namespace sealpost::app
