#include "lane/outbound.hpp"

#include <catch2/catch.hpp>

#include "lanes.hpp"

using namespace sealpost;
using namespace sealpost::lane;

TEST_CASE("the first message has number 1, no _q, and the time of now") {
  const Stamp stamp = OutLane().stamp(noon);
  CHECK(stamp.n == Seq{1});
  CHECK(stamp.q.is_none());
  CHECK(stamp.time == noon);
}

TEST_CASE("numbers are dense, links chained, and times rise though the clock does not") {
  OutLane lane(head_at(7));
  const Stamp eighth = lane.stamp(noon + 60'000);
  CHECK(eighth.n == Seq{8});
  CHECK(eighth.q == link_of(Seq{7}));
  CHECK(eighth.time == noon + 60'000);
  lane.note_pending(eighth, link_of(Seq{8}));
  const Stamp ninth = lane.stamp(noon + 60'000);
  CHECK(ninth.n == Seq{9});
  CHECK(ninth.q == link_of(Seq{8}));
  CHECK(ninth.time == noon + 60'001);
  lane.note_pending(ninth, link_of(Seq{9}));
  CHECK(lane.stamp(0).time == noon + 60'002);
  CHECK(lane.durable().n == Seq{7});
}

TEST_CASE("the number of a failed message is given again, once all of them have failed") {
  OutLane lane(head_at(7));
  for (std::uint64_t n = 8; n <= 10; ++n) lane.note_pending(lane.stamp(noon), link_of("lost" + std::to_string(n)));
  lane.fail_from({8});
  CHECK(lane.failing());
  lane.fail_from({9});
  CHECK(lane.failing());
  lane.fail_from({10});
  CHECK_FALSE(lane.failing());
  CHECK(lane.idle());
  CHECK(lane.stamp(noon).n == Seq{8});
  CHECK(lane.stamp(noon).q == link_of(Seq{7}));
}

TEST_CASE("the window is 1, or what the client can take up to 16") {
  CHECK(Window::size_for(std::nullopt) == 1);
  CHECK(Window::size_for(1) == 1);
  CHECK(Window::size_for(7) == 7);
  CHECK(Window::size_for(16) == 16);
  CHECK(Window::size_for(17) == 16);
  CHECK(Window::size_for(65'535) == 16);
}

TEST_CASE("with a window of 1 the next goes out when the ack is in") {
  Window window({2}, {4}, 1);
  CHECK(window.next_to_send() == Seq{3});
  window.on_sent({3}, 70);
  CHECK_FALSE(window.next_to_send());
  CHECK(window.on_ack(70) == Seq{3});
  CHECK(window.next_to_send() == Seq{4});
  window.on_sent({4}, 71);
  CHECK_FALSE(window.drained());
  CHECK(window.on_ack(71) == Seq{4});
  CHECK(window.drained());
  CHECK_FALSE(window.next_to_send());
  window.raise_head({5});
  CHECK(window.next_to_send() == Seq{5});
}

TEST_CASE("an ack out of order waits for those before it") {
  Window window({0}, {3}, 3);
  for (std::uint16_t n = 1; n <= 3; ++n) window.on_sent({n}, n);
  CHECK_FALSE(window.on_ack(3));
  CHECK_FALSE(window.on_ack(2));
  CHECK(window.acked() == Seq{0});
  CHECK(window.in_flight() == 3);
  CHECK(window.on_ack(1) == Seq{3});
}

TEST_CASE("an ack of a packet that is not in flight changes nothing") {
  Window window({0}, {9}, 2);
  CHECK_FALSE(window.on_ack(1));
  window.on_sent({1}, 1);
  window.on_sent({2}, 2);
  CHECK_FALSE(window.on_ack(0));
  CHECK_FALSE(window.on_ack(3));
  CHECK(window.on_ack(1) == Seq{1});
  CHECK_FALSE(window.on_ack(1));
  CHECK(window.acked() == Seq{1});
}

TEST_CASE("a packet id that was acknowledged out of order may be used again") {
  Window window({0}, {9}, 3);
  window.on_sent({1}, 1);
  window.on_sent({2}, 2);
  CHECK_FALSE(window.on_ack(2));
  window.on_sent({3}, 2);
  CHECK_FALSE(window.on_ack(2));  // of the third
  CHECK(window.on_ack(1) == Seq{3});
}

TEST_CASE("after a restart what was in flight counts as unsent") {
  Window window({0}, {9}, 4);
  window.on_sent({1}, 1);
  window.on_sent({2}, 2);
  CHECK_FALSE(window.on_ack(2));
  window.restart_from({0}, 1);
  CHECK(window.size() == 1);
  CHECK(window.in_flight() == 0);
  CHECK_FALSE(window.on_ack(2));
  CHECK(window.next_to_send() == Seq{1});
  window.on_sent({1}, 2);
  CHECK(window.on_ack(2) == Seq{1});
}

TEST_CASE("news of an older head change nothing") {
  Window window({3}, {9}, 1);
  window.raise_head({8});
  CHECK(window.head() == Seq{9});
}
