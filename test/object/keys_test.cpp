#include "object/keys.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "vectors.hpp"

using namespace sealpost;
using namespace sealpost::object;

namespace {

// Counts up: not random, which a test can foresee.
class Counting final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    std::ranges::generate(out, [this] { return next_++; });
  }

 private:
  std::uint8_t next_ = 1;
};

KeyPair pair_of(std::uint8_t first) {
  std::array<std::uint8_t, 32> seed{first};
  return KeyPair::from_seed(seed);
}

}  // namespace

TEST_CASE("signatures hold or not as the vectors say") {
  for (const auto& row : cases_of("signatures")) {
    INFO(text_in(row, "name"));
    PublicKey key;
    Signature signature;
    REQUIRE(from_hex(text_in(row, "key"), key.bytes));
    REQUIRE(from_hex(text_in(row, "sig"), signature.bytes));
    CHECK(verify(key, *from_hex(text_in(row, "message")), signature) == row.at("valid").as_bool());
  }
}

TEST_CASE("a key pair gives the signature of RFC 8032") {
  std::array<std::uint8_t, 32> seed;  // section 7.1, test 1
  REQUIRE(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed));
  const KeyPair pair = KeyPair::from_seed(seed);
  CHECK(pair.key().hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  CHECK(to_hex(pair.sign({}).view()).starts_with("e5564300c360ac729086e2cc806e828a"));
}

TEST_CASE("making a key pair wipes the seed it is made from, and the pair still knows it") {
  std::array<std::uint8_t, 32> seed{7};
  const KeyPair pair = KeyPair::from_seed(seed);
  CHECK(seed == std::array<std::uint8_t, 32>{});
  std::array<std::uint8_t, 32> stored;
  pair.copy_seed(stored);
  CHECK(stored == std::array<std::uint8_t, 32>{7});
}

TEST_CASE("a generated pair signs what it verifies, and the next one differs") {
  Counting random;
  const KeyPair one = KeyPair::generate(random);
  const KeyPair two = KeyPair::generate(random);
  CHECK(one.key() != two.key());
  const auto message = as_bytes("message");
  CHECK(verify(one.key(), message, one.sign(message)));
  CHECK_FALSE(verify(two.key(), message, one.sign(message)));
}

TEST_CASE("a pair that was moved signs as before") {
  KeyPair pair = pair_of(3);
  const Signature before = pair.sign(as_bytes("x"));
  const KeyPair moved = std::move(pair);
  CHECK(moved.sign(as_bytes("x")) == before);
}

TEST_CASE("wiping leaves zeros") {
  std::array<std::uint8_t, 5> secret{1, 2, 3, 4, 5};
  wipe(secret);
  CHECK(secret == std::array<std::uint8_t, 5>{});
}
