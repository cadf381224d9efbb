// What the server refuses in a Proof, each for its own reason, and what the client refuses in a Challenge and a Welcome
// (PROTOCOL section 3, Checks).

#include <catch2/catch.hpp>

#include "auth/stage.hpp"

using namespace sealpost;
using namespace sealpost::auth;

namespace {

// A client and a server between Challenge and Proof.
struct Challenged {
  ClientHandshake client;
  ServerHandshake server;

  static Challenged at(Stage& stage) {
    ClientHandshake client(stage.client_terms(), stage.client.sign);
    ServerHandshake server = stage.begin(client.hello()).value();
    client.challenge(stage.challenge(server), stage.client_now).value();
    return {std::move(client), std::move(server)};
  }
};

ErrorCode verdict(Stage& stage, Challenged& at, std::string_view proof) {
  const auto accepted = stage.prove(at.server, proof);
  return accepted ? ErrorCode{} : accepted.error();
}

}  // namespace

TEST_CASE("a challenge is proven once") {
  Stage stage;
  Challenged at = Challenged::at(stage);
  const std::string proof = at.client.proof(stage.proof_terms());
  CHECK_FALSE(verdict(stage, at, proof));
  CHECK(verdict(stage, at, proof) == Errc::wrong_challenge);
}

TEST_CASE("a proof that failed uses the challenge up") {
  Stage stage;
  Challenged at = Challenged::at(stage);
  CHECK(verdict(stage, at, "{}") == Errc::malformed);
  CHECK(verdict(stage, at, at.client.proof(stage.proof_terms())) == Errc::wrong_challenge);
}

TEST_CASE("a proof before the challenge is refused") {
  Stage stage;
  Challenged other = Challenged::at(stage);
  ServerHandshake server = stage.begin(ClientHandshake(stage.client_terms(), stage.client.sign).hello()).value();
  const auto accepted = stage.prove(server, other.client.proof(stage.proof_terms()));
  REQUIRE(accepted.has_error());
  CHECK(accepted.error() == Errc::wrong_challenge);
}

TEST_CASE("a proof of another handshake is refused: replay") {
  Stage stage;
  Challenged before = Challenged::at(stage);
  Challenged now = Challenged::at(stage);
  CHECK(verdict(stage, now, before.client.proof(stage.proof_terms())) == Errc::wrong_challenge);
}

TEST_CASE("a challenge lasts 30 seconds by the server's clock") {
  Stage stage;
  Challenged in_time = Challenged::at(stage);
  Challenged late = Challenged::at(stage);
  stage.now += challenge_lifetime_max;
  CHECK_FALSE(verdict(stage, in_time, in_time.client.proof(stage.proof_terms())));
  stage.now += 1;
  CHECK(verdict(stage, late, late.client.proof(stage.proof_terms())) == Errc::expired);
}

TEST_CASE("the server's own objects are no proof: reflection") {
  Stage stage;
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  const std::string challenge = stage.challenge(server);
  Challenged at{client, server};
  CHECK(verdict(stage, at, challenge) == Errc::malformed);
  at.server = server;
  CHECK(verdict(stage, at, client.hello()) == Errc::malformed);
  // Nor is the server itself a client because it can sign.
  at.server = server;
  REQUIRE(at.client.challenge(challenge, stage.client_now).has_value());
  const std::string proof = signed_anew(fields_of(at.client.proof(stage.proof_terms())), stage.server.sign);
  CHECK(verdict(stage, at, proof) == Errc::wrong_key);
}

TEST_CASE("a proof is refused that was signed in order, but says something wrong") {
  Stage stage;
  const Party other = Party::make(stage.random, "other");
  struct Row {
    const char* why;
    const char* field;
    json::value value;
    const object::Signer* signer;
    Errc cause;
  };
  const object::Signer* mine = &stage.client.sign;
  const Row rows[] = {
      {"another author", "_author", json::string(other.permalink().hex()), mine, Errc::wrong_author},
      {"another challenge", "challenge", json::string(Link{sha256(as_bytes("x"))}.hex()), mine, Errc::wrong_challenge},
      {"another key", "_time", 1, &other.sign, Errc::wrong_key},
      {"the update key", "_time", 1, &stage.client.update, Errc::wrong_key},
      {"a binding where there is nothing to bind to", "binding", json::string(43, 'A'), mine, Errc::wrong_binding},
      {"another type", "_t", "sealpost.Message", mine, Errc::malformed},
      {"no time", "_time", nullptr, mine, Errc::malformed},
      {"a time of text", "_time", "1", mine, Errc::malformed},
      {"a negative time", "_time", -1, mine, Errc::malformed},
      {"a link in upper case", "challenge", json::string(64, 'A'), mine, Errc::malformed},
      {"a short binding", "binding", json::string(42, 'A'), mine, Errc::malformed},
      {"a binding with set trailing bits", "binding", json::string(std::string(42, 'A') + "B"), mine, Errc::malformed},
      {"a binding with padding", "binding", json::string(std::string(43, 'A') + "="), mine, Errc::malformed},
      {"from the middle", "from", 2, mine, Errc::malformed},
      {"from text", "from", "1", mine, Errc::malformed},
      {"an empty invitation", "invite", "", mine, Errc::malformed},
      {"an identity that is no list", "identity", "x", mine, Errc::malformed},
      {"an identity of numbers", "identity", json::array{1}, mine, Errc::malformed},
      {"a position without a log", "position", json::object{{"sent", {{"n", 0}}}}, mine, Errc::malformed},
      {"a log with a bad name", "position", json::object{{"log", "a/b"}}, mine, Errc::malformed},
      {"a mark without its link", "position", json::object{{"log", "l"}, {"sent", {{"n", 1}}}}, mine, Errc::malformed},
      {"a mark of a negative number", "position",
       json::object{{"log", "l"}, {"sent", {{"n", -1}, {"link", Link{sha256(as_bytes("x"))}.hex()}}}}, mine,
       Errc::malformed},
      {"a mark with a fraction", "position", json::object{{"log", "l"}, {"received", {{"n", 0.5}}}}, mine,
       Errc::malformed},
      {"a link where there is no message", "position",
       json::object{{"log", "l"}, {"received", {{"n", 0}, {"link", Link{sha256(as_bytes("x"))}.hex()}}}}, mine,
       Errc::malformed},
      {"the zero link", "position", json::object{{"log", "l"}, {"received", {{"n", 1}, {"link", Link{}.hex()}}}}, mine,
       Errc::malformed},
  };
  for (const Row& row : rows) {
    INFO(row.why);
    Challenged at = Challenged::at(stage);
    json::object fields = fields_of(at.client.proof(stage.proof_terms()));
    fields[row.field] = row.value;
    CHECK(verdict(stage, at, signed_anew(std::move(fields), *row.signer)) == row.cause);
  }
}

TEST_CASE("a proof is refused without a field that it needs") {
  Stage stage;
  for (const char* field : {"_t", "_author", "_time", "challenge"}) {
    INFO(field);
    Challenged at = Challenged::at(stage);
    json::object fields = fields_of(at.client.proof(stage.proof_terms()));
    fields.erase(field);
    fields.erase("_s");
    const std::string text = field == std::string_view("_t") ? text_of(fields) : signed_anew(fields, stage.client.sign);
    CHECK(verdict(stage, at, text) == Errc::malformed);
  }
}

TEST_CASE("an unsigned proof is refused, and one whose signature is of another text") {
  Stage stage;
  Challenged at = Challenged::at(stage);
  json::object fields = fields_of(at.client.proof(stage.proof_terms()));
  json::object unsigned_fields = fields;
  unsigned_fields.erase("_s");
  CHECK(verdict(stage, at, text_of(unsigned_fields)) == Errc::malformed);

  Challenged again = Challenged::at(stage);
  fields = fields_of(again.client.proof(stage.proof_terms()));
  fields["_time"] = 5;
  CHECK(verdict(stage, again, text_of(fields)) == Errc::bad_signature);
}

TEST_CASE("a binding must be of this connection; to give none is allowed") {
  Stage stage;
  stage.exporter = sha256(as_bytes("this connection"));
  ProofTerms terms = stage.proof_terms();
  Challenged at = Challenged::at(stage);
  CHECK(at.client.challenge().binding);
  CHECK_FALSE(verdict(stage, at, at.client.proof(terms)));

  Challenged elsewhere = Challenged::at(stage);
  terms.binding = sha256(as_bytes("another connection"));
  CHECK(verdict(stage, elsewhere, elsewhere.client.proof(terms)) == Errc::wrong_binding);

  Challenged without = Challenged::at(stage);
  terms.binding.reset();
  CHECK_FALSE(verdict(stage, without, without.client.proof(terms)));
}

TEST_CASE("re-authentication is for a session, and a session is for re-authentication only") {
  Stage stage;
  stage.purposes = {Purpose::reauth};
  ClientTerms terms = stage.client_terms();
  terms.purpose = Purpose::reauth;
  terms.session = "5e5510";
  const auto server = stage.begin(ClientHandshake(terms, stage.client.sign).hello());
  REQUIRE(server.has_value());
  CHECK(server->hello().session == "5e5510");
  const auto connect = stage.begin(ClientHandshake(stage.client_terms(), stage.client.sign).hello());
  REQUIRE(connect.has_error());
  CHECK(connect.error() == Errc::wrong_purpose);
}

TEST_CASE("over REST there is no MQTT client id to compare with") {
  Stage stage;
  ClientTerms terms = stage.client_terms();
  terms.purpose = Purpose::ticket;
  HelloContext context;
  context.endpoints = &stage.endpoints;
  context.purposes = {Purpose::ticket, Purpose::reauth};
  CHECK(ServerHandshake::begin(ClientHandshake(terms, stage.client.sign).hello(), context).has_value());
}

TEST_CASE("the client refuses a Challenge of another server than the pinned one") {
  Stage stage;
  Stage elsewhere;
  elsewhere.server = Party::make(stage.random, "forged");
  elsewhere.client.versions = stage.client.versions;
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  HelloContext context;
  context.endpoints = &stage.endpoints;
  context.purposes = {Purpose::connect};
  ServerHandshake forged = ServerHandshake::begin(client.hello(), context).value();
  CHECK(client.challenge(elsewhere.challenge(forged), stage.client_now).error() == Errc::wrong_server);
}

TEST_CASE("the client refuses a Challenge in the pinned server's name, signed by somebody else") {
  Stage stage;
  const Party forger = Party::make(stage.random, "forger");
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  const json::object challenge = fields_of(stage.challenge(server));
  CHECK(client.challenge(signed_anew(challenge, forger.sign), stage.client_now).error() == Errc::wrong_key);
  CHECK(client.challenge(signed_anew(challenge, stage.server.update), stage.client_now).error() == Errc::wrong_key);
  CHECK(client.challenge(signed_anew(challenge, stage.client.sign), stage.client_now).error() == Errc::wrong_key);
  CHECK(client.challenge(signed_anew(challenge, stage.server.sign), stage.client_now).has_value());
}

TEST_CASE("the client refuses a server's key that a later version has dropped") {
  Stage stage;
  const object::KeyPair newer = object::KeyPair::generate(stage.random);
  ClientTerms terms = stage.client_terms();
  stage.server.versions.push_back(stage.server.next(newer));
  ClientHandshake client(terms, stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  CHECK(client.challenge(stage.challenge(server), stage.client_now).error() == Errc::wrong_key);
}

TEST_CASE("the client refuses a history of the server that is not the pinned one's") {
  Stage stage;
  const object::Identity fork = stage.server.next(stage.server.sign, "fork");
  stage.server.versions.push_back(stage.server.next(stage.server.sign, "first"));
  ClientTerms terms = stage.client_terms();
  stage.server.versions.back() = fork;
  ClientHandshake client(terms, stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  CHECK(client.challenge(stage.challenge(server), stage.client_now).error() == Errc::wrong_server);
}

TEST_CASE("the client refuses a Challenge for another Hello: the nonce makes it new") {
  Stage stage;
  ClientHandshake first(stage.client_terms(), stage.client.sign);
  ClientHandshake second(stage.client_terms(), stage.client.sign);
  CHECK(first.hello() != second.hello());
  ServerHandshake server = stage.begin(first.hello()).value();
  CHECK(second.challenge(stage.challenge(server), stage.client_now).error() == Errc::wrong_challenge);
}

TEST_CASE("the client refuses a Welcome of another handshake, or signed by somebody else") {
  Stage stage;
  Challenged before = Challenged::at(stage);
  REQUIRE(stage.prove(before.server, before.client.proof(stage.proof_terms())).has_value());
  Challenged at = Challenged::at(stage);
  REQUIRE(stage.prove(at.server, at.client.proof(stage.proof_terms())).has_value());
  const std::string welcome = stage.welcome(at.server);
  CHECK(at.client.welcome(stage.welcome(before.server)).error() == Errc::wrong_challenge);
  CHECK(at.client.welcome(signed_anew(fields_of(welcome), stage.client.sign)).error() == Errc::wrong_key);
  json::object renamed = fields_of(welcome);
  renamed["_author"] = stage.client.permalink().hex();
  CHECK(at.client.welcome(signed_anew(renamed, stage.server.sign)).error() == Errc::wrong_server);
  CHECK(at.client.welcome(welcome).has_value());
}

TEST_CASE("the client refuses a Challenge or a Welcome without a field that it needs, though signed in order") {
  Stage stage;
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  ServerHandshake server = stage.begin(client.hello()).value();
  const json::object challenge = fields_of(stage.challenge(server));
  for (const char* field :
       {"_time", "_author", "hello", "client", "nonce", "received", "expires", "limits", "binding"}) {
    INFO(field);
    json::object spoiled = challenge;
    spoiled.erase(field);
    CHECK(client.challenge(signed_anew(spoiled, stage.server.sign), stage.client_now).error() == Errc::malformed);
  }
  REQUIRE(client.challenge(text_of(challenge), stage.client_now).has_value());
  REQUIRE(stage.prove(server, client.proof(stage.proof_terms())).has_value());
  const json::object welcome = fields_of(stage.welcome(server));
  for (const char* field : {"_time", "_author", "proof", "session", "epoch", "expires", "reauthAfter", "identity",
                            "position", "light", "log"}) {
    INFO(field);
    json::object spoiled = welcome;
    spoiled.erase(field);
    CHECK(client.welcome(signed_anew(spoiled, stage.server.sign)).error() == Errc::malformed);
  }
}
