#include "object/object.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <thread>

#include "base/encoding.hpp"
#include "generators.hpp"
#include "object/canonical.hpp"
#include "object/dialect.hpp"
#include "vectors.hpp"

using namespace sealpost;
using namespace sealpost::object;

namespace {

KeyPair pair_of(std::string_view hex_seed) {
  std::array<std::uint8_t, 32> seed;
  if (!from_hex(hex_seed, seed)) throw std::invalid_argument("seed");
  return KeyPair::from_seed(seed);
}

KeyPair some_pair() {
  return pair_of(std::string(64, '5'));
}

Result<Object> parse_and_verify(std::string_view text) {
  const auto object = Object::parse(text);
  if (!object) return object;
  if (const auto holds = verify_signature(*object); !holds) return holds.error();
  return object;
}

boost::json::object fields_of(std::string_view text) {
  return parse_json(text)->as_object();
}

}  // namespace

TEST_CASE("objects are read, linked and verified as the vectors say") {
  for (const auto& row : cases_of("objects")) {
    INFO(text_in(row, "name"));
    const auto object = parse_and_verify(text_in(row, "text"));
    CHECK(outcome_of(object) == text_in(row, "outcome"));
    CHECK(code_fits(object, row));
    if (!row.as_object().contains("stored")) continue;
    const auto parsed = Object::parse(text_in(row, "text"));
    CHECK(parsed->stored() == text_in(row, "stored"));
    CHECK(parsed->link().hex() == text_in(row, "link"));
  }
}

TEST_CASE("preparing and signing come to the text, link and signature of the vectors") {
  const auto vectors = read_vectors("objects");
  const KeyPair alice = pair_of(text_in(vectors, "seed"));
  CHECK(to_base64url(alice.key().view()) == text_in(vectors, "key"));
  int made = 0;
  for (const auto& row : vectors.at("cases").as_array()) {
    if (text_in(row, "outcome") != "ok") continue;
    INFO(text_in(row, "name"));
    auto fields = fields_of(text_in(row, "text"));
    fields.erase("_s");
    const Unsigned prepared = prepare(fields);
    CHECK(prepared.canonical() == text_in(row, "canonical"));
    CHECK(prepared.link().hex() == text_in(row, "link"));
    const Signed object = prepared.sign(alice);
    CHECK(object.stored == text_in(row, "stored"));
    CHECK(object.link == prepared.link());
    ++made;
  }
  CHECK(made >= 10);
}

TEST_CASE("an object gives its fields") {
  const std::string name(64, 'a'), other(64, 'b');
  const auto text = R"({"_author":")" + name + R"(","_p":")" + other + R"(","_r":")" + name +
                    R"(","_t":"x.y","_time":12,"_v":3,"list": [ 1 ]})";
  const auto object = Object::parse(text);
  REQUIRE(object.has_value());
  CHECK(object->type() == "x.y");
  CHECK(object->author()->hex() == name);
  CHECK(object->time() == 12);
  CHECK(object->version() == 3);
  CHECK(object->root()->hex() == name);
  CHECK(object->permalink().hex() == name);
  CHECK(object->previous()->hex() == other);
  CHECK_FALSE(object->signature());
  CHECK(object->member_text("list") == "[1]");
  CHECK(object->member_text("_v") == "3");
  CHECK(object->member_text("none").empty());
  CHECK(object->fields().at("list").as_array().size() == 1);
  CHECK(object->dialect().name() == "native");
  CHECK(*object->stored_text() == object->stored());
}

TEST_CASE("the permalink of an unversioned object is its link") {
  const auto object = Object::parse(R"({"_t":"x"})");
  CHECK(object->permalink().bytes == object->link().bytes);
  CHECK(object->version() == 0);
}

TEST_CASE("the stored text outlives the object") {
  std::shared_ptr<const std::string> text;
  {
    const auto object = Object::parse(R"({ "_t" : "x" })");
    text = object->stored_text();
  }
  CHECK(*text == R"({"_t":"x"})");
  CHECK(text.use_count() == 1);
}

TEST_CASE("limits hold for the text and for its canonical form") {
  CHECK(Object::parse(R"({"_t":"x"})", {32, 10}).has_value());
  CHECK(Object::parse(R"({"_t":"x"})", {32, 9}).error() == Errc::too_large);
  const std::string grows = R"({"_t":"x","a":1E15})";
  CHECK(Object::parse(grows, {32, grows.size()}).error() == Errc::too_large);
  CHECK(Object::parse(R"({"_t":"x","a":[[]]})", {2, 100}).error() == Errc::too_deep);
}

TEST_CASE("what was prepared on one thread is signed on another") {
  const KeyPair pair = some_pair();
  Unsigned prepared = prepare(fields_of(R"({"_t":"x","a":1})"));
  const Link link = prepared.link();
  Signed made;
  std::thread([&] { made = std::move(prepared).sign(pair); }).join();
  CHECK(made.link == link);
  CHECK(parse_and_verify(made.stored).has_value());
}

TEST_CASE("the signer is a port: any key will do") {
  struct Elsewhere final : Signer {
    KeyPair pair = some_pair();
    mutable int asked = 0;
    PublicKey key() const override { return pair.key(); }
    Signature sign(BytesView message) const override {
      ++asked;
      CHECK(message.size() == 32);
      return pair.sign(message);
    }
  };
  const Elsewhere elsewhere;
  CHECK(parse_and_verify(prepare(fields_of(R"({"_t":"x"})")).sign(elsewhere).stored).has_value());
  CHECK(elsewhere.asked == 1);
}

TEST_CASE("dialects are found by name") {
  CHECK(dialect_named("native") == &native());
  CHECK(dialect_named("klingon") == nullptr);
}

TEST_CASE("what was signed reads back as it was prepared, and verifies") {
  const KeyPair pair = some_pair();
  CHECK(rc::check([&] {
    const auto fields = draw_fields();
    const Unsigned prepared = prepare(fields);
    RC_ASSERT(prepared.canonical() == canonicalize(fields));
    const Signed made = prepared.sign(pair);
    const auto object = parse_and_verify(made.stored);
    RC_ASSERT(object.has_value());
    RC_ASSERT(object->stored() == made.stored);
    RC_ASSERT(object->link() == made.link);
  }));
}

TEST_CASE("a signed object with any byte changed fails") {
  const KeyPair pair = some_pair();
  const std::string text = prepare(fields_of(R"({"_t":"x","a":[1,2.5],"text":"häh"})")).sign(pair).stored;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      INFO(changed);
      CHECK(parse_and_verify(changed).has_error());
    }
  }
}

TEST_CASE("any object with a byte changed fails, or is the same object in another spelling") {
  const KeyPair pair = some_pair();
  CHECK(rc::check([&] {
    const Signed made = prepare(draw_fields()).sign(pair);
    std::string changed = made.stored;
    auto& byte = changed[*rc::gen::inRange<std::size_t>(0, changed.size())];
    byte = static_cast<char>(byte ^ *rc::gen::inRange(1, 256));
    const auto object = parse_and_verify(changed);
    const bool harmless = object.has_error() || object->stored() == made.stored;
    RC_ASSERT(harmless);
  }));
}
