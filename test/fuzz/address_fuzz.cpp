// Any text as the address of a server: refused, or an endpoint that is the address of the same server, in one form.

#include <algorithm>

#include "base/assert.hpp"
#include "client/address.hpp"
#include "net/numeric_address.hpp"

using namespace sealpost;
using namespace sealpost::client;

namespace {

void check_endpoint(const Address& address) {
  const std::string endpoint = address.endpoint();
  const auto again = Address::parse(endpoint);
  SEALPOST_ASSERT(again.has_value());
  SEALPOST_ASSERT(again->endpoint() == endpoint && again->scheme == address.scheme && again->host == address.host &&
                  again->port == address.port);
}

void check_file_name(const Address& address) {
  const std::string name = address.file_name();
  SEALPOST_ASSERT(!name.empty() && name.find('/') == std::string::npos && name.find('\0') == std::string::npos);
}

// Goes into a request line.
bool is_one_word(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto range = net::AddressRange::parse(text);
  if (range) SEALPOST_ASSERT(range->contains(text.substr(0, text.find('/'))));
  const auto address = Address::parse(text);
  if (!address) return 0;
  const bool local = address->scheme == net::Scheme::local;
  SEALPOST_ASSERT(!address->host.empty() && (local || address->port != 0));
  SEALPOST_ASSERT(local || (address->target.starts_with('/') && is_one_word(address->target)));
  check_file_name(*address);
  check_endpoint(*address);
  return 0;
}
