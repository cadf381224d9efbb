#include "object/identity.hpp"

#include <catch2/catch.hpp>

#include "base/encoding.hpp"
#include "object/dialect.hpp"
#include "object/parsed.hpp"
#include "vectors.hpp"

using namespace sealpost;
using namespace sealpost::object;

namespace {

// The last version, judged after those before it. Throws if one of those does not stand.
Result<Identity> judge(const boost::json::array& versions) {
  std::optional<Identity> in_force;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const auto identity = Identity::parse(versions[i].as_string());
    const auto stands = !identity  ? Result<void>(identity.error())
                        : in_force ? check_next(*in_force, *identity)
                                   : check_first(*identity);
    if (i + 1 == versions.size()) return stands ? identity : Result<Identity>(stands.error());
    stands.value();
    in_force.emplace(*identity);
  }
  throw std::invalid_argument("no versions");
}

KeyPair pair_of(const std::string& hex_seed) {
  std::array<std::uint8_t, 32> seed;
  if (!from_hex(hex_seed, seed)) throw std::invalid_argument("seed");
  return KeyPair::from_seed(seed);
}

KeyPair pair_of(char digit) {
  return pair_of(std::string(64, digit));
}

std::string last_version_of(const boost::json::object& vectors, std::string_view name) {
  for (const auto& row : vectors.at("cases").as_array())
    if (row.at("name").as_string() == name) return std::string(row.at("versions").as_array().back().as_string());
  throw std::invalid_argument("no such case");
}

// Objects as the native dialect has them, in another name, with no signature that ever holds.
class Stranger final : public Dialect {
 public:
  std::string_view name() const override { return "stranger"; }
  Result<Object> parse(std::string_view text, const ParseLimits& limits) const override {
    auto parsed = std::make_shared<Parsed>(text.size());
    const Object native_object = native().parse(text, limits).value();
    parsed->root = parse_json(text, &parsed->resource).value();
    parsed->stored = native_object.stored_text();
    parsed->link = native_object.link();
    parsed->type = identity_type;
    parsed->time = native_object.time();
    parsed->author = native_object.author();
    parsed->version = native_object.version();
    parsed->permalink = native_object.root();
    parsed->previous = native_object.previous();
    parsed->signature = native_object.signature();
    parsed->dialect = this;
    return Object(std::move(parsed));
  }
  bool verify(const Link&, const SignaturePart&) const override { return false; }
};

}  // namespace

TEST_CASE("identities stand or not as the vectors say") {
  for (const auto& row : cases_of("identities")) {
    INFO(text_in(row, "name"));
    const auto& versions = row.at("versions").as_array();
    const auto identity = judge(versions);
    CHECK(outcome_of(identity) == text_in(row, "outcome"));
    CHECK(code_fits(identity, row));
    if (!identity) continue;
    CHECK(identity->permalink().hex() == text_in(row, "permalink"));
    CHECK(identity->link().hex() == text_in(row, "link"));
    CHECK(identity->version() == row.at("version").to_number<std::uint64_t>());
    CHECK(to_hex(identity->proof_digest()) == text_in(row, "proofDigest"));
  }
}

TEST_CASE("building an identity comes to the text of the vectors") {
  const auto vectors = read_vectors("identities");
  const KeyPair update = pair_of(text_in(vectors, "updateSeed"));
  const KeyPair sign = pair_of(text_in(vectors, "signSeed"));
  IdentityDraft draft{"Alice", {{purpose_update, &update}, {purpose_sign, &sign}}, 1767225600000};
  const Identity first = make_first(draft, update);
  CHECK(first.stored() == last_version_of(vectors, "first: an update key and a sign key"));
  draft.name = "Alice II";
  draft.time += 1000;
  CHECK(make_next(first, draft, update).stored() == last_version_of(vectors, "later: a new name, the same keys"));
}

TEST_CASE("an identity knows its keys by purpose") {
  const KeyPair update = pair_of('1'), sign = pair_of('2'), push = pair_of('3');
  const Identity identity =
      make_first({std::nullopt, {{purpose_update, &update}, {purpose_sign, &sign}, {"push", &push}}, 5}, update);
  CHECK(check_first(identity).has_value());
  CHECK(identity.has_key(purpose_update, update.key()));
  CHECK(identity.has_key(purpose_sign, sign.key()));
  CHECK(identity.has_key("push", push.key()));
  CHECK_FALSE(identity.has_key(purpose_sign, update.key()));
  CHECK_FALSE(identity.has_key(purpose_update, sign.key()));
  CHECK_FALSE(identity.has_key("none", PublicKey{}));
  CHECK_FALSE(identity.name());
  CHECK(identity.keys().size() == 3);
  CHECK(identity.keys()[0].proof.has_value());
  CHECK_FALSE(identity.keys()[2].proof.has_value());
}

TEST_CASE("an identity grows version by version, and each proves only its new keys") {
  const KeyPair update = pair_of('1'), sign = pair_of('2'), more = pair_of('4'), heir = pair_of('5');
  const Identity first = make_first({"A", {{purpose_update, &update}, {purpose_sign, &sign}}, 1}, update);
  const Identity second =
      make_next(first, {"A", {{purpose_update, &update}, {purpose_sign, &sign}, {purpose_sign, &more}}, 2}, update);
  const Identity third = make_next(second, {"A", {{purpose_update, &heir}, {purpose_sign, &more}}, 3}, update);
  const Identity fourth = make_next(third, {"A", {{purpose_update, &heir}}, 4}, heir);
  CHECK(check_first(first).has_value());
  CHECK(check_next(first, second).has_value());
  CHECK(check_next(second, third).has_value());
  CHECK(check_next(third, fourth).has_value());
  CHECK(fourth.permalink() == first.permalink());
  CHECK(fourth.version() == 3);
  CHECK_FALSE(second.keys()[0].proof);
  CHECK(second.keys()[2].proof);
  CHECK(check_next(second, fourth).error() == Errc::wrong_version);
}

TEST_CASE("an identity has 64 versions, and no more") {
  const KeyPair update = pair_of('1');
  Identity newest = make_first({"A", {{purpose_update, &update}}, 1}, update);
  const auto draft = [&] { return IdentityDraft{"A", {{purpose_update, &update}}, *newest.object().time() + 1}; };
  while (newest.version() + 1 < identity_versions_max) newest = make_next(newest, draft(), update);
  CHECK(newest.version() == 63);
  CHECK(Identity::parse(newest.stored()).has_value());
  CHECK_THROWS_AS(make_next(newest, draft(), update), boost::system::system_error);
}

TEST_CASE("of two versions after one, both stand: which was first is for the log to say") {
  const KeyPair update = pair_of('1');
  const Identity first = make_first({"A", {{purpose_update, &update}}, 1}, update);
  const Identity left = make_next(first, {"B", {{purpose_update, &update}}, 2}, update);
  const Identity right = make_next(first, {"C", {{purpose_update, &update}}, 2}, update);
  CHECK(check_next(first, left).has_value());
  CHECK(check_next(first, right).has_value());
  CHECK(left.previous() == right.previous());
  CHECK(check_next(left, right).error() == Errc::wrong_version);
}

TEST_CASE("an identity of 10,000 keys is refused before any signature is looked at") {
  std::string text = R"({"_t":"sealpost.Identity","_time":1,"pubkeys":[0)";
  for (int i = 0; i < 9999; ++i) text += ",0";
  text += "]}";
  CHECK(Identity::parse(text).error() == Errc::too_large);
}

TEST_CASE("an identity has one dialect for life, and its dialect judges its signatures") {
  const KeyPair update = pair_of('1');
  const Identity first = make_first({"A", {{purpose_update, &update}}, 1}, update);
  const Identity second = make_next(first, {"B", {{purpose_update, &update}}, 2}, update);
  const Stranger stranger;
  const Identity foreign_first = Identity::read(stranger.parse(first.stored(), {}).value()).value();
  const Identity foreign_second = Identity::read(stranger.parse(second.stored(), {}).value()).value();
  CHECK(check_next(first, foreign_second).error() == Errc::wrong_dialect);
  CHECK(check_next(foreign_first, second).error() == Errc::wrong_dialect);
  CHECK(check_first(foreign_first).error() == Errc::bad_signature);
}

TEST_CASE("an identity with any byte changed does not stand") {
  const KeyPair update = pair_of('1'), sign = pair_of('2');
  const Identity identity = make_first({"A", {{purpose_update, &update}, {purpose_sign, &sign}}, 1}, update);
  const std::string text(identity.stored());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    INFO(changed);
    const auto read = Identity::parse(changed);
    CHECK((read.has_error() || check_first(*read).has_error()));
  }
}
