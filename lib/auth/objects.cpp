#include "auth/objects.hpp"

#include <boost/json/array.hpp>

#include "auth/errors.hpp"
#include "base/encoding.hpp"
#include "object/canonical.hpp"
#include "object/identity.hpp"

namespace sealpost::auth {
namespace {

namespace json = boost::json;

constexpr std::string_view hello_type = "sealpost.Hello";
constexpr std::string_view challenge_type = "sealpost.Challenge";
constexpr std::string_view proof_type = "sealpost.Proof";
constexpr std::string_view welcome_type = "sealpost.Welcome";
constexpr std::size_t text_bytes_max = 512;
constexpr std::int64_t message_max_least = 1024;
constexpr std::int64_t window_most = 16;

// Reads the fields of one object; remembers whether any of them was not as it must be.
class Fields {
 public:
  explicit Fields(const json::object& fields) : fields_(fields) {}

  bool good() const { return good_; }
  bool has(std::string_view key) const { return object::find(fields_, key) != nullptr; }
  Fields inside(std::string_view key) {
    static const json::object nothing;
    const auto* value = object::find(fields_, key);
    const bool is_object = value != nullptr && value->is_object();
    if (!is_object) good_ = false;
    return Fields(is_object ? value->as_object() : nothing);
  }
  template <class Name>
  Name hex(std::string_view key) {
    return need(object::hex_of<Name>(object::find(fields_, key)));
  }
  std::string text(std::string_view key) {
    const auto text = need(object::text_of(object::find(fields_, key)));
    if (text.empty() || text.size() > text_bytes_max) good_ = false;
    return std::string(text);
  }
  std::int64_t number(std::string_view key) {
    const std::int64_t value = need(object::integer_of(object::find(fields_, key)));
    if (value < 0) good_ = false;
    return value;
  }
  bool flag(std::string_view key) {
    const auto* value = object::find(fields_, key);
    if (value == nullptr || !value->is_bool()) return good_ = false;
    return value->as_bool();
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> bytes(std::string_view key) {
    std::array<std::uint8_t, N> out{};
    if (!object::base64url_of(object::find(fields_, key), out)) good_ = false;
    return out;
  }
  Device device(std::string_view key) { return need(Device::parse(text(key))); }
  // {"n","link"}; the link is there exactly if n is not 0.
  lane::Mark mark(std::string_view key) {
    Fields inner = inside(key);
    lane::Mark mark{{static_cast<std::uint64_t>(inner.number("n"))}, {}};
    if (mark.n != Seq{} || inner.has("link")) mark.link = inner.hex<Link>("link");
    if (!inner.good_ || (mark.n == Seq{}) != mark.link.is_none()) good_ = false;
    return mark;
  }
  // Objects, each as its canonical text.
  std::vector<std::string> objects(std::string_view key) {
    std::vector<std::string> texts;
    const auto* value = object::find(fields_, key);
    if (value == nullptr || !value->is_array() || value->as_array().size() > object::identity_versions_max) {
      good_ = false;
      return texts;
    }
    for (const json::value& item : value->as_array()) {
      require(item.is_object());
      texts.push_back(object::canonicalize(item));
    }
    return texts;
  }
  void require(bool condition) { good_ = good_ && condition; }

 private:
  template <class T>
  T need(std::optional<T> value) {
    if (!value) good_ = false;
    return value.value_or(T{});
  }

  const json::object& fields_;
  bool good_ = true;
};

json::object mark_of(const lane::Mark& mark) {
  json::object fields{{"n", mark.n.value}};
  if (mark.n != Seq{}) fields["link"] = mark.link.hex();
  return fields;
}

// Versions are stored texts already; they are parsed again to be members of another object.
json::array versions_of(const std::vector<std::string>& texts) {
  json::array versions;
  for (const std::string& text : texts) {
    const auto version = object::parse_json(text);
    if (version) versions.push_back(*version);
  }
  return versions;
}

template <class T>
Result<T> checked(T read, const Fields& fields) {
  if (!fields.good()) return Errc::malformed;
  return read;
}

std::optional<Purpose> purpose_named(std::string_view text) {
  for (const Purpose purpose : {Purpose::connect, Purpose::ticket, Purpose::reauth})
    if (name(purpose) == text) return purpose;
  return std::nullopt;
}

}  // namespace

std::string_view name(Purpose purpose) {
  switch (purpose) {
    case Purpose::connect:
      return "connect";
    case Purpose::ticket:
      return "ticket";
    case Purpose::reauth:
      return "reauth";
  }
  return "";
}

Result<Hello> Hello::read(const object::Object& object) {
  Fields fields(object.fields());
  Hello hello;
  fields.require(object.type() == hello_type && !object.signature() && !object.author() && object.version() == 0);
  fields.require(fields.number("v") == 1);
  hello.client = fields.hex<Permalink>("client");
  hello.device = fields.device("device");
  hello.key.bytes = fields.bytes<32>("key");
  if (fields.has("server")) {
    Fields server = fields.inside("server");
    hello.server = {server.hex<Permalink>("permalink"), server.hex<Link>("link")};
    fields.require(server.good());
  }
  hello.endpoint = fields.text("endpoint");
  hello.nonce = fields.bytes<32>("nonce");
  const auto purpose = purpose_named(fields.text("purpose"));
  fields.require(purpose.has_value());
  hello.purpose = purpose.value_or(Purpose::connect);
  const bool again = hello.purpose == Purpose::reauth;
  fields.require(fields.has("session") == again);
  if (again) hello.session = fields.text("session");
  hello.time = fields.number("_time");
  return checked(std::move(hello), fields);
}

std::string Hello::text() const {
  json::object fields{{"_t", hello_type},
                      {"_time", time},
                      {"v", 1},
                      {"client", client.hex()},
                      {"device", device.text()},
                      {"key", to_base64url(key.view())},
                      {"endpoint", endpoint},
                      {"nonce", to_base64url(nonce)},
                      {"purpose", name(purpose)}};
  if (server) fields["server"] = {{"permalink", server->permalink.hex()}, {"link", server->link.hex()}};
  if (!session.empty()) fields["session"] = session;
  return object::canonicalize(fields);
}

Result<Challenge> Challenge::read(const object::Object& object) {
  Fields fields(object.fields());
  Challenge challenge;
  fields.require(object.type() == challenge_type && object.signature() && object.author());
  challenge.author = object.author().value_or(Permalink{});
  challenge.hello = fields.hex<Link>("hello");
  challenge.client = fields.hex<Permalink>("client");
  challenge.nonce = fields.bytes<32>("nonce");
  challenge.received = fields.number("received");
  challenge.time = fields.number("_time");
  challenge.expires = fields.number("expires");
  fields.require(challenge.expires - challenge.time <= challenge_lifetime_max);
  Fields limits = fields.inside("limits");
  const Announced& announced =
      challenge.limits = {limits.number("maxMessage"), limits.number("window"), limits.number("sessionSeconds")};
  limits.require(announced.message_max >= message_max_least && announced.window >= 1 &&
                 announced.window <= window_most && announced.session_seconds >= 1);
  fields.require(limits.good());
  challenge.identity = fields.objects("identity");
  challenge.binding = fields.flag("binding");
  return checked(std::move(challenge), fields);
}

object::Signed Challenge::sign(const object::Signer& signer) const {
  const json::object fields{
      {"_t", challenge_type},
      {"_author", author.hex()},
      {"_time", time},
      {"hello", hello.hex()},
      {"client", client.hex()},
      {"nonce", to_base64url(nonce)},
      {"received", received},
      {"expires", expires},
      {"limits",
       {{"maxMessage", limits.message_max}, {"window", limits.window}, {"sessionSeconds", limits.session_seconds}}},
      {"identity", versions_of(identity)},
      {"binding", binding}};
  return object::prepare(fields).sign(signer);
}

Result<Proof> Proof::read(const object::Object& object) {
  Fields fields(object.fields());
  Proof proof;
  fields.require(object.type() == proof_type && object.signature() && object.author());
  proof.author = object.author().value_or(Permalink{});
  proof.challenge = fields.hex<Link>("challenge");
  if (fields.has("binding")) proof.binding = fields.bytes<32>("binding");
  if (fields.has("position")) {
    Fields position = fields.inside("position");
    lane::Position& read = proof.position.emplace();
    read.log = position.device("log");
    if (position.has("sent")) read.sent = position.mark("sent");
    if (position.has("received")) read.received = position.mark("received");
    fields.require(position.good());
  }
  if (fields.has("from")) {
    fields.require(fields.number("from") == 1);
    proof.from_first = true;
  }
  if (fields.has("identity")) proof.identity = fields.objects("identity");
  if (fields.has("invite")) proof.invite = fields.text("invite");
  proof.time = fields.number("_time");
  return checked(std::move(proof), fields);
}

object::Signed Proof::sign(const object::Signer& signer) const {
  json::object fields{{"_t", proof_type}, {"_author", author.hex()}, {"_time", time}, {"challenge", challenge.hex()}};
  if (binding) fields["binding"] = to_base64url(*binding);
  if (position) {
    json::object where{{"log", position->log.text()}};
    if (position->sent) where["sent"] = mark_of(*position->sent);
    if (position->received) where["received"] = mark_of(*position->received);
    fields["position"] = std::move(where);
  }
  if (from_first) fields["from"] = 1;
  if (!identity.empty()) fields["identity"] = versions_of(identity);
  if (!invite.empty()) fields["invite"] = invite;
  return object::prepare(fields).sign(signer);
}

Result<Welcome> Welcome::read(const object::Object& object) {
  Fields fields(object.fields());
  Welcome welcome;
  fields.require(object.type() == welcome_type && object.signature() && object.author());
  welcome.author = object.author().value_or(Permalink{});
  welcome.proof = fields.hex<Link>("proof");
  welcome.session = fields.text("session");
  welcome.epoch.value = static_cast<std::uint64_t>(fields.number("epoch"));
  fields.require(welcome.epoch >= Epoch{1});
  welcome.expires = fields.number("expires");
  welcome.reauth_after = fields.number("reauthAfter");
  welcome.identity = fields.hex<Link>("identity");
  Fields position = fields.inside("position");
  welcome.received = position.mark("received");
  welcome.sent = position.mark("sent");
  welcome.acked.value = static_cast<std::uint64_t>(position.number("acked"));
  fields.require(position.good());
  const auto light = lane::light(fields.text("light"));
  fields.require(light.has_value());
  welcome.light = light.value_or(lane::Light::shut);
  Fields log = fields.inside("log");
  welcome.log = log.device("id");
  welcome.log_head.value = log.number("head");
  fields.require(log.good());
  welcome.time = fields.number("_time");
  return checked(std::move(welcome), fields);
}

object::Signed Welcome::sign(const object::Signer& signer) const {
  const json::object fields{
      {"_t", welcome_type},
      {"_author", author.hex()},
      {"_time", time},
      {"proof", proof.hex()},
      {"session", session},
      {"epoch", epoch.value},
      {"expires", expires},
      {"reauthAfter", reauth_after},
      {"identity", identity.hex()},
      {"position", {{"received", mark_of(received)}, {"sent", mark_of(sent)}, {"acked", acked.value}}},
      {"light", lane::name(light)},
      {"log", {{"id", log.text()}, {"head", log_head.value}}}};
  return object::prepare(fields).sign(signer);
}

}  // namespace sealpost::auth
