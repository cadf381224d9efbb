// One batch of the writer: what is in it sees what was before it in the same batch.

#include "log/appender.hpp"

#include "log/schema.hpp"
#include "verbs.hpp"

namespace sealpost::log::test {
namespace {

std::unique_ptr<Database> made(const std::string& path, Clock& clock, Random& random) {
  auto database = open_database(path, Access::create, "");
  REQUIRE(database);
  REQUIRE_FALSE(create_schema(**database, clock, random));
  return *std::move(database);
}

struct Batches {
  Result<Appended> append(Transaction transaction) {
    std::vector<Digest> hashes;
    for (const Draft& draft : transaction.drafts) hashes.push_back(hash_of_body(draft.body));
    return appender.append(transaction, hashes, clock.now());
  }
  Result<Appended> append(Draft draft) { return append(transaction_of(std::move(draft))); }

  Folder folder;
  TestClock clock;
  CountingRandom random;
  std::unique_ptr<Database> database = made(folder / "log.db", clock, random);
  Tail tail;
  Appender appender{*database, tail, LogHead{}};
};

Transaction request(int events) {
  Transaction transaction;
  for (int i = 0; i < events; ++i) transaction.drafts.push_back(security("asked"));
  transaction.idempotency = Idempotency{"token", "key", sha256(as_bytes("request"))};
  return transaction;
}

}  // namespace

TEST_CASE("a request that is repeated within a batch is answered with its events") {
  Batches batches;
  batches.appender.begin();
  REQUIRE(batches.append(security("before")));
  const auto first = batches.append(request(20));
  REQUIRE(first);
  REQUIRE(batches.append(security("between")));
  const auto again = batches.append(request(20));
  REQUIRE(again);
  CHECK(again->repeated);
  REQUIRE(again->events.size() == 20);
  CHECK(again->events.front().id() == EventId{2});
  CHECK(again->events.back().id() == EventId{21});
  CHECK(again->events.back().hash() == first->events.back().hash());
  REQUIRE(batches.append(security("after")));
  REQUIRE_FALSE(batches.appender.commit());
  CHECK(batches.database->number("SELECT count(*) FROM event") == 23);
  CHECK(batches.database->number("SELECT max(id) FROM event") == 23);
}

TEST_CASE("positions of any number of devices are noted at once, and never go back") {
  Batches batches;
  const Permalink ann = client_named("ann");
  const auto device = [](int i) { return device_named("device-" + std::to_string(i)); };
  InLane out = out_lane(ann);
  batches.appender.begin();
  for (int i = 0; i < 10; ++i) REQUIRE(batches.append(out.next()));
  REQUIRE_FALSE(batches.appender.commit());

  Notes notes;
  for (int i = 0; i < 20; ++i) notes[{ann, device(i)}] = {Seq{5}, 100 + i};
  batches.appender.begin();
  batches.appender.note(notes);
  REQUIRE_FALSE(batches.appender.commit());
  for (int i = 0; i < 20; ++i) notes[{ann, device(i)}] = {Seq{i % 2 == 0 ? 3u : 8u}, 50 + 10 * i};
  notes[{ann, device(20)}] = {Seq{11}, 1};  // beyond the lane: it is not taken for one
  batches.appender.begin();
  batches.appender.note(notes);
  REQUIRE_FALSE(batches.appender.commit());

  Statement all(*batches.database, "SELECT device, acked, last_seen FROM position");
  int count = 0;
  for (auto row = all.query(); row.next(); ++count) {
    const int i = std::stoi(std::string(row.text(0)).substr(std::string_view("device-").size()));
    CHECK(row.number(1) == (i == 20 ? 0 : i % 2 == 0 ? 5 : 8));
    CHECK(row.number(2) == (i == 20 ? 1 : std::max(100 + i, 50 + 10 * i)));
  }
  CHECK(count == 21);
}

}  // namespace sealpost::log::test
