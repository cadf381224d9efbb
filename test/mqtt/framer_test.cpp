#include "mqtt/framer.hpp"

#include <rapidcheck.h>

#include "exchange.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

std::vector<Bytes> all_of(Framer& framer) {
  std::vector<Bytes> packets;
  for (;;) {
    const auto packet = framer.next();
    REQUIRE(packet.has_value());
    if (packet->empty()) return packets;
    packets.emplace_back(packet->begin(), packet->end());
  }
}

}  // namespace

TEST_CASE("packets come out whole however the stream is split") {
  const std::vector<Bytes> packets = {wire("C000"), framed(0x30, Bytes(200, 7)), framed(0x40, wire("0001")),
                                      framed(0x30, Bytes(20'000, 9)), wire("D000")};
  Bytes stream;
  for (const auto& packet : packets) stream.insert(stream.end(), packet.begin(), packet.end());
  CHECK(rc::check([&] {
    Framer framer(30'000);
    std::vector<Bytes> seen;
    for (std::size_t at = 0; at < stream.size();) {
      const auto most = *rc::gen::elementOf(std::vector<std::size_t>{1, 2, 3, 5, 150, 4'000, 40'000});
      const auto size = std::min(most, stream.size() - at);
      const Bytes chunk(stream.begin() + static_cast<long>(at), stream.begin() + static_cast<long>(at + size));
      framer.feed(chunk);
      if (*rc::gen::arbitrary<bool>()) framer.settle();
      for (auto& packet : all_of(framer)) seen.push_back(std::move(packet));
      at += size;
    }
    RC_ASSERT(seen == packets);
    RC_ASSERT(framer.waiting() == 0u);
    RC_ASSERT(framer.heap_bytes() == 0u);
  }));
}

TEST_CASE("a packet that lies whole in a chunk is not copied") {
  Framer framer(100);
  const auto chunk = wire("C000 D000");
  framer.feed(chunk);
  CHECK(framer.next()->data() == chunk.data());
  CHECK(framer.next()->data() == chunk.data() + 2);
  CHECK(framer.next()->empty());
  CHECK(framer.heap_bytes() == 0);
}

TEST_CASE("a packet over the limit is refused by its length alone") {
  Framer framer(100);
  const auto most = wire("3062");
  framer.feed(most);
  CHECK(framer.next()->empty());
  Framer other(100);
  const auto over = wire("3063");
  other.feed(over);
  CHECK(other.next().error() == Errc::packet_too_large);
}

TEST_CASE("an announced length claims no memory") {
  Framer framer(packet_size_limit);
  const auto header = wire("30 FFFFFF7F 0000");
  framer.feed(header);
  CHECK(framer.next()->empty());
  CHECK(framer.heap_bytes() < 64);
}

TEST_CASE("a remaining length is at most four bytes and the shortest form") {
  for (const auto* bad : {"30 80808080", "30 FFFFFFFF 01", "C0 8000", "30 818000"}) {
    for (const bool whole : {true, false}) {
      Framer framer(packet_size_limit);
      const auto bytes = wire(bad);
      Result<BytesView> last = BytesView{};
      for (std::size_t at = 0; at < bytes.size() && last; at += whole ? bytes.size() : 1) {
        framer.feed(BytesView(bytes).subspan(at, whole ? bytes.size() : 1));
        last = framer.next();
      }
      REQUIRE_FALSE(last.has_value());
      CHECK(last.error() == Errc::bad_remaining_length);
    }
  }
}
