// Any bytes as what a proxy says first: byte by byte as at once, and never more is asked for than a header may have.

#include "base/assert.hpp"
#include "net/numeric_address.hpp"
#include "net/proxy_header.hpp"

using namespace sealpost;
using namespace sealpost::net;

namespace {

// As a listener reads it, `step` bytes at a time; none: the bytes end before the header does.
std::optional<Result<ProxyHeader>> read_by(BytesView bytes, std::size_t step) {
  std::size_t size = 0;
  for (;;) {
    const Result<std::size_t> needs = proxy_header_needs(bytes.first(size));
    if (!needs) return needs.error();
    SEALPOST_ASSERT(size + *needs <= proxy_header_max);
    if (*needs == 0) return parse_proxy_header(bytes.first(size));
    if (size == bytes.size()) return std::nullopt;
    size += std::min({*needs, step, bytes.size() - size});
  }
}

bool same(const Result<ProxyHeader>& a, const Result<ProxyHeader>& b) {
  if (!a || !b) return a.has_value() == b.has_value() && a.error() == b.error();
  return a->source == b->source && a->address == b->address && a->port == b->port;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(data, size);
  const auto at_once = read_by(bytes, proxy_header_max);
  const auto by_bytes = read_by(bytes, 1);
  SEALPOST_ASSERT(at_once.has_value() == by_bytes.has_value());
  if (!at_once) return 0;
  SEALPOST_ASSERT(same(*at_once, *by_bytes));
  const bool names_client = *at_once && (*at_once)->source == ProxyHeader::Source::client;
  if (names_client) SEALPOST_ASSERT(AddressRange::parse((*at_once)->address).has_value());
  return 0;
}
