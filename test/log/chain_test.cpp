#include "log/chain.hpp"

#include "verbs.hpp"

namespace sealpost::log::test {
namespace {

struct Change {
  const char* what;
  std::function<void(Record&)> make;
};

// Of everything that an event has, but its own hash and the body, of which it has the hash.
const std::vector<Change> changes{
    {"id", [](Record& record) { record.id = record.id.next(); }},
    {"part", [](Record& record) { ++record.part; }},
    {"logged", [](Record& record) { ++record.logged; }},
    {"body_hash", [](Record& record) { record.body_hash[0] ^= 1; }},
    {"kind", [](Record& record) { record.draft.kind = Kind::out; }},
    {"client", [](Record& record) { record.draft.client = client_named("ben"); }},
    {"device", [](Record& record) { record.draft.device = device_named("tablet"); }},
    {"no device", [](Record& record) { record.draft.device = {}; }},
    {"seq", [](Record& record) { record.draft.seq = record.draft.seq.next(); }},
    {"link", [](Record& record) { record.draft.link.bytes[31] ^= 1; }},
    {"prev", [](Record& record) { record.draft.prev = {}; }},
    {"author", [](Record& record) { record.draft.author = client_named("ben"); }},
    {"recipient", [](Record& record) { record.draft.recipient = client_named("ben"); }},
    {"object", [](Record& record) { record.draft.object = client_named("ben"); }},
    {"type", [](Record& record) { record.draft.type += "x"; }},
    {"type and consumer", [](Record& record) { std::swap(record.draft.type, record.draft.consumer); }},
    {"time", [](Record& record) { --record.draft.time; }},
    {"epoch", [](Record& record) { record.draft.epoch = record.draft.epoch.next(); }},
    {"consumer", [](Record& record) { record.draft.consumer = {}; }},
    {"cause", [](Record& record) { record.draft.cause = record.draft.cause.next(); }},
    {"a key", [](Record& record) { record.draft.keys[1] = key_named("c"); }},
    {"the keys' order", [](Record& record) { std::swap(record.draft.keys[0], record.draft.keys[1]); }},
    {"one key less", [](Record& record) { record.draft.keys.pop_back(); }},
};

Record some_event() {
  Record record;
  record.id = {7};
  record.draft = InLane(client_named("ann"), "phone").next();
  record.draft.prev = link_named("before");
  record.draft.recipient = record.draft.object = client_named("carl");
  record.draft.consumer = "bot";
  record.draft.cause = {5};
  record.draft.keys = {key_named("a"), key_named("b")};
  record.logged = 1'700'000'000'000;
  record.body_hash = hash_of_body(record.draft.body);
  return record;
}

}  // namespace

TEST_CASE("each field of an event is in its hash, and so is the event before") {
  const Digest before = genesis(device_named("log"));
  const Digest hash = chain_hash(before, some_event());
  CHECK(chain_hash(before, some_event()) == hash);
  CHECK(chain_hash(genesis(device_named("gol")), some_event()) != hash);
  for (const Change& change : changes) {
    Record changed = some_event();
    change.make(changed);
    INFO(change.what);
    CHECK(chain_hash(before, changed) != hash);
  }
}

}  // namespace sealpost::log::test
