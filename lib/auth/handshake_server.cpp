// The server's side of the handshake.

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "auth/handshake.hpp"
#include "auth/topic.hpp"
#include "base/assert.hpp"

namespace sealpost::auth {
namespace {

// The versions that the client does not have: those after the one it names, or all.
std::vector<std::string> unseen_versions(const Hello& hello, const ChallengeTerms& terms) {
  if (!hello.server || hello.server->permalink != terms.server) return terms.server_identity;
  const auto named = std::ranges::find(terms.server_links, hello.server->link);
  if (named == terms.server_links.end()) return terms.server_identity;
  const auto first = terms.server_identity.begin() + (named - terms.server_links.begin()) + 1;
  return {first, terms.server_identity.end()};
}

Errc cause_of(const ErrorCode& error) {
  return error == object::Errc::bad_signature ? Errc::bad_signature : Errc::bad_identity;
}

// Its own, and one for each key that may prove itself.
std::int64_t signature_checks_of(const boost::json::value& version) {
  const auto* const fields = version.if_object();
  const auto* const keys = fields == nullptr ? nullptr : object::find(*fields, "pubkeys");
  if (keys == nullptr || !keys->is_array()) return 1;
  return 1 + static_cast<std::int64_t>(std::min(keys->get_array().size(), object::identity_keys_max));
}

}  // namespace

std::int64_t signature_checks(std::string_view proof) {
  const auto object = object::Object::parse(proof, object::client_limits(handshake_bytes_max));
  if (!object) return 1;
  const auto* const versions = object::find(object->fields(), "identity");
  std::int64_t checks = 1;
  if (versions == nullptr || !versions->is_array()) return checks;
  for (const boost::json::value& version : versions->get_array()) checks += signature_checks_of(version);
  return checks;
}

Result<ServerHandshake> ServerHandshake::begin(std::string_view text, const HelloContext& context) {
  const auto object = object::Object::parse(text, object::client_limits(hello_bytes_max));
  if (!object) return Errc::malformed;
  auto hello = Hello::read(*object);
  if (!hello) return hello.error();
  const std::string client_id = ClientId{hello->client, hello->device}.text();
  if (context.mqtt_client_id && *context.mqtt_client_id != client_id) return Errc::wrong_client_id;
  if (std::ranges::find(*context.endpoints, hello->endpoint) == context.endpoints->end()) return Errc::wrong_endpoint;
  if (std::ranges::find(context.purposes, hello->purpose) == context.purposes.end()) return Errc::wrong_purpose;
  ServerHandshake handshake;
  handshake.hello_ = std::move(*hello);
  handshake.hello_link_ = object->link();
  return handshake;
}

std::string ServerHandshake::challenge(const ChallengeTerms& terms, const object::Signer& signer) {
  SEALPOST_ASSERT(server_.is_none());
  Challenge challenge;
  challenge.author = terms.server;
  challenge.hello = hello_link_;
  challenge.client = hello_.client;
  challenge.nonce = terms.nonce;
  challenge.received = terms.received;
  challenge.time = terms.now;
  challenge.expires = terms.now + challenge_lifetime_max;
  challenge.limits = terms.limits;
  challenge.identity = unseen_versions(hello_, terms);
  challenge.binding = terms.binding;
  object::Signed made = challenge.sign(signer);
  server_ = terms.server;
  challenge_ = made.link;
  expires_ = challenge.expires;
  issued_ = terms.issued;
  return std::move(made.stored);
}

Result<ProofAccepted> ServerHandshake::proof(std::string_view text, const ProofContext& context) {
  const Link challenge = std::exchange(challenge_, Link{});  // used, whatever comes of it
  if (challenge.is_none()) return Errc::wrong_challenge;
  const auto object = object::Object::parse(text, object::client_limits(handshake_bytes_max));
  if (!object) return Errc::malformed;
  const auto proof = read_proof(*object, challenge, context);
  if (!proof) return proof.error();

  ProofAccepted accepted;
  accepted.client = hello_.client;
  accepted.device = hello_.device;
  accepted.key = hello_.key;
  accepted.purpose = hello_.purpose;
  accepted.endpoint = hello_.endpoint;
  accepted.position = proof->position;
  accepted.from_first = proof->from_first;
  accepted.issued = issued_;
  accepted.proof = object->link();
  const auto versions = take_versions(*proof, context, accepted);
  if (!versions) return versions.error();
  if (!accepted.in_force->has_key(object::purpose_sign, hello_.key)) return Errc::wrong_key;
  proof_ = object->link();
  return accepted;
}

// What can be said without knowing the client. The signature comes last: everything before it is cheap.
Result<Proof> ServerHandshake::read_proof(const object::Object& object, const Link& challenge,
                                          const ProofContext& context) const {
  auto proof = Proof::read(object);
  if (!proof) return proof.error();
  if (proof->challenge != challenge) return Errc::wrong_challenge;
  if (context.now > expires_) return Errc::expired;
  if (proof->author != hello_.client) return Errc::wrong_author;
  if (object.signature()->key != hello_.key) return Errc::wrong_key;
  if (proof->binding && proof->binding != context.exporter) return Errc::wrong_binding;
  if (proof->identity.size() > new_versions_max + context.known->size()) return Errc::too_many;
  if (!object::verify_signature(object)) return Errc::bad_signature;
  return proof;
}

// The versions that the client gives must be the known ones, or go on from them without a gap.
Result<void> ServerHandshake::take_versions(const Proof& proof, const ProofContext& context,
                                            ProofAccepted& accepted) const {
  if (!context.known->empty()) accepted.in_force = context.known->back();
  const bool is_new = context.known->empty();
  if (is_new && !context.registration->admits(hello_.client, proof.invite)) return Errc::not_registered;
  for (const std::string& text : proof.identity) {
    auto version = object::Identity::parse(text);
    if (!version) return Errc::bad_identity;
    if (version->permalink() != hello_.client) return Errc::bad_identity;
    if (version->version() < context.known->size()) {
      if (version->link() != (*context.known)[version->version()].link()) return Errc::identity_fork;
      continue;
    }
    if (accepted.introduce.size() == new_versions_max) return Errc::too_many;
    const auto follows =
        accepted.in_force ? object::check_next(*accepted.in_force, *version) : object::check_first(*version);
    if (!follows) return cause_of(follows.error());
    accepted.in_force = *version;
    accepted.introduce.push_back(std::move(*version));
  }
  if (!accepted.in_force) return Errc::unknown_client;
  return {};
}

std::string ServerHandshake::welcome(Welcome welcome, const object::Signer& signer) const {
  SEALPOST_ASSERT(!proof_.is_none());
  welcome.author = server_;
  welcome.proof = proof_;
  return std::move(welcome.sign(signer).stored);
}

}  // namespace sealpost::auth
