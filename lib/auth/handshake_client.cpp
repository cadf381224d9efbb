// The client's side of the handshake.

#include "auth/handshake.hpp"
#include "base/assert.hpp"

namespace sealpost::auth {
namespace {

Hello hello_of(const ClientTerms& terms, const object::Signer& signer) {
  Hello hello;
  hello.client = terms.client;
  hello.device = terms.device;
  hello.key = signer.key();
  if (!terms.pinned.empty()) hello.server = {terms.pinned.back().permalink(), terms.pinned.back().link()};
  hello.endpoint = terms.endpoint;
  hello.nonce = terms.nonce;
  hello.purpose = terms.purpose;
  hello.session = terms.session;
  hello.time = terms.now;
  return hello;
}

// `server` goes on with the versions that the Challenge brought.
Result<void> follow(std::vector<object::Identity>& server, const std::vector<std::string>& versions) {
  for (const std::string& text : versions) {
    auto version = object::Identity::parse(text);
    if (!version) return Errc::wrong_server;
    if (version->version() < server.size()) {
      if (version->link() != server[version->version()].link()) return Errc::wrong_server;
      continue;
    }
    const auto follows = server.empty() ? object::check_first(*version) : object::check_next(server.back(), *version);
    if (!follows) return Errc::wrong_server;
    server.push_back(std::move(*version));
  }
  return {};
}

// By a `sign` key of the newest version.
Result<void> verify_server(const object::Object& object, const std::vector<object::Identity>& server) {
  if (object.author() != server.front().permalink()) return Errc::wrong_server;
  if (!server.back().has_key(object::purpose_sign, object.signature()->key)) return Errc::wrong_key;
  if (!object::verify_signature(object)) return Errc::bad_signature;
  return {};
}

}  // namespace

ClientHandshake::ClientHandshake(ClientTerms terms, const object::Signer& signer)
    : terms_(std::move(terms)), signer_(signer), hello_text_(hello_of(terms_, signer).text()) {
  hello_link_ = object::link_of(hello_text_);
}

Result<void> ClientHandshake::challenge(std::string_view text, Millis now) {
  const auto object = object::Object::parse(text);
  if (!object) return Errc::malformed;
  auto challenge = Challenge::read(*object);
  if (!challenge) return challenge.error();
  if (challenge->hello != hello_link_ || challenge->client != terms_.client) return Errc::wrong_challenge;
  std::vector<object::Identity> server = terms_.pinned;
  const auto followed = follow(server, challenge->identity);
  if (!followed) return followed.error();
  if (server.empty()) return Errc::wrong_server;
  const auto signed_by_server = verify_server(*object, server);
  if (!signed_by_server) return signed_by_server.error();
  server_ = std::move(server);
  challenge_ = std::move(*challenge);
  challenge_link_ = object->link();
  clock_offset_ = ((challenge_.received - terms_.now) + (challenge_.time - now)) / 2;
  return {};
}

std::string ClientHandshake::proof(const ProofTerms& terms) {
  SEALPOST_ASSERT(!server_.empty());
  Proof proof;
  proof.author = terms_.client;
  proof.challenge = challenge_link_;
  proof.binding = terms.binding;
  proof.position = terms.position;
  proof.from_first = terms.from_first;
  proof.identity = terms.identity;
  proof.invite = terms.invite;
  proof.time = terms.now;
  object::Signed made = proof.sign(signer_);
  proof_link_ = made.link;
  return std::move(made.stored);
}

Result<Welcome> ClientHandshake::welcome(std::string_view text) const {
  const auto object = object::Object::parse(text);
  if (!object) return Errc::malformed;
  auto welcome = Welcome::read(*object);
  if (!welcome) return welcome.error();
  if (proof_link_.is_none() || welcome->proof != proof_link_) return Errc::wrong_challenge;
  const auto signed_by_server = verify_server(*object, server_);
  if (!signed_by_server) return signed_by_server.error();
  return welcome;
}

}  // namespace sealpost::auth
