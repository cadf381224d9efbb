// The golden vectors of the handshake, proto/vectors/handshake-1.jsonl: both state machines come to what stands there.
// They were made from the protocol by a program that knows nothing of this code.

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>

#include "auth/handshake.hpp"
#include "base/encoding.hpp"

namespace sealpost::auth {
namespace {

namespace json = boost::json;

template <class Name>
Name name_of(const json::value& text) {
  return Name::from_hex(std::string_view(text.as_string())).value();
}

std::array<std::uint8_t, 32> bytes_of(const json::value& hex) {
  std::array<std::uint8_t, 32> bytes{};
  REQUIRE(from_hex(std::string_view(hex.as_string()), bytes));
  return bytes;
}

std::string word_for(const ErrorCode& error) {
  if (!error) return "ok";
  return error.category() == make_error_code(Errc::malformed).category() ? error.message() : "of another room";
}

// What the lines share; a vector may say otherwise.
class Vectors {
 public:
  Vectors() {
    std::ifstream file(SEALPOST_SOURCE_DIR "/proto/vectors/handshake-1.jsonl", std::ios::binary);
    REQUIRE(file.good());
    std::string line;
    REQUIRE(std::getline(file, line).good());
    head_ = json::parse(line).as_object();
    while (std::getline(file, line)) rows_.push_back(json::parse(line).as_object());
    for (const auto& [label, version] : stage().at("identities").as_object())
      identities_.emplace(label, object::Identity::parse(json::serialize(version)).value());
  }

  const json::object& head() const { return head_; }
  const json::object& stage() const { return head_.at("stage").as_object(); }
  const std::vector<json::object>& rows() const { return rows_; }

  std::vector<object::Identity> identities(const json::value& labels) const {
    std::vector<object::Identity> versions;
    for (const json::value& label : labels.as_array())
      versions.push_back(identities_.at(std::string(label.as_string())));
    return versions;
  }

  object::KeyPair key(std::string_view whose, std::string_view which) const {
    auto seed = bytes_of(stage().at("signSeeds").at(whose).as_array()[stage().at(which).to_number<std::size_t>()]);
    return object::KeyPair::from_seed(seed);
  }

 private:
  json::object head_;
  std::vector<json::object> rows_;
  std::map<std::string, object::Identity, std::less<>> identities_;
};

// One line, with what stands in the stage behind it.
class Vector {
 public:
  Vector(const Vectors& all, const json::object& row) : all_(all), row_(row) {}

  const json::value& at(std::string_view member) const {
    const json::value* const own = row_.if_contains(member);
    return own != nullptr ? *own : all_.stage().at(member);
  }
  bool says(std::string_view member) const { return row_.contains(member); }
  std::string text(std::string_view member) const { return std::string(at(member).as_string()); }
  Millis time(std::string_view member) const { return at(member).to_number<Millis>(); }
  std::string input() const {
    if (says("text")) return text("text");
    return std::string(as_text(from_base64url(text("bytes")).value()));
  }
  std::vector<object::Identity> identities(std::string_view member) const { return all_.identities(at(member)); }
  std::string title() const {
    return text("object") + " " + std::to_string(time("n")) + ", " + text("field") + ": " + text("case");
  }

 private:
  const Vectors& all_;
  const json::object& row_;
};

std::vector<std::string> words(const json::value& list) {
  std::vector<std::string> words;
  for (const json::value& word : list.as_array()) words.emplace_back(word.as_string());
  return words;
}

std::vector<Purpose> purposes(const json::value& list) {
  std::vector<Purpose> all;
  for (const std::string& word : words(list))
    for (const Purpose each : {Purpose::connect, Purpose::ticket, Purpose::reauth})
      if (name(each) == word) all.push_back(each);
  return all;
}

Announced limits(const json::value& fields) {
  const auto number = [&](std::string_view member) { return fields.at(member).to_number<std::int64_t>(); };
  return {number("maxMessage"), number("window"), number("sessionSeconds")};
}

Result<ServerHandshake> begin(const Vector& vector, std::string_view hello) {
  const std::vector<std::string> endpoints = words(vector.at("endpoints"));
  const std::string client_id = vector.at("clientId").is_null() ? "" : vector.text("clientId");
  HelloContext context;
  if (!vector.at("clientId").is_null()) context.mqtt_client_id = client_id;
  context.endpoints = &endpoints;
  context.purposes = purposes(vector.at("purposes"));
  return ServerHandshake::begin(hello, context);
}

std::optional<Digest> exporter(const Vector& vector) {
  if (vector.at("exporter").is_null()) return std::nullopt;
  return bytes_of(vector.at("exporter"));
}

std::string challenge(ServerHandshake& handshake, const Vectors& all, const Vector& vector) {
  ChallengeTerms terms;
  for (const object::Identity& version : vector.identities("server")) {
    terms.server_identity.emplace_back(version.stored());
    terms.server_links.push_back(version.link());
    terms.server = version.permalink();
  }
  terms.nonce = bytes_of(vector.at("serverNonce"));
  terms.received = terms.now = all.stage().at("now").to_number<Millis>();
  terms.limits = limits(vector.at("limits"));
  terms.binding = exporter(vector).has_value();
  return handshake.challenge(terms, all.key("server", "serverKey"));
}

Registration registration(const json::value& fields) {
  Registration policy;
  const std::string word(fields.at("policy").as_string());
  if (word == "invite") policy.policy = Registration::Policy::invite;
  if (word == "listed") policy.policy = Registration::Policy::listed;
  if (const json::value* const codes = fields.as_object().if_contains("invites"))
    for (const std::string& code : words(*codes)) policy.invites.insert(code);
  if (const json::value* const names = fields.as_object().if_contains("listed"))
    for (const json::value& listed : names->as_array()) policy.listed.insert(name_of<Permalink>(listed));
  return policy;
}

ErrorCode judge_proof(const Vectors& all, const Vector& vector) {
  auto handshake = begin(vector, vector.text("hello"));
  REQUIRE(handshake.has_value());
  const std::string challenged = challenge(*handshake, all, vector);
  const std::vector<object::Identity> known = vector.identities("known");
  const Registration policy = registration(vector.at("registration"));
  const ProofContext context{&known, exporter(vector), &policy, vector.time("now")};
  if (vector.says("used")) (void)handshake->proof(vector.input(), context);
  const auto accepted = handshake->proof(vector.input(), context);
  if (!accepted) return accepted.error();
  if (vector.says("inForce")) CHECK(accepted->in_force->link() == name_of<Link>(vector.at("inForce")));
  if (vector.says("introduced")) CHECK(accepted->introduce.size() == vector.at("introduced").to_number<std::size_t>());
  return {};
}

ClientHandshake client_of(const Vectors& all, const Vector& vector, const object::Signer& signer) {
  ClientTerms terms;
  terms.client = name_of<Permalink>(vector.at("client"));
  terms.device = *Device::parse(vector.text("device"));
  terms.endpoint = vector.text("endpoint");
  terms.pinned = vector.identities("pinned");
  terms.nonce = bytes_of(vector.at("clientNonce"));
  terms.now = all.stage().at("clientNow").to_number<Millis>();
  return {terms, signer};
}

// The Proof of the stage.
std::string prove(ClientHandshake& client, const Vectors& all, const Vector& vector) {
  const auto original = object::Object::parse(vector.text("proof")).value();
  const Proof fields = Proof::read(original).value();
  ProofTerms terms;
  terms.binding = bytes_of(all.stage().at("exporter"));
  terms.position = fields.position;
  terms.now = fields.time;
  return client.proof(terms);
}

ErrorCode judge_challenge(const Vectors& all, const Vector& vector) {
  const object::KeyPair signer = all.key("client", "clientKey");
  ClientHandshake client = client_of(all, vector, signer);
  const Millis now = vector.says("now") ? vector.time("now") : vector.time("clientNow");
  const auto accepted = client.challenge(vector.input(), now);
  if (!accepted) return accepted.error();
  if (vector.says("offset")) CHECK(client.clock_offset() == vector.time("offset"));
  return {};
}

ErrorCode judge_welcome(const Vectors& all, const Vector& vector) {
  const object::KeyPair signer = all.key("client", "clientKey");
  ClientHandshake client = client_of(all, vector, signer);
  REQUIRE(client.challenge(vector.text("challenge"), vector.time("clientNow")).has_value());
  (void)prove(client, all, vector);
  const auto accepted = client.welcome(vector.input());
  return accepted ? ErrorCode{} : accepted.error();
}

ErrorCode judge(const Vectors& all, const Vector& vector) {
  const std::string object = vector.text("object");
  if (object == "Hello") {
    const auto begun = begin(vector, vector.input());
    return begun ? ErrorCode{} : begun.error();
  }
  if (object == "Proof") return judge_proof(all, vector);
  return object == "Challenge" ? judge_challenge(all, vector) : judge_welcome(all, vector);
}

}  // namespace

TEST_CASE("the objects of a good run are those of the vectors, byte for byte") {
  const Vectors all;
  const json::object nothing;
  const Vector stage(all, nothing);
  const object::KeyPair signer = all.key("client", "clientKey");
  ClientHandshake client = client_of(all, stage, signer);
  CHECK(client.hello() == stage.text("hello"));
  auto server = begin(stage, client.hello());
  REQUIRE(server.has_value());
  const std::string challenged = challenge(*server, all, stage);
  CHECK(challenged == stage.text("challenge"));
  REQUIRE(client.challenge(challenged, stage.time("clientNow")).has_value());
  CHECK(prove(client, all, stage) == stage.text("proof"));
  CHECK(client.welcome(stage.text("welcome")).has_value());
}

TEST_CASE("handshakes are taken or refused as the vectors say, and for the cause that they give") {
  const Vectors all;
  REQUIRE(all.rows().size() == all.head().at("count").to_number<std::size_t>());
  REQUIRE(all.rows().size() >= 1000);
  std::set<std::string> outcomes;
  for (const json::object& row : all.rows()) {
    const Vector vector(all, row);
    INFO(vector.title());
    CHECK(word_for(judge(all, vector)) == vector.text("outcome"));
    outcomes.insert(vector.text("outcome"));
  }
  CHECK(outcomes.size() == 17);
}

}  // namespace sealpost::auth
