#include "object/canonical.hpp"

#include <rapidcheck.h>

#include <bit>
#include <catch2/catch.hpp>

#include "generators.hpp"
#include "object/json.hpp"
#include "vectors.hpp"

using namespace sealpost;
using namespace sealpost::object;

TEST_CASE("canonical form is that of RFC 8785") {
  for (const auto& row : cases_of("canonical")) {
    INFO(text_in(row, "name"));
    const auto value = parse_json(text_in(row, "input"));
    REQUIRE(value.has_value());
    CHECK(canonicalize(*value) == text_in(row, "canonical"));
  }
}

TEST_CASE("doubles are written as ECMAScript does") {
  for (const auto& row : cases_of("numbers", "doubles")) {
    INFO(text_in(row, "bits"));
    const auto bits = *from_hex(text_in(row, "bits"));
    std::uint64_t whole = 0;
    for (const std::uint8_t byte : bits) whole = whole << 8 | byte;
    std::string text;
    append_number(text, std::bit_cast<double>(whole));
    CHECK(text == text_in(row, "text"));
  }
}

TEST_CASE("number literals are rounded as ECMAScript does") {
  for (const auto& row : cases_of("numbers", "literals")) {
    INFO(text_in(row, "input"));
    const auto value = parse_json(text_in(row, "input"));
    REQUIRE(value.has_value());
    CHECK(canonicalize(*value) == text_in(row, "canonical"));
  }
}

TEST_CASE("keys sort by UTF-16 code units") {
  CHECK(utf16_less("", "a"));
  CHECK(utf16_less("a", "ab"));
  CHECK_FALSE(utf16_less("ab", "a"));
  CHECK_FALSE(utf16_less("a", "a"));
  CHECK(utf16_less("\U00010000", "\uE000"));      // D800 DC00 before E000
  CHECK(utf16_less("\U0010FFFF", "\uFFFD"));      // DBFF DFFF before FFFD
  CHECK(utf16_less("\uD7FF", "\U00010000"));      // D7FF before D800
  CHECK(utf16_less("\U0001F600", "\U0001F601"));  // within the pairs
  CHECK(utf16_less("x\uE000", "x\uFFFF"));
  CHECK_FALSE(utf16_less("\uE000", "\U00010000"));
}

TEST_CASE("canonical form is its own canonical form") {
  CHECK(rc::check([] {
    const std::string text = canonicalize(*some_value());
    const auto again = parse_json(text);
    RC_ASSERT(again.has_value());
    RC_ASSERT(canonicalize(*again) == text);
  }));
}

TEST_CASE("canonical form keeps the value") {
  CHECK(rc::check([] {
    const boost::json::value value = *some_value();
    RC_ASSERT(*parse_json(canonicalize(value)) == value);
  }));
}

TEST_CASE("every double comes back from its text, or its text is an integer that objects refuse") {
  CHECK(rc::check([](std::uint64_t bits) {
    const double value = std::bit_cast<double>(bits);
    RC_PRE(std::isfinite(value));
    std::string text;
    append_number(text, value);
    const auto parsed = parse_json(text);
    if (!parsed) {
      RC_ASSERT(parsed.error() == Errc::integer_range);
      RC_ASSERT(std::fabs(value) > static_cast<double>(safe_integer_max));
    } else {
      RC_ASSERT(parsed->to_number<double>() == value);
    }
  }));
}
