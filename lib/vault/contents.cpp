#include "vault/contents.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace sealpost::vault {
namespace {

constexpr std::size_t seed_size = 32;

class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> out) : rest_(out) {}
  void number(std::size_t value, std::size_t width) {
    for (std::uint8_t& byte : take(width)) {
      byte = static_cast<std::uint8_t>(value);
      value >>= 8;
    }
  }
  void text(std::string_view text) { std::ranges::copy(text, take(text.size()).begin()); }
  std::span<std::uint8_t, seed_size> seed() { return take(seed_size).first<seed_size>(); }
  bool full() const { return rest_.empty(); }

 private:
  std::span<std::uint8_t> take(std::size_t size) {
    SEALPOST_ASSERT(size <= rest_.size());
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::span<std::uint8_t> rest_;
};

// Past the end everything is zero or empty, and `whole` is false.
class Reader {
 public:
  explicit Reader(BytesView in) : rest_(in) {}
  std::size_t number(std::size_t width) {
    std::size_t value = 0;
    const BytesView bytes = take(width);
    for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::size_t{bytes[i]} << (8 * i);
    return value;
  }
  std::string text(std::size_t size) { return std::string(as_text(take(size))); }
  BytesView bytes(std::size_t size) { return take(size); }
  bool broken() const { return broken_; }
  bool whole() const { return !broken_ && rest_.empty(); }

 private:
  BytesView take(std::size_t size) {
    broken_ = broken_ || size > rest_.size();
    if (broken_) return {};
    const BytesView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  BytesView rest_;
  bool broken_ = false;
};

std::size_t plain_size(const KeyRing& ring) {
  std::size_t size = 1 + 2;
  for (const auto& held : ring.keys()) size += 1 + held.purpose.size() + seed_size;
  for (const auto& version : ring.identity()) size += 4 + version.size();
  return size;
}

void read_key(Reader& in, KeyRing& ring) {
  std::string purpose = in.text(in.number(1));
  const BytesView stored = in.bytes(seed_size);
  if (in.broken()) return;
  std::array<std::uint8_t, seed_size> seed{};
  std::ranges::copy(stored, seed.begin());
  ring.add(std::move(purpose), object::KeyPair::from_seed(seed));  // wipes the seed
}

}  // namespace

bool fits(const KeyRing& ring) {
  return ring.keys().size() <= keys_max && ring.identity().size() <= versions_max;
}

SecretBytes plain_of(const KeyRing& ring) {
  SEALPOST_ASSERT(fits(ring));
  SecretBytes plain(plain_size(ring));
  Writer out(plain.writable());
  out.number(ring.keys().size(), 1);
  for (const auto& held : ring.keys()) {
    out.number(held.purpose.size(), 1);
    out.text(held.purpose);
    held.pair->copy_seed(out.seed());
  }
  out.number(ring.identity().size(), 2);
  for (const auto& version : ring.identity()) {
    out.number(version.size(), 4);
    out.text(version);
  }
  SEALPOST_ASSERT(out.full());
  return plain;
}

std::optional<KeyRing> ring_of(BytesView plain) {
  Reader in(plain);
  KeyRing ring;
  const std::size_t keys = in.number(1);
  for (std::size_t i = 0; i < keys && !in.broken(); ++i) read_key(in, ring);
  const std::size_t versions = in.number(2);
  for (std::size_t i = 0; i < versions && !in.broken(); ++i) ring.add_version(in.text(in.number(4)));
  if (!in.whole()) return std::nullopt;
  return ring;
}

}  // namespace sealpost::vault
