#pragma once
// The two sides of a handshake in memory, and the ways to spoil what goes between them.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <vector>

#include "auth/handshake.hpp"
#include "object/canonical.hpp"
#include "object/json.hpp"

namespace sealpost::auth {

namespace json = boost::json;

// Bytes that differ from call to call, the same in every run.
class Counting final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    const Digest block = sha256(as_bytes(std::to_string(++calls_)));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = block[i % block.size()];
  }

 private:
  std::uint64_t calls_ = 0;
};

// An identity with its keys.
struct Party {
  object::KeyPair update;
  object::KeyPair sign;
  std::vector<object::Identity> versions;

  static Party make(Random& random, std::string name) {
    Party party{object::KeyPair::generate(random), object::KeyPair::generate(random), {}};
    object::IdentityDraft draft;
    draft.name = std::move(name);
    draft.keys = {{object::purpose_update, &party.update}, {object::purpose_sign, &party.sign}};
    draft.time = 1'700'000'000'000;
    party.versions.push_back(object::make_first(draft, party.update));
    return party;
  }

  Permalink permalink() const { return versions.front().permalink(); }

  // A further version, in which `sign_key` is the only sign key.
  object::Identity next(const object::Signer& sign_key, std::string name = "later") const {
    object::IdentityDraft draft;
    draft.name = std::move(name);
    draft.keys = {{object::purpose_update, &update}, {object::purpose_sign, &sign_key}};
    draft.time = 1'700'000'001'000;
    return object::make_next(versions.back(), draft, update);
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const object::Identity& version : versions) texts.emplace_back(version.stored());
    return texts;
  }
};

// What both sides go by; a test changes what it is about.
struct Stage {
  Counting random;
  Party server = Party::make(random, "server");
  Party client = Party::make(random, "client");
  Device device = *Device::parse("phone");
  std::string endpoint = "mqtts://chat.example.org:8883";
  std::vector<std::string> endpoints{endpoint};
  std::vector<Purpose> purposes{Purpose::connect};
  Registration registration;
  std::vector<object::Identity> known = client.versions;
  std::optional<Digest> exporter;
  Millis now = 1'790'000'000'000;        // the server's clock
  Millis client_now = now - 50'000'000;  // the client's is wrong, and it does not matter
  std::uint64_t issued = 0;

  std::string mqtt_client_id() const { return client.permalink().hex() + "." + device.text(); }

  ClientTerms client_terms() {
    ClientTerms terms;
    terms.client = client.permalink();
    terms.device = device;
    terms.endpoint = endpoint;
    terms.pinned = server.versions;
    terms.nonce = random.bytes<32>();
    terms.now = client_now;
    return terms;
  }

  ProofTerms proof_terms() const {
    ProofTerms terms;
    terms.binding = exporter;
    terms.now = client_now;
    if (known.empty()) terms.identity = client.texts();
    return terms;
  }

  Result<ServerHandshake> begin(std::string_view hello) const {
    const std::string id = mqtt_client_id();
    HelloContext context;
    context.mqtt_client_id = id;
    context.endpoints = &endpoints;
    context.purposes = purposes;
    return ServerHandshake::begin(hello, context);
  }

  std::string challenge(ServerHandshake& handshake) {
    ChallengeTerms terms;
    terms.server = server.permalink();
    terms.server_identity = server.texts();
    for (const object::Identity& version : server.versions) terms.server_links.push_back(version.link());
    terms.nonce = random.bytes<32>();
    terms.received = now;
    terms.now = now;
    terms.limits = {262'144, 16, 86'400};
    terms.binding = exporter.has_value();
    terms.issued = ++issued;
    return handshake.challenge(terms, server.sign);
  }

  Result<ProofAccepted> prove(ServerHandshake& handshake, std::string_view proof) const {
    return handshake.proof(proof, {&known, exporter, &registration, now});
  }

  std::string welcome(const ServerHandshake& handshake) const {
    Welcome welcome;
    welcome.session = "5e5510";
    welcome.epoch = Epoch{7};
    welcome.expires = now + 86'400'000;
    welcome.reauth_after = now + 80'000'000;
    welcome.identity = client.versions.back().link();
    welcome.received = {Seq{3}, Link{sha256(as_bytes("in 3"))}};
    welcome.sent = {Seq{5}, Link{sha256(as_bytes("out 5"))}};
    welcome.acked = Seq{4};
    welcome.light = lane::Light::drain;
    welcome.log = *Device::parse("log-1");
    welcome.log_head = EventId{99};
    welcome.time = now;
    return handshake.welcome(welcome, server.sign);
  }
};

// Runs the handshake up to the Proof's verdict; `between` may spoil each text on its way.
struct Run {
  Stage& stage;
  std::function<std::string(std::string)> hello_through = [](std::string text) { return text; };
  std::function<std::string(std::string)> proof_through = [](std::string text) { return text; };
  std::function<void(ClientTerms&)> terms = [](ClientTerms&) {};
  std::function<void(ProofTerms&)> proof_terms = [](ProofTerms&) {};

  ErrorCode verdict() {
    ClientTerms mine = stage.client_terms();
    terms(mine);
    ClientHandshake client(mine, stage.client.sign);
    auto server = stage.begin(hello_through(client.hello()));
    if (!server) return server.error();
    const auto challenged = client.challenge(stage.challenge(*server), stage.client_now);
    if (!challenged) return challenged.error();
    ProofTerms how = stage.proof_terms();
    proof_terms(how);
    const auto accepted = stage.prove(*server, proof_through(client.proof(how)));
    return accepted ? ErrorCode{} : accepted.error();
  }
};

// Text and object, there and back.
inline json::object fields_of(std::string_view text) {
  return object::parse_json(text).value().as_object();
}
inline std::string text_of(const json::object& fields) {
  return object::canonicalize(json::value(fields));
}
inline std::string signed_anew(json::object fields, const object::Signer& signer) {
  fields.erase("_s");
  return object::prepare(fields).sign(signer).stored;
}

// One way to spoil an object: where, and what it looks like afterwards.
struct Spoiled {
  std::string where;
  json::object fields;
};

// A value of the same kind and form that is another.
inline json::value another(const json::value& value) {
  if (value.is_bool()) return !value.as_bool();
  if (value.is_int64()) return value.as_int64() + 1;
  if (!value.is_string()) return nullptr;
  std::string text(value.as_string());
  if (text.empty()) return "x";
  // The first character, so that the last one's unused bits in base64url stay as they are.
  text.front() = text.front() == 'a' ? 'b' : 'a';
  return json::value(text);
}

// Every member at every depth: another value, another type, gone. Lists are spoiled as a whole, and in their items.
inline void spoil(const json::value& value, const std::string& where,
                  const std::function<void(const std::string&, const std::optional<json::value>&)>& put) {
  put(where + " removed", std::nullopt);
  put(where + " null", json::value(nullptr));
  put(where + " array", json::value(json::array{1}));
  put(where + " object", json::value(json::object{{"x", 1}}));
  put(where + " number", json::value(-1));
  put(where + " text", json::value(""));
  if (value.is_object()) {
    for (const auto& member : value.as_object()) {
      spoil(member.value(), where + "." + std::string(member.key()),
            [&](const std::string& what, const std::optional<json::value>& by) {
              json::object changed = value.as_object();
              if (by) {
                changed[member.key()] = *by;
              } else {
                changed.erase(member.key());
              }
              put(what, json::value(changed));
            });
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      spoil(value.as_array()[i], where + "[" + std::to_string(i) + "]",
            [&](const std::string& what, const std::optional<json::value>& by) {
              json::array changed = value.as_array();
              if (by) {
                changed[i] = *by;
              } else {
                changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
              }
              put(what, json::value(changed));
            });
    }
  } else {
    put(where + " altered", another(value));
  }
}

inline std::vector<Spoiled> all_spoiled(std::string_view text) {
  std::vector<Spoiled> all;
  const json::object original = fields_of(text);
  spoil(json::value(original), "", [&](const std::string& where, const std::optional<json::value>& by) {
    if (by && by->is_object() && by->as_object() != original) all.push_back({where, by->as_object()});
  });
  json::object grown = original;
  grown["extra"] = 1;
  all.push_back({".extra added", grown});
  return all;
}

}  // namespace sealpost::auth
