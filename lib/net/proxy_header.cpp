#include "net/proxy_header.hpp"

#include <algorithm>

#include "net/numeric_address.hpp"

namespace sealpost::net {
namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view signature_of_version_1 = "PROXY ";

enum Command : std::uint8_t { command_local = 0x20, command_proxy = 0x21 };  // with the version, 2, above it
enum Family : std::uint8_t { unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, stream_local = 0x31 };

// As far as both go.
bool begins_alike(BytesView bytes, std::string_view text) {
  const std::size_t count = std::min(bytes.size(), text.size());
  return as_text(bytes.first(count)) == text.substr(0, count);
}

std::uint16_t number_at(BytesView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// The source's address, the destination's, the source's port, the destination's.
Result<ProxyHeader> client_at(BytesView addresses, std::size_t address_size) {
  if (addresses.size() < 2 * address_size + 4) return Errc::proxy_header_malformed;
  return ProxyHeader{ProxyHeader::Source::client, numeric_text(addresses.first(address_size)),
                     number_at(addresses, 2 * address_size)};
}

// Two paths.
Result<ProxyHeader> client_at_paths(BytesView addresses) {
  if (addresses.size() < 2 * 108) return Errc::proxy_header_malformed;
  return ProxyHeader{ProxyHeader::Source::local, "", 0};
}

}  // namespace

Result<std::size_t> proxy_header_needs(BytesView so_far) {
  if (!begins_alike(so_far, signature)) {
    if (!begins_alike(so_far, signature_of_version_1)) return Errc::proxy_header_missing;
    if (so_far.size() >= signature_of_version_1.size()) return Errc::proxy_header_old;
  }
  if (so_far.size() < proxy_header_fixed) return proxy_header_fixed - so_far.size();
  const std::size_t size = proxy_header_fixed + number_at(so_far, 14);
  if (size > proxy_header_max) return Errc::proxy_header_too_large;
  return size - std::min(size, so_far.size());
}

Result<ProxyHeader> parse_proxy_header(BytesView whole) {
  const Result<std::size_t> needs = proxy_header_needs(whole);
  if (!needs) return needs.error();
  if (*needs > 0 || whole.size() != proxy_header_fixed + number_at(whole, 14)) return Errc::proxy_header_malformed;
  if (whole[12] == command_local) return ProxyHeader{};  // whatever family it names
  if (whole[12] != command_proxy) return Errc::proxy_header_malformed;
  const BytesView addresses = whole.subspan(proxy_header_fixed);
  switch (whole[13]) {
    case unspecified:
      return ProxyHeader{ProxyHeader::Source::unknown, "", 0};
    case tcp4:
      return client_at(addresses, 4);
    case tcp6:
      return client_at(addresses, 16);
    case stream_local:
      return client_at_paths(addresses);
    default:  // datagrams, which do not come over a stream, and what the protocol forbids
      return Errc::proxy_header_malformed;
  }
}

}  // namespace sealpost::net
