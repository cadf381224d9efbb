#include "base/encoding.hpp"

#include <catch2/catch.hpp>

#include "base/ids.hpp"
#include "base/sha256.hpp"

using namespace sealpost;

TEST_CASE("base64url gives the texts of RFC 4648, section 10, without padding") {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(to_base64url(as_bytes(plain)) == encoded);
    REQUIRE(from_base64url(encoded));
    CHECK(as_text(*from_base64url(encoded)) == plain);
  }
}

TEST_CASE("base64url takes one text for one value") {
  CHECK_FALSE(from_base64url("Zh"));    // trailing bits set
  CHECK_FALSE(from_base64url("Zg=="));  // padding
  CHECK_FALSE(from_base64url("Z"));     // no byte has one digit
  CHECK_FALSE(from_base64url("Zm+v"));  // the other alphabet
}

TEST_CASE("hex is lower-case and whole") {
  CHECK(to_hex(Bytes{0, 0xab, 0xff}) == "00abff");
  CHECK(from_hex("00abff") == Bytes{0, 0xab, 0xff});
  CHECK_FALSE(from_hex("00ABFF"));
  CHECK_FALSE(from_hex("00a"));
  CHECK_FALSE(Link::from_hex("00"));
}

TEST_CASE("SHA-256 of abc is the one in FIPS 180-4, in one part or in three") {
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(to_hex(sha256(as_bytes("abc"))) == expected);
  CHECK(to_hex(sha256({as_bytes("a"), as_bytes("b"), as_bytes("c")})) == expected);
}

TEST_CASE("a device label has 1 to 32 safe characters") {
  CHECK(Device::parse("phone-1_A"));
  CHECK_FALSE(Device::parse(""));
  CHECK_FALSE(Device::parse("a/b"));
  CHECK_FALSE(Device::parse("a.b"));
  CHECK_FALSE(Device::parse(std::string(33, 'a')));
}
