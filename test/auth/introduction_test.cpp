// Which identities a Proof may bring, and who may register (PROTOCOL sections 1 and 3).

#include <catch2/catch.hpp>

#include "auth/stage.hpp"
#include "base/encoding.hpp"

using namespace sealpost;
using namespace sealpost::auth;

namespace {

std::string text(const object::Identity& version) {
  return std::string(version.stored());
}

}  // namespace

TEST_CASE("an identity that nobody knows and nobody brings is refused") {
  Stage stage;
  stage.known.clear();
  Run run{stage};
  run.proof_terms = [](ProofTerms& terms) { terms.identity.clear(); };
  CHECK(run.verdict() == Errc::unknown_client);
}

TEST_CASE("versions that the server has already are no offence: a Welcome may have been lost") {
  Stage stage;
  Run run{stage};
  run.proof_terms = [&](ProofTerms& terms) { terms.identity = stage.client.texts(); };
  CHECK_FALSE(run.verdict());
}

TEST_CASE("a later version follows the known one, and its keys count at once") {
  Stage stage;
  object::KeyPair newer = object::KeyPair::generate(stage.random);
  const object::Identity next = stage.client.next(newer);
  Run run{stage};
  run.proof_terms = [&](ProofTerms& terms) { terms.identity = {text(next)}; };
  // The old sign key is dropped by the version that it brings.
  CHECK(run.verdict() == Errc::wrong_key);
  // The new one may sign.
  std::swap(stage.client.sign, newer);
  CHECK_FALSE(run.verdict());
  // Without the version that lists it, it may not.
  run.proof_terms = [](ProofTerms&) {};
  CHECK(run.verdict() == Errc::wrong_key);
}

TEST_CASE("several versions come in order, without a gap") {
  Stage stage;
  Party& client = stage.client;
  stage.known.clear();
  client.versions.push_back(client.next(client.sign, "one"));
  client.versions.push_back(client.next(client.sign, "two"));
  Run run{stage};
  CHECK_FALSE(run.verdict());
  run.proof_terms = [&](ProofTerms& terms) { terms.identity.erase(terms.identity.begin() + 1); };
  CHECK(run.verdict() == Errc::bad_identity);
  run.proof_terms = [&](ProofTerms& terms) { terms.identity.erase(terms.identity.begin()); };
  CHECK(run.verdict() == Errc::bad_identity);
  run.proof_terms = [&](ProofTerms& terms) { std::swap(terms.identity[1], terms.identity[2]); };
  CHECK(run.verdict() == Errc::bad_identity);
}

TEST_CASE("another version under a known number is a fork") {
  Stage stage;
  Party& client = stage.client;
  const object::Identity fork = client.next(client.sign, "fork");
  client.versions.push_back(client.next(client.sign, "first"));
  stage.known = client.versions;
  Run run{stage};
  run.proof_terms = [&](ProofTerms& terms) { terms.identity = {text(fork)}; };
  CHECK(run.verdict() == Errc::identity_fork);
}

TEST_CASE("somebody else's identity is refused") {
  Stage stage;
  const Party other = Party::make(stage.random, "other");
  stage.known.clear();
  Run run{stage};
  run.proof_terms = [&](ProofTerms& terms) { terms.identity = other.texts(); };
  CHECK(run.verdict() == Errc::bad_identity);
}

TEST_CASE("an identity altered on its way is refused, whatever was altered") {
  Stage stage;
  stage.known.clear();
  std::size_t tried = 0;
  for (const Spoiled& spoiled : all_spoiled(stage.client.versions.front().stored())) {
    INFO(spoiled.where);
    ++tried;
    Run run{stage};
    run.proof_terms = [&](ProofTerms& terms) { terms.identity = {text_of(spoiled.fields)}; };
    CHECK(run.verdict());
  }
  CHECK(tried > 50);
}

TEST_CASE("more versions than the server takes at once are refused before any signature is checked") {
  Stage stage;
  Party& client = stage.client;
  stage.known.clear();
  for (std::size_t i = 0; i < new_versions_max; ++i)
    client.versions.push_back(client.next(client.sign, std::to_string(i)));
  Run run{stage};
  CHECK(run.verdict() == Errc::too_many);
  client.versions.pop_back();
  CHECK_FALSE(run.verdict());
}

TEST_CASE("registration admits by policy, and asks those only who are new") {
  Stage stage;
  using Policy = Registration::Policy;
  struct Row {
    const char* what;
    Policy policy;
    std::string invite;
    bool listed;
    bool admitted;
  };
  const Row rows[] = {
      {"open admits everyone", Policy::open, "", false, true},
      {"an invitation admits", Policy::invite, "open sesame", false, true},
      {"another code does not", Policy::invite, "open sesam", false, false},
      {"nor does none", Policy::invite, "", false, false},
      {"a listed identity is admitted", Policy::listed, "", true, true},
      {"one not listed is not, code or no code", Policy::listed, "open sesame", false, false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    stage.registration = {};
    stage.registration.policy = row.policy;
    stage.registration.invites = {to_hex(sha256(as_bytes("open sesame")))};
    if (row.listed) stage.registration.listed = {stage.client.permalink()};
    Run run{stage};
    run.proof_terms = [&](ProofTerms& terms) { terms.invite = row.invite; };
    stage.known.clear();
    CHECK(run.verdict() == (row.admitted ? ErrorCode{} : make_error_code(Errc::not_registered)));
    stage.known = stage.client.versions;
    CHECK_FALSE(run.verdict());
  }
}
