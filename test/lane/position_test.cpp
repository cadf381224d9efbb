// Positions and light, case by case in the words of PROTOCOL section 3.

#include "lane/position.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "lanes.hpp"

using namespace sealpost;
using namespace sealpost::lane;

namespace {

const LogId ours = *Device::parse("log-b");
const LogId before = *Device::parse("log-a");
const LogId strange = *Device::parse("log-x");

Mark mark(std::uint64_t n) {
  return {{n}, link_of(Seq{n})};
}
Mark other_mark(std::uint64_t n) {
  return {{n}, link_of("other")};
}

// 10 messages in from this device, 20 out to its identity, of which the device has acknowledged 15. The log goes on
// from an earlier one, with which it shares the first 12 messages out.
ServerView view() {
  return {ours, {{before, {12}}}, mark(10), mark(20), Seq{15}, false, false};
}

Position position(const LogId& log, std::optional<Mark> sent, std::optional<Mark> received) {
  return {log, sent, received};
}

// Both lanes have their honest links at every number.
Settlement settled(const std::optional<Position>& position, const ServerView& view) {
  const Wanted wanted = lane::wanted(position, view);
  Found found;
  if (wanted.in) found.in = link_of(*wanted.in);
  if (wanted.out) found.out = link_of(*wanted.out);
  return settle(position, view, found);
}

struct Row {
  const char* name;
  std::optional<Position> position;
  std::uint64_t deliver_after;
  std::uint64_t acked;
  Light light = Light::drain;
  Differs differs = Differs::nothing;
  std::function<void(ServerView&)> change = [](ServerView&) {};
};

void new_device(ServerView& view) {
  view.acked.reset();
}
void new_device_from_first(ServerView& view) {
  view.acked.reset();
  view.from_first = true;
}
void shut_before(ServerView& view) {
  view.shut = true;
}
void all_acked(ServerView& view) {
  view.acked = Seq{20};
}
void empty_lanes(ServerView& view) {
  view = {ours, {}, {}, {}, std::nullopt, false, false};
}

const Row rows[] = {
    // sent
    {"sent is the server's received", position(ours, mark(10), {}), 15, 15},
    {"sent behind the server's received: the client goes on after the server's", position(ours, mark(4), {}), 15, 15},
    {"sent ahead of the server: the client sends the missing ones again", position(ours, mark(13), {}), 15, 15},
    {"sent is nothing", position(ours, Mark{}, {}), 15, 15},
    {"sent is a mismatch: shut", position(ours, other_mark(10), {}), 15, 15, Light::shut, Differs::sent_mismatch},
    {"sent behind is a mismatch: shut", position(ours, other_mark(4), {}), 15, 15, Light::shut, Differs::sent_mismatch},
    {"sent ahead cannot be compared here", position(ours, other_mark(13), {}), 15, 15},
    {"sent in an earlier log is a mismatch: shut", position(before, other_mark(4), {}), 15, 15, Light::shut,
     Differs::sent_mismatch},

    // received
    {"received is acked", position(ours, {}, mark(15)), 15, 15},
    {"received behind acked: the server delivers again from there, acked stays", position(ours, {}, mark(9)), 9, 15},
    {"received nothing at all: the server delivers all again", position(ours, {}, Mark{}), 0, 15},
    {"received ahead of acked and matching: acked moves up", position(ours, {}, mark(18)), 18, 18},
    {"received is the head: green", position(ours, {}, mark(20)), 20, 20, Light::green},
    {"received absent: acked counts", position(ours, mark(10), {}), 15, 15},
    {"received absent and all acked: green", position(ours, mark(10), {}), 20, 20, Light::green, {}, all_acked},
    {"received ahead of acked is a mismatch: shut", position(ours, {}, other_mark(18)), 15, 15, Light::shut,
     Differs::received_mismatch},
    {"received behind acked is a mismatch: shut", position(ours, {}, other_mark(9)), 15, 15, Light::shut,
     Differs::received_mismatch},
    {"received at the head is a mismatch: shut", position(ours, {}, other_mark(20)), 15, 15, Light::shut,
     Differs::received_mismatch},
    {"received beyond the head of the same log: shut", position(ours, {}, mark(21)), 15, 15, Light::shut,
     Differs::received_beyond_head},
    {"no position at all: acked counts", std::nullopt, 15, 15},

    // an earlier log
    {"earlier log, received within what both share", position(before, {}, mark(9)), 9, 15},
    {"earlier log, received at the restore point", position(before, {}, mark(12)), 12, 15},
    {"earlier log, received after the restore point: resumes at the lower", position(before, {}, mark(14)), 12, 15},
    {"earlier log, received beyond our head: resumes at the restore point", position(before, {}, other_mark(99)), 12,
     15},
    {"earlier log, a mismatch within what both share: shut", position(before, {}, other_mark(9)), 15, 15, Light::shut,
     Differs::received_mismatch},
    {"earlier log, a device that the restored log does not know", position(before, {}, mark(14)), 12, 12, Light::drain,
     Differs::nothing, new_device},

    // a log nobody here knows
    {"unknown log, matching links", position(strange, mark(4), mark(18)), 18, 18},
    {"unknown log, a mismatch: shut", position(strange, {}, other_mark(18)), 15, 15, Light::shut,
     Differs::received_mismatch},
    {"unknown log, received beyond our head: shut", position(strange, {}, mark(21)), 15, 15, Light::shut,
     Differs::received_of_no_log},

    // a new device
    {"a new device starts at the head", std::nullopt, 20, 20, Light::green, Differs::nothing, new_device},
    {"a new device that asks from 1 drains everything", std::nullopt, 0, 0, Light::drain, Differs::nothing,
     new_device_from_first},
    {"a new device that holds nothing starts at the head", position(ours, {}, Mark{}), 20, 20, Light::green,
     Differs::nothing, new_device},
    {"a known device that asks from 1 goes on where it was", std::nullopt, 15, 15, Light::drain, Differs::nothing,
     [](ServerView& view) { view.from_first = true; }},
    {"empty lanes", std::nullopt, 0, 0, Light::green, Differs::nothing, empty_lanes},
    {"empty lanes, and a client that claims to have received", position(ours, {}, mark(1)), 0, 0, Light::shut,
     Differs::received_beyond_head, empty_lanes},
    {"empty lanes, and a client that has sent: it sends again", position(strange, mark(3), {}), 0, 0, Light::green,
     Differs::nothing, empty_lanes},

    // shut
    {"shut before stays shut", position(ours, mark(10), mark(15)), 15, 15, Light::shut, Differs::shut_before,
     shut_before},
    {"shut before stays shut, whatever the client says", position(ours, other_mark(1), other_mark(99)), 15, 15,
     Light::shut, Differs::shut_before, shut_before},
};

}  // namespace

TEST_CASE("each case of the positions") {
  for (const Row& row : rows) {
    INFO(row.name);
    ServerView server = view();
    row.change(server);
    const Settlement settlement = settled(row.position, server);
    CHECK(settlement.deliver_after.value == row.deliver_after);
    CHECK(settlement.acked.value == row.acked);
    CHECK(settlement.light == row.light);
    CHECK(settlement.differs == row.differs);
    CHECK(settlement.acked_moved == (row.light != Light::shut && server.acked != settlement.acked));
    CHECK(settlement.resume_in == server.in_head);
    CHECK(settlement.out_head == server.out_head);
    CHECK(settlement.restored == (row.position && row.position->log == before));
  }
}

TEST_CASE("the evidence is what the client said and what the log holds there") {
  const Settlement sent = settled(position(ours, other_mark(4), other_mark(9)), view());
  CHECK(sent.differs == Differs::sent_mismatch);  // the first that is found
  CHECK(sent.theirs == other_mark(4));
  CHECK(sent.ours == link_of(Seq{4}));
  const Settlement received = settled(position(ours, mark(4), other_mark(9)), view());
  CHECK(received.theirs == other_mark(9));
  CHECK(received.ours == link_of(Seq{9}));
  const Settlement beyond = settled(position(ours, {}, mark(21)), view());
  CHECK(beyond.theirs == mark(21));
  CHECK(beyond.ours.is_none());
  const Settlement nothing = settled(position(ours, mark(4), mark(9)), view());
  CHECK(nothing.theirs == Mark{});
}

TEST_CASE("only links that are there are wanted") {
  const auto wants = [](const std::optional<Position>& position, const ServerView& view) {
    const Wanted wanted = lane::wanted(position, view);
    return std::pair(wanted.in.value_or(Seq{}).value, wanted.out.value_or(Seq{}).value);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(wants(std::nullopt, view()) == Pair(0, 0));
  CHECK(wants(position(ours, {}, {}), view()) == Pair(0, 0));
  CHECK(wants(position(ours, Mark{}, Mark{}), view()) == Pair(0, 0));
  CHECK(wants(position(ours, mark(10), mark(20)), view()) == Pair(10, 20));
  CHECK(wants(position(ours, mark(11), mark(21)), view()) == Pair(0, 0));
  CHECK(wants(position(before, mark(4), mark(12)), view()) == Pair(4, 12));
  CHECK(wants(position(before, mark(4), mark(13)), view()) == Pair(4, 0));
  CHECK(wants(position(strange, mark(4), mark(13)), view()) == Pair(4, 13));
  ServerView shut = view();
  shut.shut = true;
  CHECK(wants(position(ours, mark(4), mark(9)), shut) == Pair(0, 0));
}

TEST_CASE("a client that names the log of today is not restored, though it was earlier once too") {
  ServerView server = view();
  server.earlier.push_back({ours, {2}});
  const Settlement settlement = settled(position(ours, {}, mark(18)), server);
  CHECK_FALSE(settlement.restored);
  CHECK(settlement.deliver_after == Seq{18});
}

TEST_CASE("the client's half: the server's received fits its own outbox") {
  CHECK(fits(Mark{}, std::nullopt));
  CHECK(fits(mark(3), link_of(Seq{3})));
  CHECK_FALSE(fits(mark(3), link_of("other")));
  CHECK_FALSE(fits(mark(3), std::nullopt));
}

TEST_CASE("each difference has its own name") {
  CHECK(name(Differs::nothing) == "nothing");
  CHECK(name(Differs::shut_before) == "shut_before");
  CHECK(name(Differs::sent_mismatch) == "sent_mismatch");
  CHECK(name(Differs::received_mismatch) == "received_mismatch");
  CHECK(name(Differs::received_beyond_head) == "received_beyond_head");
  CHECK(name(Differs::received_of_no_log) == "received_of_no_log");
}
