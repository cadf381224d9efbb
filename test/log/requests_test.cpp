// How long idempotency keys last: conformance of both engines.

#include "conformance.hpp"

namespace sealpost::log::test {
namespace {

Transaction request(std::string key, std::string code = "odd") {
  Transaction transaction = transaction_of(security(std::move(code)));
  transaction.idempotency = Idempotency{"token", std::move(key), sha256(as_bytes("request"))};
  return transaction;
}

bool knows(EventLog& log, const std::string& key) {
  return ask(log, [&](Reader& reader) { return reader.idempotent("token", key).has_value(); });
}

}  // namespace

TEMPLATE_TEST_CASE("an idempotency key holds for seven days, and no longer", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  REQUIRE(append(engine.log(), request("key")));
  engine.clock.millis += requests_kept_ms - 1;
  const auto again = append(engine.log(), request("key"));
  REQUIRE(again);
  CHECK(again->repeated);
  CHECK(again->events.front().id() == EventId{1});

  engine.clock.millis += 1;
  Transaction other = request("key");
  other.idempotency->request = sha256(as_bytes("another request"));
  const auto anew = append(engine.log(), other);
  REQUIRE(anew);
  CHECK_FALSE(anew->repeated);
  CHECK(anew->events.front().id() == EventId{2});
  engine.reopen();
  const auto found = ask(engine.log(), [](Reader& reader) { return reader.idempotent("token", "key"); });
  REQUIRE(found);
  CHECK(found->first == EventId{2});
  CHECK(append(engine.log(), request("key")).error() == Errc::idempotency_mismatch);
}

TEMPLATE_TEST_CASE("old idempotency keys go with the appends that come later", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  EventLog& log = engine.log();
  constexpr int count = 300;  // more than go at once
  for (int i = 0; i < count; ++i) REQUIRE(append(log, request(std::to_string(i))));
  engine.clock.millis += requests_kept_ms / 2;
  REQUIRE(append(log, request("young")));
  CHECK(knows(log, "0"));
  engine.clock.millis += requests_kept_ms / 2;
  commit(log, security("one"));
  commit(log, security("two"));
  for (int i = 0; i < count; ++i) CHECK_FALSE(knows(log, std::to_string(i)));
  CHECK(knows(log, "young"));
}

}  // namespace sealpost::log::test
