#include "app/configuration_forms.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/ids.hpp"
#include "broker/rules.hpp"
#include "net/numeric_address.hpp"

namespace sealpost::app {
namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool printable(std::string_view text) {
  return std::ranges::none_of(text, is_control);
}

bool fits_path(std::string_view text) {
  return !text.empty() && text.size() < 4096 && printable(text);
}

bool fits_name(std::string_view text) {
  return !text.empty() && text.size() <= 200 && printable(text);
}

bool fits_label(std::string_view text) {
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= 32 && is_lower(text.front()) && std::ranges::all_of(text, allowed);
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && text.front() != '0' && port <= 65535;
}

bool is_host(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const auto in_address = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.'; };
  if (bracketed) return std::ranges::all_of(text.substr(1, text.size() - 2), in_address);
  const auto in_name = [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, in_name);
}

bool fits_service(std::string_view text) {
  return text == "mqtt" || text == "api" || text == "health";
}

bool fits_address(std::string_view text) {
  const std::string address(text);
  in6_addr parsed{};
  return ::inet_pton(AF_INET, address.c_str(), &parsed) == 1 || ::inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

bool fits_origin(std::string_view text) {
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, scheme_end);
  const std::string_view rest = text.substr(scheme_end + 3);
  const auto allowed = [](char c) {
    return is_lower(c) || is_digit(c) || std::string_view("-.:[]").find(c) != std::string_view::npos;
  };
  return (scheme == "http" || scheme == "https") && !rest.empty() && std::ranges::all_of(rest, allowed);
}

bool fits_digest(std::string_view text) {
  return Link::from_hex(text).has_value();
}

bool fits_variable(std::string_view text) {
  const auto allowed = [](char c) { return is_upper(c) || is_digit(c) || c == '_'; };
  return !text.empty() && text.size() <= 100 && !is_digit(text.front()) && std::ranges::all_of(text, allowed);
}

bool fits_file_name(std::string_view text) {
  return fits_path(text) && text.find('/') == std::string_view::npos && text != "." && text != "..";
}

}  // namespace

bool is_endpoint(std::string_view text) {
  constexpr std::string_view schemes[] = {"mqtt", "mqtts", "ws", "wss", "http", "https"};
  const auto scheme_end = text.find("://");
  const auto colon = text.rfind(':');
  if (scheme_end == std::string_view::npos || colon <= scheme_end + 3) return false;
  const std::string_view scheme = text.substr(0, scheme_end);
  const std::string_view host = text.substr(scheme_end + 3, colon - scheme_end - 3);
  const std::string_view port = text.substr(colon + 1);
  return std::ranges::find(schemes, scheme) != std::end(schemes) && is_host(host) && !port.empty() && is_port(port);
}

namespace forms {

const Form path{"a path", fits_path};
const Form path_or_none{"a path, or empty", [](std::string_view text) { return text.empty() || fits_path(text); }};
const Form name{"1 to 200 bytes of text", fits_name};
const Form label{"1 to 32 of a-z, 0-9 and -, the first a letter", fits_label};
const Form endpoint{
    "scheme://host:port with mqtt, mqtts, ws, wss, http or https, a lower-case host, and the port written out",
    is_endpoint};
const Form service{"mqtt, api or health", fits_service};
const Form address{"a numeric IPv4 or IPv6 address", fits_address};
const Form address_range{
    "a numeric IPv4 or IPv6 address, or a range such as 10.0.0.0/8 with nothing set beyond its prefix",
    [](std::string_view text) { return net::AddressRange::parse(text).has_value(); }};
const Form origin{"http://host or https://host, with :port where it is not the usual one, and nothing after it",
                  fits_origin};
const Form digest{"64 lower-case hex digits", fits_digest};
const Form rule{"a topic filter that begins with app/, with %c and %d where they stand for the client and its device",
                broker::is_rule};
const Form variable{"a variable's name of A-Z, 0-9 and _", fits_variable};
const Form file_name{"a file name without /", fits_file_name};

}  // namespace forms
}  // namespace sealpost::app
