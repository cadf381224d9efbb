// Strangers who know the protocol well, and what they cost.

#include <catch2/catch.hpp>
#include <set>

#include "auth/stage.hpp"

using namespace sealpost;
using namespace sealpost::auth;

namespace {

struct Challenged {
  ClientHandshake client;
  ServerHandshake server;

  static Challenged at(Stage& stage, const object::Signer& signer) {
    ClientHandshake client(stage.client_terms(), signer);
    ServerHandshake server = stage.begin(client.hello()).value();
    client.challenge(stage.challenge(server), stage.client_now).value();
    return {std::move(client), std::move(server)};
  }
};

// A next version of the client's identity, with so many keys in all.
std::string with_keys(const Stage& stage, std::size_t count) {
  json::object fields = fields_of(stage.client.next(stage.client.sign).stored());
  json::array& keys = fields["pubkeys"].as_array();
  while (keys.size() < count)
    keys.push_back({{"alg", "other"}, {"purpose", "x"}, {"pub", std::to_string(keys.size())}});
  return signed_anew(fields, stage.client.update);
}

// The same object under a signature that does not hold.
std::string badly_signed(std::string_view text, const object::Signer& other) {
  json::object fields = fields_of(text);
  const json::object forged = fields_of(signed_anew(fields, other));
  fields["_s"].as_object()["sig"] = forged.at("_s").as_object().at("sig");
  return text_of(fields);
}

}  // namespace

TEST_CASE("a stolen sign key cannot change the identity") {
  Stage stage;
  object::KeyPair thiefs = object::KeyPair::generate(stage.random);
  object::IdentityDraft draft;
  draft.keys = {{object::purpose_update, &thiefs}, {object::purpose_sign, &thiefs}};
  const object::Identity taken_over = object::make_next(stage.client.versions.back(), draft, stage.client.sign);
  Run run{stage};
  run.proof_terms = [&](ProofTerms& terms) { terms.identity = {std::string(taken_over.stored())}; };
  CHECK(run.verdict() == Errc::bad_identity);
}

TEST_CASE("a stolen sign key opens nothing once a version has dropped it") {
  Stage stage;
  const object::KeyPair newer = object::KeyPair::generate(stage.random);
  stage.client.versions.push_back(stage.client.next(newer));
  stage.known = stage.client.versions;
  Challenged thief = Challenged::at(stage, stage.client.sign);
  CHECK(stage.prove(thief.server, thief.client.proof(stage.proof_terms())).error() == Errc::wrong_key);
  Challenged owner = Challenged::at(stage, newer);
  CHECK(stage.prove(owner.server, owner.client.proof(stage.proof_terms())).has_value());
}

TEST_CASE("the update key proves no connection") {
  Stage stage;
  Challenged at = Challenged::at(stage, stage.client.update);
  CHECK(stage.prove(at.server, at.client.proof(stage.proof_terms())).error() == Errc::wrong_key);
}

TEST_CASE("a proof signed with the key that Hello names, by somebody who has another, is refused") {
  Stage stage;
  const object::KeyPair thiefs = object::KeyPair::generate(stage.random);
  Challenged at = Challenged::at(stage, stage.client.sign);
  const std::string proof = badly_signed(at.client.proof(stage.proof_terms()), thiefs);
  CHECK(stage.prove(at.server, proof).error() == Errc::bad_signature);
}

TEST_CASE("an identity of 10,000 keys is refused before any signature of it is checked") {
  Stage stage;
  const object::KeyPair other = object::KeyPair::generate(stage.random);
  Run run{stage};
  const auto verdict_on = [&](std::string version) {
    run.proof_terms = [version](ProofTerms& terms) { terms.identity = {version}; };
    return run.verdict();
  };
  CHECK_FALSE(verdict_on(with_keys(stage, object::identity_keys_max)));
  CHECK(verdict_on(badly_signed(with_keys(stage, object::identity_keys_max), other)) == Errc::bad_signature);
  for (const std::size_t keys : {object::identity_keys_max + 1, std::size_t{10'000}}) {
    CHECK(verdict_on(with_keys(stage, keys)) == Errc::bad_identity);
    CHECK(verdict_on(badly_signed(with_keys(stage, keys), other)) == Errc::bad_identity);
  }
  CHECK(verdict_on(with_keys(stage, 20'000)) == Errc::malformed);  // more bytes than any Proof has
}

TEST_CASE("what a proof may cost is known before it is checked") {
  Stage stage;
  Challenged at = Challenged::at(stage, stage.client.sign);
  CHECK(signature_checks(at.client.proof(stage.proof_terms())) == 1);
  ProofTerms terms = stage.proof_terms();
  terms.identity = stage.client.texts();
  CHECK(signature_checks(at.client.proof(terms)) == 4);  // its own, the version's, and two keys'
  terms.identity = {with_keys(stage, 5'000)};
  CHECK(signature_checks(at.client.proof(terms)) == 2 + std::int64_t{object::identity_keys_max});
  for (const char* text : {"", "{", "{}", R"({"identity":1})"}) CHECK(signature_checks(text) == 1);
}

TEST_CASE("what is too deep or too long is refused unread") {
  Stage stage;
  std::string deep = ClientHandshake(stage.client_terms(), stage.client.sign).hello();
  deep.insert(1, R"("deep":)" + std::string(24, '[') + std::string(24, ']') + ",");
  CHECK(stage.begin(deep).error() == Errc::malformed);
  std::string longer = ClientHandshake(stage.client_terms(), stage.client.sign).hello();
  longer.insert(1, R"("long":")" + std::string(5'000, 'x') + R"(",)");
  CHECK(stage.begin(longer).error() == Errc::malformed);
}

TEST_CASE("a Welcome before the Proof is refused, and before the Challenge too") {
  Stage stage;
  Challenged other = Challenged::at(stage, stage.client.sign);
  REQUIRE(stage.prove(other.server, other.client.proof(stage.proof_terms())).has_value());
  json::object fields = fields_of(stage.welcome(other.server));
  const auto check_refused = [&](ErrorCode why) {
    const std::string early = signed_anew(fields, stage.server.sign);
    ClientHandshake fresh(stage.client_terms(), stage.client.sign);
    CHECK(fresh.welcome(early).error() == why);
    CHECK(Challenged::at(stage, stage.client.sign).client.welcome(early).error() == why);
  };
  check_refused(Errc::wrong_challenge);
  fields["proof"] = Link{}.hex();  // all that a client knows of its Proof before there is one
  check_refused(Errc::malformed);
}

TEST_CASE("a Challenge that is refused leaves nothing of its server behind") {
  Stage stage;
  ClientTerms terms = stage.client_terms();
  terms.pinned.clear();
  ClientHandshake client(terms, stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  json::object fields = fields_of(stage.challenge(server));
  CHECK(client.challenge(signed_anew(fields, stage.client.sign), stage.client_now).error() == Errc::wrong_key);
  CHECK(client.server().empty());
}

TEST_CASE("a first meeting takes no server without an identity") {
  Stage stage;
  ClientTerms terms = stage.client_terms();
  terms.pinned.clear();
  ClientHandshake client(terms, stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  json::object fields = fields_of(stage.challenge(server));
  fields["identity"] = json::array{};
  CHECK(client.challenge(signed_anew(fields, stage.server.sign), stage.client_now).error() == Errc::wrong_server);
  fields.erase("identity");
  CHECK(client.challenge(signed_anew(fields, stage.server.sign), stage.client_now).error() == Errc::malformed);
}

TEST_CASE("a Hello that names a session though it asks for none is refused") {
  Stage stage;
  json::object fields = fields_of(ClientHandshake(stage.client_terms(), stage.client.sign).hello());
  fields["session"] = "s1";
  CHECK(stage.begin(text_of(fields)).error() == Errc::malformed);
}

TEST_CASE("each cause has its own name") {
  std::set<std::string_view> names;
  for (int code = 1; code <= static_cast<int>(Errc::not_logged); ++code) names.insert(name(static_cast<Errc>(code)));
  CHECK(names.size() == static_cast<std::size_t>(Errc::not_logged));
  CHECK(make_error_code(Errc::wrong_endpoint).message() == "wrong_endpoint");
  CHECK(make_error_code(Errc::not_logged).message() == "not_logged");
}
