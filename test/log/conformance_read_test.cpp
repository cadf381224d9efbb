#include <algorithm>

#include "conformance.hpp"

namespace sealpost::log::test {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr PageLimit ten{10, 1 << 20};

// Two clients who send, and are sent to: enough to be indexed in part.
struct Town {
  explicit Town(EventLog& log) {
    commit(log, first_identity(ann, {key_named("a")}), first_identity(ben), epoch(ann, "phone", 1),
           epoch(ben, "phone", 1));  // 1 to 4
    commit(log, to_server.next());   // 5
    Draft relayed = to_server.next();
    relayed.recipient = ben;
    commit(log, relayed);                                        // 6
    commit(log, moving(intent(ann, ben), "relay", {6}));         // 7
    commit(log, {out.next(), out.next(), out.next()});           // 8, 9, 10
    commit(log, security("bad_signature", ann), security("x"));  // 11, 12
    commit(log, to_server.next("last"));                         // 13
  }
  Permalink ann = client_named("ann");
  Permalink ben = client_named("ben");
  InLane to_server{ann, "phone"};
  InLane out = out_lane(ben);
};

}  // namespace

TEMPLATE_TEST_CASE("a lane is read in order from any number", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  Town town(engine.log());
  const bool reopened = GENERATE(false, true);
  if (reopened) engine.reopen();
  const Lane in{town.ann, device_named("phone")};
  CHECK(ids_of(ask(engine.log(), [&](Reader& r) { return r.lane(in, {1}, ten); })) == Ids{5, 6, 13});
  CHECK(ids_of(ask(engine.log(), [&](Reader& r) { return r.lane(in, {2}, {1, 1000}); })) == Ids{6});
  CHECK(ids_of(ask(engine.log(), [&](Reader& r) { return r.lane({town.ben}, {2}, ten); })) == Ids{9, 10});
  CHECK(ask(engine.log(), [&](Reader& r) { return r.lane(in, {4}, ten); }).empty());
  CHECK(ask(engine.log(), [&](Reader& r) { return r.at(in, {3}); })->committed.id() == EventId{13});
  CHECK_FALSE(ask(engine.log(), [&](Reader& r) { return r.at(in, {4}); }));
  CHECK_FALSE(ask(engine.log(), [&](Reader& r) { return r.at(in, {}); }));
}

TEMPLATE_TEST_CASE("a page ends with the message that fills it", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  for (int i = 0; i < 4; ++i) commit(engine.log(), out.next(std::string(100, 'x')));
  const auto ids = [&](PageLimit limit) {
    return ids_of(ask(engine.log(), [&](Reader& r) { return r.lane({ann}, {1}, limit); }));
  };
  CHECK(ids({4, 150}) == Ids{1, 2});
  CHECK(ids({4, 0}) == Ids{1});
  CHECK(ids({0, 0}) == Ids{1});
  CHECK(ids({100, 1000}) == Ids{1, 2, 3, 4});
}

TEMPLATE_TEST_CASE("the head of a lane at an earlier moment", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  Town town(engine.log());
  const bool reopened = GENERATE(false, true);
  if (reopened) engine.reopen();
  const auto at = [&](Lane lane, EventId upto) {
    return ask(engine.log(), [&](Reader& r) { return r.head_at(lane, upto); });
  };
  const Lane in{town.ann, device_named("phone")};
  CHECK(at(in, {4}) == LaneHead{});
  CHECK(at(in, {12}).event == EventId{6});
  CHECK(at(in, {12}).seq == Seq{2});
  CHECK(at(in, {99}) == state_of(engine.log(), town.ann).devices[0].in);
  CHECK(at({town.ben}, {9}).event == EventId{9});
}

TEMPLATE_TEST_CASE("a feed holds what waits for its consumer", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  Town town(engine.log());
  const bool reopened = GENERATE(false, true);
  if (reopened) engine.reopen();
  const auto feed = [&](Feed which, const Permalink& client, EventId after) {
    return ids_of(ask(engine.log(), [&](Reader& r) { return r.feed(which, client, after, ten); }));
  };
  CHECK(feed(Feed::in, town.ann, {}) == Ids{5, 13});  // 6 is for ben, not for the server
  CHECK(feed(Feed::in, town.ann, {5}) == Ids{13});
  CHECK(feed(Feed::in, town.ben, {}).empty());
  CHECK(feed(Feed::intents, town.ben, {}) == Ids{7});
  CHECK(feed(Feed::intents, town.ann, {}).empty());
  CHECK(state_of(engine.log(), town.ann).last_in == EventId{13});
  CHECK(state_of(engine.log(), town.ben).last_intent == EventId{7});
}

TEMPLATE_TEST_CASE("work is what lies beyond the cursor", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  Town town(engine.log());
  const auto work = [&](Feed which, const std::string& consumer) {
    return ask(engine.log(), [&](Reader& r) { return r.work(which, consumer, {}, 10); });
  };
  REQUIRE(work(Feed::in, "bot").size() == 1);
  CHECK(work(Feed::in, "bot")[0].client == town.ann);
  CHECK(work(Feed::in, "bot")[0].newest == EventId{13});
  CHECK(work(Feed::in, "bot")[0].cursor == EventId{});
  commit(engine.log(), done(town.ann, "bot", {5}));
  CHECK(work(Feed::in, "bot")[0].cursor == EventId{5});
  commit(engine.log(), done(town.ann, "bot", {13}));
  CHECK(work(Feed::in, "bot").empty());
  CHECK(work(Feed::in, "another").size() == 1);
  CHECK(work(Feed::intents, "bot").size() == 1);
  CHECK(ask(engine.log(), [&](Reader& r) { return r.work(Feed::in, "another", town.ann, 10); }).empty());
}

TEMPLATE_TEST_CASE("a message to another client alone is no work for a bot", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Permalink ann = client_named("ann");
  Draft relayed = InLane(ann, "phone").next();
  relayed.recipient = client_named("ben");
  commit(engine.log(), epoch(ann, "phone", 1), relayed);
  CHECK(ask(engine.log(), [](Reader& r) { return r.work(Feed::in, "bot", {}, 10); }).empty());
  CHECK(state_of(engine.log(), ann).last_in == EventId{});
  CHECK(state_of(engine.log(), ann).devices[0].in.seq == Seq{1});
}

TEMPLATE_TEST_CASE("clients are listed by permalink", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  std::vector<Permalink> names;
  for (int i = 0; i < 20; ++i) {
    names.push_back(client_named("client " + std::to_string(i)));
    commit(engine.log(), epoch(names.back(), "phone", 1));
  }
  std::ranges::sort(names);
  const auto listed = [&](const Permalink& after, std::size_t limit) {
    std::vector<Permalink> found;
    for (const auto& state : ask(engine.log(), [&](Reader& r) { return r.clients(after, limit); }))
      found.push_back(state.client);
    return found;
  };
  CHECK(listed({}, 100) == names);
  CHECK(listed(names[4], 3) == std::vector<Permalink>(names.begin() + 5, names.begin() + 8));
  CHECK(listed(names.back(), 3).empty());
}

TEMPLATE_TEST_CASE("the log is read in order, filtered by kind", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  Town town(engine.log());
  const auto page = [&](EventId after, const std::vector<Kind>& kinds, PageLimit limit) {
    return ask(engine.log(), [&](Reader& r) { return r.events_after(after, kinds, limit); });
  };
  CHECK(page({}, {}, {100, 1 << 20}).events.size() == 13);
  CHECK(page({}, {}, {100, 1 << 20}).scanned_to == EventId{13});
  CHECK(ids_of(page({}, {Kind::in, Kind::intent}, ten).events) == Ids{5, 6, 7, 13});
  CHECK(ids_of(page({}, {Kind::in, Kind::intent}, {2, 1 << 20}).events) == Ids{5, 6});
  CHECK(page({}, {Kind::in, Kind::intent}, {2, 1 << 20}).scanned_to == EventId{6});
  CHECK(page({6}, {Kind::shut}, ten).events.empty());
  CHECK(page({6}, {Kind::shut}, ten).scanned_to == EventId{13});
  CHECK(page({13}, {}, ten).scanned_to == EventId{13});
  CHECK(ids_of(ask(engine.log(), [](Reader& r) { return r.security_after({}, ten); })) == Ids{11, 12});
  CHECK(ids_of(ask(engine.log(), [](Reader& r) { return r.security_after({11}, ten); })) == Ids{12});
  CHECK_FALSE(ask(engine.log(), [](Reader& r) { return r.event({14}); }));
  CHECK_FALSE(ask(engine.log(), [](Reader& r) { return r.event({}); }));
}

TEMPLATE_TEST_CASE("objects are found by link, type, author and permalink", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Permalink ann = client_named("ann");
  const Permalink letter = client_named("a letter");
  InLane out = out_lane(ann);
  Draft version0 = out.next();
  version0.link = {letter.bytes};
  Draft version1 = out.next();
  version1.prev = version0.link;
  version1.object = letter;
  version1.type = "test.Other";
  version1.author = client_named("ben");
  commit(engine.log(), first_identity(ann));                                       // 1
  commit(engine.log(), identity(ann, link_named("ann 2"), {ann.bytes}));           // 2
  commit(engine.log(), version0);                                                  // 3
  commit(engine.log(), version1);                                                  // 4
  commit(engine.log(), security("test.Other"), intent(ann, client_named("ben")));  // no objects
  const bool reopened = GENERATE(false, true);
  if (reopened) engine.reopen();
  const auto found = [&](ObjectFilter filter, EventId after = {}, PageLimit limit = ten) {
    return ids_of(ask(engine.log(), [&](Reader& r) { return r.objects(filter, after, limit); }));
  };
  CHECK(found({}) == Ids{1, 2, 3, 4});
  CHECK(found({}, {2}, {1, 1}) == Ids{3});
  CHECK(found({"test.Other", {}, {}}) == Ids{4});
  CHECK(found({"", ann, {}}) == Ids{2, 3});
  CHECK(found({"test.Greeting", ann, {}}) == Ids{3});
  CHECK(found({"", {}, letter}) == Ids{3, 4});
  CHECK(found({"", {}, ann}) == Ids{1, 2});
  CHECK(found({"test.Other", ann, {}}).empty());
  CHECK(ask(engine.log(), [&](Reader& r) { return r.object(version1.link); })->committed.id() == EventId{4});
  CHECK_FALSE(ask(engine.log(), [&](Reader& r) { return r.object(link_named("nothing")); }));
}

TEMPLATE_TEST_CASE("an object that came twice is the first one", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Permalink ann = client_named("ann");
  Draft one = out_lane(ann).next("same");
  Draft two = out_lane(client_named("ben")).next("same");
  two.link = one.link;
  commit(engine.log(), one);
  commit(engine.log(), two);
  const bool reopened = GENERATE(false, true);
  if (reopened) engine.reopen();
  CHECK(ask(engine.log(), [&](Reader& r) { return r.object(one.link); })->committed.id() == EventId{1});
}

TEMPLATE_TEST_CASE("the chain begins with the log's name and covers every event", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const LogHead empty = ask(engine.log(), [](Reader& r) { return r.head(); });
  CHECK(empty.id == EventId{});
  CHECK(empty.hash == sha256({as_bytes(std::string_view("sealpost/log/1\0", 15)), as_bytes(engine.log().id().text())}));
  const Committed event = commit(engine.log(), security("one"));
  const LogHead head = ask(engine.log(), [](Reader& r) { return r.head(); });
  CHECK(head.id == event.id());
  CHECK(head.hash == event.hash());
  CHECK(head.hash != empty.hash);
  CHECK(ask(engine.log(), [](Reader& r) { return r.restore_points(); }).empty());
}

TEMPLATE_TEST_CASE("a read sees every append that was answered before", "[log]", SEALPOST_LOG_ENGINES) {
  TestType engine;
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  // Far enough for each index to follow some of the way, while there are readers.
  constexpr int at_once = 200;
  for (int n = 1; n <= 12'000; n += at_once) {
    Transaction many;
    for (int i = 0; i < at_once; ++i) many.drafts.push_back(out.next());
    REQUIRE(append(engine.log(), many));
    if (n / at_once % 5 != 4) continue;  // reading them all is what takes long
    const EventId before{std::max(n - 6000, 0)};
    const auto expected = static_cast<std::size_t>(n + at_once - 1 - before.value);
    const PageLimit all{20'000, SIZE_MAX};
    const Seq from{static_cast<std::uint64_t>(before.value) + 1};
    REQUIRE(ask(engine.log(), [&](Reader& r) { return r.lane({ann}, from, all).size(); }) == expected);
    REQUIRE(ask(engine.log(), [&](Reader& r) {
              return r.objects({"test.Greeting", {}, {}}, before, all).size();
            }) == expected);
    REQUIRE(ask(engine.log(), [&](Reader& r) { return r.objects({"", ann, {}}, before, all).size(); }) == expected);
    REQUIRE(ask(engine.log(), [&](Reader& r) { return r.object(many.drafts.back().link); }));
  }
}

}  // namespace sealpost::log::test
