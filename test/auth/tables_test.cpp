// What is kept of strangers and of those who come back over another carrier: challenges, tickets, allowances.

#include <arpa/inet.h>
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "auth/challenges.hpp"
#include "auth/limits.hpp"
#include "auth/stage.hpp"
#include "auth/tickets.hpp"

using namespace sealpost;
using namespace sealpost::auth;

namespace {

Ticket ticket_of(char client, const char* device = "phone", std::uint64_t epoch = 1) {
  Ticket ticket;
  ticket.client.bytes.fill(static_cast<std::uint8_t>(client));
  ticket.device = *Device::parse(device);
  ticket.epoch = {epoch};
  ticket.session = "s1";
  ticket.expires = 777;
  ticket.endpoint = "mqtts://chat.example.org:8883";
  return ticket;
}

std::string id_of(const Ticket& ticket) {
  return ticket.client.hex() + "." + ticket.device.text();
}

std::array<std::uint8_t, 32> secret_of(int which) {
  return sha256(as_bytes(std::to_string(which)));
}

// A handshake whose Challenge is out, and the client that answers it.
struct Waiting {
  ClientHandshake client;
  ServerHandshake server;

  static Waiting at(Stage& stage) {
    ClientHandshake client(stage.client_terms(), stage.client.sign);
    ServerHandshake server = stage.begin(client.hello()).value();
    client.challenge(stage.challenge(server), stage.client_now).value();
    return {std::move(client), std::move(server)};
  }
};

}  // namespace

TEST_CASE("a ticket is redeemed once, for what it was issued for") {
  Tickets tickets;
  const Ticket issued = ticket_of('a');
  const std::string text = tickets.issue(issued, secret_of(1), 1'000).value();
  CHECK(text.size() == 43);
  const auto redeemed = tickets.redeem(id_of(issued), text, 2'000);
  REQUIRE(redeemed.has_value());
  CHECK(redeemed->client == issued.client);
  CHECK(redeemed->device == issued.device);
  CHECK(redeemed->epoch == issued.epoch);
  CHECK(redeemed->session == issued.session);
  CHECK(redeemed->expires == issued.expires);
  CHECK(redeemed->endpoint == issued.endpoint);
  CHECK(tickets.redeem(id_of(issued), text, 2'000).error() == Errc::bad_ticket);
  CHECK(tickets.size() == 0);
}

TEST_CASE("a ticket lasts 60 seconds") {
  Tickets tickets;
  const Ticket a = ticket_of('a');
  const std::string in_time = tickets.issue(a, secret_of(1), 1'000).value();
  CHECK(tickets.redeem(id_of(a), in_time, 60'999).has_value());
  const std::string late = tickets.issue(a, secret_of(2), 1'000).value();
  CHECK(tickets.redeem(id_of(a), late, 61'000).error() == Errc::bad_ticket);
}

TEST_CASE("a ticket is of no use to another client id, and a guess does not use it up") {
  Tickets tickets;
  const Ticket a = ticket_of('a');
  const Ticket b = ticket_of('b');
  const std::string of_a = tickets.issue(a, secret_of(1), 0).value();
  const std::string of_b = tickets.issue(b, secret_of(2), 0).value();
  CHECK(tickets.redeem(id_of(b), of_a, 1).error() == Errc::bad_ticket);
  CHECK(tickets.redeem(id_of(ticket_of('a', "tablet")), of_a, 1).error() == Errc::bad_ticket);
  for (const std::string& guess : {std::string(), of_a + "A", of_a.substr(1), std::string(43, 'A')})
    CHECK(tickets.redeem(id_of(a), guess, 1).error() == Errc::bad_ticket);
  CHECK(tickets.redeem("", of_a, 1).error() == Errc::bad_ticket);
  CHECK(tickets.redeem(id_of(a), of_a, 1).has_value());
  CHECK(tickets.redeem(id_of(b), of_b, 1).has_value());
}

TEST_CASE("a newer ticket of a device ends the older") {
  Tickets tickets;
  const Ticket a = ticket_of('a');
  const std::string older = tickets.issue(a, secret_of(1), 0).value();
  const std::string newer = tickets.issue(ticket_of('a', "phone", 2), secret_of(2), 0).value();
  CHECK(tickets.redeem(id_of(a), older, 1).error() == Errc::bad_ticket);
  CHECK(tickets.redeem(id_of(a), newer, 1)->epoch == Epoch{2});
}

TEST_CASE("when too many tickets are out, none makes place but those that are over") {
  Tickets tickets(2);
  const Ticket a = ticket_of('a');
  const std::string of_a = tickets.issue(a, secret_of(1), 0).value();
  REQUIRE(tickets.issue(ticket_of('b'), secret_of(2), 30'000).has_value());
  CHECK(tickets.issue(ticket_of('c'), secret_of(3), 40'000).error() == Errc::too_many);
  CHECK(tickets.issue(ticket_of('b', "phone", 2), secret_of(4), 40'000).has_value());  // in the place of its own
  CHECK(tickets.redeem(id_of(a), of_a, 40'000).has_value());
  REQUIRE(tickets.issue(a, secret_of(5), 40'000).has_value());
  CHECK(tickets.issue(ticket_of('c'), secret_of(6), 100'000).has_value());  // those of 40'000 are over
  CHECK(tickets.size() == 1);
}

TEST_CASE("a handshake over REST is found by its Proof, once") {
  Stage stage;
  Waiting waiting = Waiting::at(stage);
  Challenges challenges;
  REQUIRE(challenges.keep(waiting.server, "192.0.2.1", stage.now).has_value());
  const std::string proof = waiting.client.proof(stage.proof_terms());
  const Link link = challenge_answered_by(proof).value();
  auto taken = challenges.take(link, stage.now);
  REQUIRE(taken.has_value());
  CHECK(stage.prove(*taken, proof).has_value());
  CHECK(challenges.take(link, stage.now).error() == Errc::wrong_challenge);
}

TEST_CASE("what is no Proof answers no Challenge") {
  for (const char* text : {"", "{}", "[]", R"({"_t":"sealpost.Proof","challenge":1})", R"({"challenge":"00"})"})
    CHECK(challenge_answered_by(text).error() == Errc::malformed);
}

TEST_CASE("a kept handshake expires with its Challenge") {
  Stage stage;
  const Waiting in_time = Waiting::at(stage);
  const Waiting late = Waiting::at(stage);
  Challenges challenges;
  REQUIRE(challenges.keep(in_time.server, "192.0.2.1", stage.now).has_value());
  REQUIRE(challenges.keep(late.server, "192.0.2.1", stage.now).has_value());
  CHECK(challenges.take(in_time.server.challenge_link(), stage.now + challenge_lifetime_max).has_value());
  CHECK(challenges.take(late.server.challenge_link(), stage.now + challenge_lifetime_max + 1).error() == Errc::expired);
  CHECK(challenges.size() == 0);
}

TEST_CASE("when too many handshakes are kept, a new one is refused and none of the old ones is lost") {
  Stage stage;
  Challenges challenges({2, 2});
  const Waiting first = Waiting::at(stage);
  const Waiting third = Waiting::at(stage);
  REQUIRE(challenges.keep(first.server, "192.0.2.1", stage.now).has_value());
  REQUIRE(challenges.keep(Waiting::at(stage).server, "192.0.2.2", stage.now).has_value());
  CHECK(challenges.keep(third.server, "192.0.2.3", stage.now).error() == Errc::too_many);
  CHECK(challenges.take(first.server.challenge_link(), stage.now).has_value());
  CHECK(challenges.keep(third.server, "192.0.2.3", stage.now).has_value());
  stage.now += challenge_lifetime_max + 1;
  CHECK(challenges.keep(Waiting::at(stage).server, "192.0.2.3", stage.now).has_value());
  CHECK(challenges.size() == 1);
}

TEST_CASE("one address cannot take all the room") {
  Stage stage;
  Challenges challenges({100, 2});
  REQUIRE(challenges.keep(Waiting::at(stage).server, "2001:db8::1", stage.now).has_value());
  REQUIRE(challenges.keep(Waiting::at(stage).server, "2001:db8::2", stage.now).has_value());
  CHECK(challenges.keep(Waiting::at(stage).server, "2001:db8::3", stage.now).error() == Errc::too_many);
  CHECK(challenges.keep(Waiting::at(stage).server, "2001:db8:0:1::3", stage.now).has_value());
}

TEST_CASE("whether one more handshake fits can be asked before its Challenge is signed") {
  Stage stage;
  Challenges challenges({2, 1});
  CHECK(challenges.room_for("192.0.2.1", stage.now) == Room::some);
  REQUIRE(challenges.keep(Waiting::at(stage).server, "192.0.2.1", stage.now).has_value());
  CHECK(challenges.room_for("192.0.2.1", stage.now) == Room::none_for_address);
  CHECK(challenges.room_for("192.0.2.2", stage.now) == Room::some);
  REQUIRE(challenges.keep(Waiting::at(stage).server, "192.0.2.2", stage.now).has_value());
  CHECK(challenges.room_for("192.0.2.3", stage.now) == Room::none);
  CHECK(challenges.room_for("192.0.2.3", stage.now + challenge_lifetime_max + 1) == Room::some);
}

TEST_CASE("what counts as one address") {
  const auto same = [](const char* a, const char* b) { return network_of(a) == network_of(b); };
  CHECK(same("192.0.2.7", "192.0.2.7"));
  CHECK_FALSE(same("192.0.2.7", "192.0.2.8"));
  CHECK(same("192.0.2.7", "::ffff:192.0.2.7"));
  CHECK(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
  CHECK_FALSE(same("2001:db8::1", "2001:db8:0:1::1"));
  CHECK(same("fe80::1%eth0", "fe80::2%eth1"));
  CHECK(same("unix", "unix"));
  CHECK_FALSE(same("unix", ""));
  CHECK_FALSE(same("0.0.0.0", "::"));
}

TEST_CASE("what is no address is a name of its own, and no address") {
  for (const char* text : {"1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "1.2.3.",
                           "1.2..4",
                           "1.2.3.-4",
                           "1:2:3:4:5:6:7",
                           ":",
                           ":::",
                           "1::2::3",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7::8",
                           "12345::",
                           "::g",
                           "1:",
                           ":1",
                           "::1.2.3",
                           "1.2.3.4::",
                           "::+1",
                           "1:2:3:4:5:6:7:1.2.3.4"}) {
    INFO(text);
    CHECK(network_of(text)[0] == 0);
  }
}

TEST_CASE("an address is read as the system writes it") {
  CHECK(rc::check([] {
    std::array<std::uint8_t, 16> bytes;
    for (std::uint8_t& byte : bytes)  // with many zeros, for "::"
      byte = *rc::gen::oneOf(rc::gen::just<std::uint8_t>(0), rc::gen::arbitrary<std::uint8_t>());
    char text[INET6_ADDRSTRLEN];
    RC_ASSERT(inet_ntop(AF_INET6, bytes.data(), text, sizeof text) != nullptr);
    const Network v6 = network_of(text);
    const std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (!std::equal(mapped.begin(), mapped.end(), bytes.begin())) {
      RC_ASSERT(v6[0] == 6);
      RC_ASSERT(std::equal(v6.begin() + 1, v6.end(), bytes.begin()));
    }
    RC_ASSERT(inet_ntop(AF_INET, bytes.data(), text, sizeof text) != nullptr);
    const Network v4 = network_of(text);
    RC_ASSERT(v4[0] == 4);
    RC_ASSERT(std::equal(v4.begin() + 1, v4.begin() + 5, bytes.begin()));
  }));
}

TEST_CASE("signature checks come back at their rate, up to the burst") {
  Addresses addresses({10, 20, 1, 8});
  CHECK(addresses.take_checks("192.0.2.1", 20, 5'000));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 5'099));
  CHECK(addresses.take_checks("192.0.2.1", 1, 5'100));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 5'100));
  CHECK(addresses.take_checks("192.0.2.2", 1, 5'100));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 21, 999'999'999'999));
  CHECK(addresses.take_checks("192.0.2.1", 20, 999'999'999'999));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 999'999'999'999));
}

TEST_CASE("registrations come back within the hour") {
  Addresses addresses({10, 20, 2, 8});
  CHECK(addresses.take_registration("2001:db8::1", 0));
  CHECK(addresses.take_registration("2001:db8::2", 0));
  CHECK_FALSE(addresses.take_registration("2001:db8::3", 0));
  CHECK_FALSE(addresses.take_registration("2001:db8::3", 1'799'999));
  CHECK(addresses.take_registration("2001:db8::3", 1'800'000));
  CHECK(addresses.take_checks("2001:db8::3", 20, 1'800'000));  // another allowance
}

TEST_CASE("where nobody may register, nobody may") {
  Addresses addresses({10, 20, 0, 8});
  CHECK_FALSE(addresses.take_registration("192.0.2.1", 0));
  CHECK_FALSE(addresses.take_registration("192.0.2.1", Millis{1} << 50));
}

TEST_CASE("a clock that goes back gives nothing, and takes nothing away") {
  Addresses addresses({10, 20, 1, 8});
  CHECK(addresses.take_checks("192.0.2.1", 20, 5'000));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 1'000));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 5'050));
  CHECK(addresses.take_checks("192.0.2.1", 1, 5'100));
}

TEST_CASE("the address that has been silent the longest makes place") {
  Addresses addresses({1, 1, 1, 2});
  CHECK(addresses.take_checks("192.0.2.1", 1, 0));
  CHECK(addresses.take_checks("192.0.2.2", 1, 0));
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 0));  // heard of again
  CHECK(addresses.take_checks("192.0.2.3", 1, 0));        // in the place of .2
  CHECK_FALSE(addresses.take_checks("192.0.2.1", 1, 0));
  CHECK(addresses.take_checks("192.0.2.2", 1, 0));
  CHECK(addresses.size() == 2);
}

TEST_CASE("however often it is asked, a bucket gives the burst and its rate, and not one more") {
  CHECK(rc::check([] {
    const std::int64_t rate = *rc::gen::inRange(1, 200);
    const std::int64_t burst = *rc::gen::inRange(1, 400);
    Addresses addresses({rate, burst, 1, 4});
    std::int64_t given = 0;
    Millis now = 0;
    for (const int passed : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 300))) {
      now += passed;
      while (addresses.take_checks("192.0.2.1", 1, now)) ++given;
      RC_ASSERT(given <= burst + now * rate / 1'000);
    }
    // Emptied just now, it has to be full again after burst / rate seconds.
    now += burst * 1'000 / rate + 1;
    RC_ASSERT(addresses.take_checks("192.0.2.1", burst, now));
  }));
}
