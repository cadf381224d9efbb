// Any bytes, at any step of the handshake, on either side: refused, or what was agreed. The first byte says what they
// are taken for; in capitals, they are first signed by whoever should have sent them, so that the fuzzer comes past the
// signature.

#include "../auth/stage.hpp"
#include "base/assert.hpp"

using namespace sealpost;
using namespace sealpost::auth;

namespace {

// A handshake on its way: made once, copied for each input.
struct Scene {
  Stage stage;
  ClientHandshake client{stage.client_terms(), stage.client.sign};
  ClientHandshake challenged = client;
  std::optional<ServerHandshake> server;
  std::string challenge, proof;

  Scene() {
    server = stage.begin(client.hello()).value();
    challenge = stage.challenge(*server);
    challenged.challenge(challenge, stage.client_now).value();
    proof = challenged.proof(stage.proof_terms());
  }
};

const Scene& scene() {
  static const Scene made;
  return made;
}

// What was read says the same when it is made again.
template <class T>
void check_again(const object::Object& object, const object::Signer& signer) {
  const auto read = T::read(object);
  if (!read) return;
  const std::string made = read->sign(signer).stored;
  const auto again = T::read(object::Object::parse(made).value());
  SEALPOST_ASSERT(again.has_value() && again->sign(signer).stored == made);
}

void try_hello(std::string_view text) {
  const auto begun = scene().stage.begin(text);
  if (!begun) return;
  const Hello& hello = begun->hello();
  SEALPOST_ASSERT(hello.client.hex() + "." + hello.device.text() == scene().stage.mqtt_client_id());
  SEALPOST_ASSERT(hello.endpoint == scene().stage.endpoint && hello.purpose == Purpose::connect);
  SEALPOST_ASSERT(Hello::read(object::Object::parse(hello.text()).value()).has_value());
}

void try_challenge(std::string_view text, bool signed_by_server) {
  ClientHandshake client = scene().client;
  if (client.challenge(text, scene().stage.client_now).has_error()) return;
  SEALPOST_ASSERT(signed_by_server ||
                  object::Object::parse(text)->link() == object::Object::parse(scene().challenge)->link());
  SEALPOST_ASSERT(client.challenge().client == scene().stage.client.permalink());
}

void try_proof(std::string_view text, bool signed_by_client) {
  ServerHandshake server = *scene().server;
  SEALPOST_ASSERT(signature_checks(text) >= 1);
  const auto accepted = scene().stage.prove(server, text);
  if (!accepted) return;
  SEALPOST_ASSERT(signed_by_client || accepted->proof == object::Object::parse(scene().proof)->link());
  SEALPOST_ASSERT(accepted->client == scene().stage.client.permalink() && accepted->introduce.empty());
  SEALPOST_ASSERT(accepted->in_force->has_key(object::purpose_sign, accepted->key));
  // A second one is never taken.
  SEALPOST_ASSERT(scene().stage.prove(server, text).has_error());
}

// With the fields that only the other side could know, and the right signature.
std::string completed(std::string_view text, const Party& author, std::string_view field, const Link& link) {
  const auto value = object::parse_json(text, {}, object::client_limits(1 << 16));
  if (!value || !value->is_object()) return {};
  json::object fields = value->as_object();
  if (fields.contains("_author")) fields["_author"] = author.permalink().hex();
  if (fields.contains(field)) fields[field] = link.hex();
  fields.erase("_s");
  if (!fields.contains("_t")) return {};
  return object::prepare(fields).sign(author.sign).stored;
}

Link link_of(std::string_view text) {
  return object::Object::parse(text)->link();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Stage& stage = scene().stage;
  const auto object = object::Object::parse(text, object::client_limits(1 << 16));
  switch (data[0]) {
    case 'h':
      try_hello(text);
      break;
    case 'c':
      if (object) check_again<Challenge>(*object, stage.server.sign);
      try_challenge(text, false);
      break;
    case 'C':
      try_challenge(completed(text, stage.server, "hello", link_of(scene().client.hello())), true);
      break;
    case 'p':
      if (object) check_again<Proof>(*object, stage.client.sign);
      try_proof(text, false);
      break;
    case 'P':
      try_proof(completed(text, stage.client, "challenge", link_of(scene().challenge)), true);
      break;
    case 'w':
      if (object) check_again<Welcome>(*object, stage.server.sign);
      SEALPOST_ASSERT(scene().challenged.welcome(text).has_error());
      break;
    case 'W':
      (void)scene().challenged.welcome(completed(text, stage.server, "proof", link_of(scene().proof)));
      break;
    default:
      break;
  }
  return 0;
}
