// The whole handshake, both sides, and what each side refuses (PROTOCOL section 3, Checks).

#include <catch2/catch.hpp>

#include "auth/stage.hpp"

using namespace sealpost;
using namespace sealpost::auth;

TEST_CASE("both sides know each other after four objects") {
  Stage stage;
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  auto server = stage.begin(client.hello());
  REQUIRE(server.has_value());
  REQUIRE(client.challenge(stage.challenge(*server), stage.client_now).has_value());
  CHECK(client.challenge().limits == Announced{262'144, 16, 86'400});
  CHECK(client.challenge().identity.empty());  // all of them were pinned

  ProofTerms terms = stage.proof_terms();
  terms.position = lane::Position{*Device::parse("log-1"), lane::Mark{Seq{2}, Link{sha256(as_bytes("in 2"))}},
                                  lane::Mark{Seq{0}, Link{}}};
  const auto accepted = stage.prove(*server, client.proof(terms));
  REQUIRE(accepted.has_value());
  CHECK(accepted->client == stage.client.permalink());
  CHECK(accepted->device == stage.device);
  CHECK(accepted->key == stage.client.sign.key());
  CHECK(accepted->purpose == Purpose::connect);
  CHECK(accepted->endpoint == stage.endpoint);
  CHECK(accepted->issued == 1);
  CHECK(accepted->introduce.empty());
  REQUIRE(accepted->position);
  CHECK(accepted->position->log.text() == "log-1");
  CHECK(accepted->position->sent == terms.position->sent);
  CHECK(accepted->position->received == terms.position->received);
  CHECK_FALSE(accepted->from_first);

  const auto welcome = client.welcome(stage.welcome(*server));
  REQUIRE(welcome.has_value());
  CHECK(welcome->epoch == Epoch{7});
  CHECK(welcome->session == "5e5510");
  CHECK(welcome->received.n == Seq{3});
  CHECK(welcome->sent.link == Link{sha256(as_bytes("out 5"))});
  CHECK(welcome->acked == Seq{4});
  CHECK(welcome->light == lane::Light::drain);
  CHECK(welcome->log_head == EventId{99});
}

TEST_CASE("a client that is new to the server brings its identity") {
  Stage stage;
  stage.known.clear();
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  auto server = stage.begin(client.hello());
  REQUIRE(server.has_value());
  REQUIRE(client.challenge(stage.challenge(*server), stage.client_now).has_value());
  ProofTerms terms = stage.proof_terms();
  terms.from_first = true;
  const auto accepted = stage.prove(*server, client.proof(terms));
  REQUIRE(accepted.has_value());
  REQUIRE(accepted->introduce.size() == 1);
  CHECK(accepted->introduce[0].link() == stage.client.versions[0].link());
  CHECK(accepted->from_first);
  CHECK_FALSE(accepted->position);
}

TEST_CASE("a client that has pinned nobody is shown all of the server's versions") {
  Stage stage;
  const object::KeyPair newer = object::KeyPair::generate(stage.random);
  stage.server.versions.push_back(stage.server.next(stage.server.sign));
  ClientTerms terms = stage.client_terms();
  terms.pinned.clear();
  ClientHandshake client(terms, stage.client.sign);
  auto server = stage.begin(client.hello());
  REQUIRE(client.challenge(stage.challenge(*server), stage.client_now).has_value());
  REQUIRE(client.server().size() == 2);
  CHECK(client.server()[1].link() == stage.server.versions[1].link());
}

TEST_CASE("a client that has pinned an earlier version is shown those after it") {
  Stage stage;
  ClientTerms terms = stage.client_terms();
  stage.server.versions.push_back(stage.server.next(stage.server.sign));
  ClientHandshake client(terms, stage.client.sign);
  auto server = stage.begin(client.hello());
  REQUIRE(client.challenge(stage.challenge(*server), stage.client_now).has_value());
  CHECK(client.challenge().identity.size() == 1);
  CHECK(client.server().size() == 2);
}

TEST_CASE("the client's clock may be wrong by any amount: it learns by how much") {
  Stage stage;
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  auto server = stage.begin(client.hello());
  // 40 ms on the way to the server, 40 ms back.
  stage.now += 40;
  const std::string challenge = stage.challenge(*server);
  REQUIRE(client.challenge(challenge, stage.client_now + 80).has_value());
  CHECK(client.clock_offset() == 50'000'000);
  CHECK(stage.prove(*server, client.proof(stage.proof_terms())).has_value());
}

TEST_CASE("a Hello is refused") {
  Stage stage;
  Run run{stage};
  struct Row {
    const char* why;
    std::function<void(ClientTerms&)> terms;
    Errc cause;
  };
  const Row rows[] = {
      {"another device than the MQTT client id's", [](ClientTerms& t) { t.device = *Device::parse("other"); },
       Errc::wrong_client_id},
      {"another client than the MQTT client id's", [&](ClientTerms& t) { t.client = stage.server.permalink(); },
       Errc::wrong_client_id},
      {"relayed: the client dialled somebody else", [](ClientTerms& t) { t.endpoint = "mqtts://evil.example:8883"; },
       Errc::wrong_endpoint},
      {"another port", [](ClientTerms& t) { t.endpoint = "mqtts://chat.example.org:8884"; }, Errc::wrong_endpoint},
      {"the same without TLS", [](ClientTerms& t) { t.endpoint = "mqtt://chat.example.org:8883"; },
       Errc::wrong_endpoint},
      {"a purpose of another carrier", [](ClientTerms& t) { t.purpose = Purpose::ticket; }, Errc::wrong_purpose},
      {"re-authentication without a session", [](ClientTerms& t) { t.purpose = Purpose::reauth; }, Errc::malformed},
  };
  for (const Row& row : rows) {
    INFO(row.why);
    run.terms = row.terms;
    CHECK(run.verdict() == row.cause);
  }
}

TEST_CASE("a Hello of another version of the protocol is refused") {
  Stage stage;
  Run run{stage};
  run.hello_through = [](std::string text) {
    json::object fields = fields_of(text);
    fields["v"] = 2;
    return text_of(fields);
  };
  CHECK(run.verdict() == Errc::malformed);
}

TEST_CASE("a Hello altered on its way comes to nothing, whatever was altered") {
  Stage stage;
  const std::string hello = ClientHandshake(stage.client_terms(), stage.client.sign).hello();
  std::size_t answered = 0;
  for (const Spoiled& spoiled : all_spoiled(hello)) {
    INFO(spoiled.where);
    ClientTerms terms = stage.client_terms();
    ClientHandshake client(terms, stage.client.sign);
    auto server = stage.begin(text_of(spoiled.fields));
    if (!server) continue;
    ++answered;  // what the Challenge names is not what the client said
    CHECK(client.challenge(stage.challenge(*server), stage.client_now).error() == Errc::wrong_challenge);
  }
  CHECK(answered > 0);
}

TEST_CASE("a Challenge altered on its way is refused before anything is signed") {
  Stage stage;
  stage.server.versions.push_back(stage.server.next(stage.server.sign));
  ClientTerms terms = stage.client_terms();
  terms.pinned.pop_back();
  ClientHandshake client(terms, stage.client.sign);
  auto server = stage.begin(client.hello());
  const std::string challenge = stage.challenge(*server);
  for (const Spoiled& spoiled : all_spoiled(challenge)) {
    INFO(spoiled.where);
    CHECK(client.challenge(text_of(spoiled.fields), stage.client_now).has_error());
  }
  CHECK(client.challenge(challenge, stage.client_now).has_value());
}

TEST_CASE("a Proof altered on its way is refused") {
  Stage stage;
  stage.exporter = sha256(as_bytes("this connection"));
  stage.known.clear();
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  auto server = stage.begin(client.hello());
  REQUIRE(client.challenge(stage.challenge(*server), stage.client_now).has_value());
  ProofTerms terms = stage.proof_terms();
  terms.position = lane::Position{*Device::parse("log-1"), lane::Mark{Seq{2}, Link{sha256(as_bytes("in 2"))}},
                                  lane::Mark{Seq{3}, Link{sha256(as_bytes("out 3"))}}};
  terms.from_first = true;
  terms.invite = "open sesame";
  const std::string proof = client.proof(terms);
  std::size_t tried = 0;
  for (const Spoiled& spoiled : all_spoiled(proof)) {
    INFO(spoiled.where);
    ++tried;
    ServerHandshake attempt = *server;  // a failed proof uses the challenge up
    CHECK(stage.prove(attempt, text_of(spoiled.fields)).has_error());
  }
  CHECK(tried > 100);
  CHECK(stage.prove(*server, proof).has_value());
}

TEST_CASE("a Welcome altered on its way is refused") {
  Stage stage;
  ClientHandshake client(stage.client_terms(), stage.client.sign);
  auto server = stage.begin(client.hello());
  REQUIRE(client.challenge(stage.challenge(*server), stage.client_now).has_value());
  REQUIRE(stage.prove(*server, client.proof(stage.proof_terms())).has_value());
  const std::string welcome = stage.welcome(*server);
  for (const Spoiled& spoiled : all_spoiled(welcome)) {
    INFO(spoiled.where);
    CHECK(client.welcome(text_of(spoiled.fields)).has_error());
  }
  CHECK(client.welcome(welcome).has_value());
}
