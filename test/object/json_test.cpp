#include "object/json.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "object/canonical.hpp"
#include "vectors.hpp"

using namespace sealpost;
using namespace sealpost::object;

TEST_CASE("texts are taken or refused as the vectors say") {
  for (const auto& row : cases_of("parsing")) {
    INFO(text_in(row, "name"));
    const auto* hex = row.as_object().if_contains("hex");
    const std::string text = hex ? std::string(as_text(*from_hex(hex->as_string()))) : text_in(row, "text");
    ParseLimits limits;
    if (const auto* depth = row.as_object().if_contains("depth")) limits.depth_max = depth->to_number<std::size_t>();
    const auto value = parse_json(text, {}, limits);
    CHECK(outcome_of(value) == text_in(row, "outcome"));
    CHECK(code_fits(value, row));
  }
}

TEST_CASE("a text of more bytes than the limit is too large, one of just as many is not") {
  CHECK(parse_json("[1,2]", {}, {32, 5}).has_value());
  CHECK(parse_json("[1,2]", {}, {32, 4}).error() == Errc::too_large);
}

TEST_CASE("whole numbers are integers, however they are written") {
  for (const char* text : {"1", "1.0", "1e0", "10e-1", "0.1e1"}) {
    INFO(text);
    const auto value = parse_json(text);
    REQUIRE(value.has_value());
    CHECK(value->is_int64());
  }
  CHECK(parse_json("-0.0")->as_int64() == 0);
  CHECK(parse_json("0.5")->as_double() == 0.5);
  CHECK(parse_json("1e21")->as_double() == 1e21);
}

TEST_CASE("the value lives in the storage that it is given") {
  unsigned char buffer[4096];
  boost::json::monotonic_resource resource(buffer, sizeof buffer, boost::json::storage_ptr());
  const auto value = parse_json(R"({"key":["a text that is too long for the value itself"]})", &resource);
  REQUIRE(value.has_value());
  CHECK(value->storage().get() == &resource);
  const auto* text = reinterpret_cast<const unsigned char*>(value->at("key").at(0).as_string().data());
  CHECK(text >= buffer);
  CHECK(text < buffer + sizeof buffer);
}

TEST_CASE("every text cut short is refused") {
  const std::string text = R"({"a":[1,2.5e3,"x\u00e9\ud83d\ude00y"],"b":{"c":null,"d":true}})";
  REQUIRE(parse_json(text).has_value());
  for (std::size_t size = 0; size < text.size(); ++size) {
    INFO(size);
    CHECK(parse_json(text.substr(0, size)).has_error());
  }
}

TEST_CASE("a number that Boost rounds wrongly is rounded rightly") {
  // Boost.JSON 1.81 multiplies the digits by a power of ten, which rounds twice.
  const std::string text = "122.21766949617233";
  CHECK(parse_json(text)->as_double() == 122.21766949617233);
  CHECK(canonicalize(*parse_json(text)) == text);
}

TEST_CASE("errors have their words and their codes") {
  CHECK(make_error_code(Errc::duplicate_key).message() == "two members with one name");
  CHECK(wire_code(Errc::too_large) == "too_large");
  CHECK(wire_code(Errc::bad_proof) == "bad_signature");
  CHECK(wire_code(Errc::wrong_author) == "unknown_author");
  CHECK(wire_code(make_error_code(Errc::syntax)) == "malformed");
  CHECK(wire_code(boost::system::errc::make_error_code(boost::system::errc::io_error)) == "malformed");
}
