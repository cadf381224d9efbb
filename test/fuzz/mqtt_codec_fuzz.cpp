// Any bytes as a packet, in both versions: what can be read can be written, and is then read as the same.

#include "../mqtt/told.hpp"
#include "base/assert.hpp"
#include "mqtt/codec.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;

namespace {

void read_and_write(Version version, BytesView bytes) {
  const auto first = decode(version, bytes);
  if (!first) return;
  Bytes written;
  SEALPOST_ASSERT(encode(version, *first, written).has_value());
  SEALPOST_ASSERT(encoded_size(version, *first).value() == written.size());
  SEALPOST_ASSERT(written.size() <= bytes.size());  // what may be left out is left out
  const auto second = decode(version, written);
  SEALPOST_ASSERT(second.has_value());
  SEALPOST_ASSERT(test::told(*first) == test::told(*second));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  read_and_write(Version::v311, {bytes, size});
  read_and_write(Version::v5, {bytes, size});
  return 0;
}
