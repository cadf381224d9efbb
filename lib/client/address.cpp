#include "client/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <charconv>
#include <optional>

namespace sealpost::client {
namespace {

struct Known {
  std::string_view text;
  net::Scheme scheme;
  std::uint16_t port;
};
constexpr std::array known{Known{"mqtt", net::Scheme::mqtt, 1883}, Known{"mqtts", net::Scheme::mqtts, 8883},
                           Known{"ws", net::Scheme::ws, 80}, Known{"wss", net::Scheme::wss, 443}};

const Known* known_of(std::string_view text) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.text == text; });
  return found == known.end() ? nullptr : &*found;
}

const Known& known_of(net::Scheme scheme) {
  return *std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.scheme == scheme; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::optional<std::uint16_t> port_of(std::string_view digits, std::uint16_t otherwise) {
  if (digits.empty()) return otherwise;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<Address> local(std::string_view url) {
  constexpr std::string_view prefix = "unix:";
  if (!url.starts_with(prefix)) return std::nullopt;
  std::string_view path = url.substr(prefix.size());
  while (path.starts_with("//")) path.remove_prefix(1);  // one slash says as much
  return Address{net::Scheme::local, std::string(path), 0, {}};
}

}  // namespace

Result<Address> Address::parse(std::string_view url) {
  if (const auto unix_socket = local(url)) {
    const bool is_path = unix_socket->host.starts_with('/') && unix_socket->host.find('\0') == std::string::npos;
    if (!is_path) return Errc::bad_address;
    return *unix_socket;
  }
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return Errc::bad_address;
  const Known* const scheme = known_of(lower(parsed->scheme()));
  const bool plain = !parsed->has_userinfo() && !parsed->has_query() && !parsed->has_fragment();
  // A name that needs escapes is none, and would read as something else once they are gone: "ws://a%40b".
  const bool escaped = std::string_view(parsed->encoded_host()).find('%') != std::string_view::npos;
  if (!scheme || !plain || escaped || parsed->host().empty()) return Errc::bad_address;

  Address address;
  address.scheme = scheme->scheme;
  address.host = lower(parsed->host_address());
  const auto port = port_of(parsed->port(), scheme->port);
  if (!port) return Errc::bad_address;
  address.port = *port;
  const std::string path(parsed->encoded_path());
  const bool has_path = !path.empty() && path != "/";
  if (has_path && !path.starts_with('/')) return Errc::bad_address;  // "ws://host:80x/y", which Boost 1.81 takes
  const bool web = scheme->scheme == net::Scheme::ws || scheme->scheme == net::Scheme::wss;
  if (has_path && !web) return Errc::bad_address;
  if (has_path) address.target = path;
  return address;
}

std::string Address::endpoint() const {
  if (scheme == net::Scheme::local) return "unix:" + host;
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", known_of(scheme).text, v6 ? "[" : "", host, v6 ? "]" : "", port);
}

std::string Address::file_name() const {
  std::string name = endpoint();
  for (char& c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return name;
}

net::DialOptions Address::dial_options(const net::Trust& trust) const {
  net::DialOptions options;
  options.scheme = scheme;
  options.host = host;
  options.port = port;
  options.target = target;
  options.trust = trust;
  return options;
}

}  // namespace sealpost::client
