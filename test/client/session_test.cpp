#include "client/session.hpp"

#include "world.hpp"

namespace sealpost::client {

TEST_CASE("a first meeting pins the server, and a message is acked and answered") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  CHECK(world.told.first_meetings == 1);
  CHECK(world.store->server() == world.server->who.permalink());
  const Entry sent = world.submit("hello");
  world.until([&] { return world.told.messages.size() == 1 && world.told.answered.size() == 1; });
  CHECK(world.told.answered[0].link == sent.link);
  CHECK(world.told.answered[0].standing == Standing::acked);
  CHECK(world.told.messages[0].answers == sent.link);
  CHECK(line_of(*letter_of(world.told.messages[0].stored)) == "hello");
  CHECK(world.server->accepted == std::vector{sent.stored});
  world.until([&] { return world.server->acked == 1; });
  world.stop();
}

TEST_CASE("a stranger behind the address of a pinned server is refused for good") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.stop();
  world.server->who = Person(world.random, "Mallory");
  world.start();
  world.until([&] { return world.ended.has_value(); });
  CHECK(world.ended->error() == Errc::server_changed);
  CHECK(world.told.online == 1);
}

TEST_CASE("at a first meeting another server than the expected one gets no proof") {
  World world;
  world.server_expected = Person(world.random).permalink();
  world.start();
  world.until([&] { return world.ended.has_value(); });
  CHECK(world.ended->error() == Errc::server_changed);
  CHECK(world.server->devices.empty());
  CHECK_FALSE(world.store->server().has_value());
}

TEST_CASE("a refusal before the first Welcome is the end") {
  World world;
  world.server->refuse = true;
  world.start();
  world.until([&] { return world.ended.has_value(); });
  CHECK(world.ended->error() == Errc::refused);
}

TEST_CASE("a server that was restored to before it knew us is told all our versions again") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.stop();
  world.server->forget_identities();
  world.start();
  world.until([&] { return world.told.online == 2; });
  CHECK(world.told.offline.empty());
  CHECK(world.server->connections == 3);
  world.submit("still me");
  world.until([&] { return world.told.messages.size() == 1; });
  world.stop();
}

TEST_CASE("a refusal of all our versions is the end, after one try more") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.stop();
  world.server->refuse = true;
  world.start();
  world.until([&] { return world.ended.has_value(); });
  CHECK(world.ended->error() == Errc::refused);
  CHECK(world.server->connections == 3);
}

TEST_CASE("a stranger with more versions than a server takes at once is told why; one that is known gets in") {
  World world;
  while (world.anna.versions.size() <= auth::new_versions_max) world.anna.rotate(world.random);
  world.start();
  world.until([&] { return !world.told.offline.empty(); });
  CHECK(world.told.offline[0] == Errc::too_many_versions);
  world.server->know(world.anna.versions);
  world.until([&] { return world.told.online == 1; });
  world.stop();
}

TEST_CASE("what was signed without a connection goes out in order with the next one") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.stop();
  std::vector<std::string> written;
  world.start();
  for (int i = 0; i < 20; ++i) written.push_back(world.submit(std::to_string(i)).stored);
  world.until([&] { return world.told.messages.size() == 20; });
  CHECK(world.server->accepted == written);
  CHECK(world.store->waiting()->empty());
  CHECK(world.told.offline.empty());
}

TEST_CASE("a message whose ack was lost is sent again, and stands once") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.server->close_before_puback = 1;
  const Entry sent = world.submit("once");
  world.until([&] { return world.told.online == 2 && world.told.messages.size() == 1; });
  CHECK(world.server->accepted == std::vector{sent.stored});
  CHECK(world.store->waiting()->empty());  // the Welcome said that it was received
  REQUIRE(world.told.answered.size() == 1);
  CHECK(world.told.answered[0].link == sent.link);
  CHECK(world.told.answered[0].standing == Standing::acked);
  world.stop();
}

TEST_CASE("a delivery whose acknowledgement was lost is not shown twice") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.server->close_before_acked = 1;
  world.submit("hello");
  world.until([&] { return world.told.online == 2; });
  world.server->say(R"({"_t":"demo.Note","text":"more"})");
  world.until([&] { return world.told.messages.size() == 2; });
  CHECK(world.told.messages[0].n == Seq{1});
  CHECK(world.told.messages[1].n == Seq{2});
  CHECK(world.store->history(std::nullopt, 10)->size() == 3);
  world.stop();
}

TEST_CASE("a session survives any number of lost connections without losing or doubling anything") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  std::vector<std::string> written;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 7; ++i) written.push_back(world.submit("x" + std::to_string(round * 7 + i)).stored);
    const std::size_t enough = written.size() - static_cast<std::size_t>(round % 7);
    world.until([&] { return world.server->accepted.size() >= enough; });
    world.server->drop();
  }
  world.until([&] { return world.told.messages.size() == written.size(); });
  CHECK(world.server->accepted == written);
  for (std::size_t i = 0; i < written.size(); ++i) CHECK(world.told.messages[i].n == Seq{i + 1});
  world.stop();
}

TEST_CASE("a message too large for the server is refused for good, and those after it close the gap") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.server->reject_next = "too_large";
  const Entry bad = world.submit("bad");
  const Entry good = world.submit("good");
  world.until([&] { return world.told.answered.size() == 2; });
  CHECK(world.told.answered[0].id == world.store->history(std::nullopt, 10)->at(0).id);
  CHECK(world.told.answered[0].standing == Standing::refused);
  CHECK(world.told.answered[1].standing == Standing::acked);
  CHECK(world.told.answered[1].n == bad.n);
  CHECK(world.told.signed_again == std::vector{std::pair{good.link, world.told.answered[1].link}});
  REQUIRE(world.server->accepted.size() == 1);
  CHECK(line_of(*letter_of(world.server->accepted[0])) == "good");
  world.stop();
}

TEST_CASE("what waits when the key is renewed is signed with the new key") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("before");
  world.until([&] { return world.told.messages.size() == 1; });
  world.stop();
  world.start();
  const Entry first = world.submit("old key"), second = world.submit("old key too");
  world.stop();
  world.anna.rotate(world.random);
  world.start();
  world.until([&] { return world.told.messages.size() == 3; });
  REQUIRE(world.server->accepted.size() == 3);
  CHECK(line_of(*letter_of(world.server->accepted[1])) == "old key");
  for (const std::size_t i : {1u, 2u}) CHECK(signer_of(world.server->accepted[i]) == world.anna.sign.key());
  REQUIRE(world.told.signed_again.size() == 2);
  CHECK(world.told.signed_again[0].first == first.link);
  CHECK(world.told.signed_again[1] == std::pair{second.link, letter_of(world.server->accepted[2])->link});
  world.stop();
}

TEST_CASE("a message written offline that is over the server's limit is refused here, and those around it go out") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.stop();
  world.server->message_max = 4'000;
  world.start();
  const Entry small = world.submit("small"), large = world.submit(std::string(8'000, 'x'));
  const Entry larger = world.submit(std::string(9'000, 'y')), last = world.submit("last");
  world.until([&] { return world.told.messages.size() == 2 && world.told.answered.size() == 4; });
  REQUIRE(world.server->accepted.size() == 2);
  CHECK(line_of(*letter_of(world.server->accepted[0])) == "small");
  CHECK(line_of(*letter_of(world.server->accepted[1])) == "last");
  CHECK(world.told.offline.empty());
  CHECK(world.store->waiting()->empty());
  for (const Entry& entry : world.store->history(world.server->who.permalink(), 10).value()) {
    if (entry.standing == Standing::refused) CHECK(entry.note == "too_large: larger than this server takes");
  }
  for (const Entry& entry : world.told.answered) {
    const bool goes = entry.link == small.link || line_of(*letter_of(entry.stored)) == "last";
    CHECK(entry.standing == (goes ? Standing::acked : Standing::refused));
  }
  world.stop();
}

TEST_CASE("a packet too large for a server that we talk with is no lack of a common protocol") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.server->disconnect(mqtt::ReasonCode::packet_too_large);
  world.until([&] { return world.ended.has_value(); });
  CHECK(world.ended->error() == Errc::too_large);
}

TEST_CASE("a client whose clock is wrong signs by the server's") {
  World world;
  world.server->time_ahead = -3'600'000;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("an hour ahead");
  world.until([&] { return world.told.answered.size() == 1; });
  CHECK(world.told.answered[0].standing == Standing::acked);
  world.stop();
}

TEST_CASE("a message signed by a wrong clock while offline is signed again") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.stop();
  world.clock.skew = 3'600'000;
  world.server->time_ahead = -3'600'000;
  world.start();
  const Entry wrong = world.submit("an hour ahead");
  world.until([&] { return world.told.answered.size() == 1; });
  CHECK(world.told.answered[0].standing == Standing::acked);
  CHECK(world.told.answered[0].n == wrong.n);
  CHECK(world.told.answered[0].link != wrong.link);
  world.stop();
}

TEST_CASE("a shut lane is left for a new device, which sends what waited and takes the history anew") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("one");
  world.until([&] { return world.told.messages.size() == 1; });
  world.stop();
  world.server->shut_device = true;
  world.start();
  const Entry two = world.submit("two");
  world.until([&] { return world.told.messages.size() == 2 && world.told.answered.size() == 2; });
  CHECK(world.told.new_devices == 1);
  CHECK(world.told.signed_again == std::vector{std::pair{two.link, world.told.answered[1].link}});
  REQUIRE(world.server->devices.size() == 3);
  CHECK(world.server->devices[0] == world.server->devices[1]);
  CHECK(world.server->devices[2] != world.server->devices[0]);
  REQUIRE(world.server->accepted.size() == 2);
  CHECK(line_of(*letter_of(world.server->accepted[1])) == "two");
  CHECK(world.told.messages[1].n == Seq{2});  // what came again is no news
  CHECK(world.store->history(std::nullopt, 10)->size() == 4);
  world.stop();
}

TEST_CASE("a delivery that does not continue the history is not acknowledged") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("one");
  world.until([&] { return world.server->acked == 1; });
  const lane::Mark elsewhere{{1}, Link{sha256(as_bytes("elsewhere"))}};
  world.server->out.push_back(message(world.server->who, world.anna.permalink(), world.server->log, elsewhere,
                                      world.clock.now() + 5, text_payload("forged")));
  world.server->drop();
  world.until([&] { return world.told.new_devices == 1; });
  CHECK(world.told.messages.size() == 1);
  CHECK(world.server->acked == 1);
}

TEST_CASE("a server that holds another message under one of our numbers is left for a new device") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("one");
  world.until([&] { return world.told.answered.size() == 1; });
  world.stop();
  world.server->in_heads[world.server->devices[0]] = {{1}, Link{sha256(as_bytes("elsewhere"))}};
  world.start();
  world.until([&] { return world.told.new_devices == 1; });
  world.stop();
}

TEST_CASE("what the server did not write and sign itself is neither shown nor acknowledged") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  const Person bert(world.random, "Bert");
  object::Signed wrong;
  if (GENERATE(false, true)) {
    Person forger(world.random);  // writes in Bert's name, with the server's key
    forger.versions = bert.versions;
    std::swap(forger.sign, world.server->who.sign);
    wrong = message(forger, world.anna.permalink(), world.server->log, {}, world.clock.now(), text_payload("hi"));
    std::swap(forger.sign, world.server->who.sign);
  } else {
    wrong = message(world.server->who, world.anna.permalink(), world.server->log, {}, world.clock.now(),
                    text_payload("hi"));
    wrong.stored.replace(wrong.stored.find(R"("hi")"), 4, R"("no")");
  }
  world.server->out.push_back(wrong);
  world.server->drop();
  world.until([&] { return world.told.offline.size() >= 2; });
  CHECK(world.told.messages.empty());
  CHECK(world.server->acked == 0);
  world.stop();
}

TEST_CASE("a message of another client that was altered on its way is not believed") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("hello");  // so that the server knows its client
  world.until([&] { return world.told.messages.size() == 1; });
  const Person bert(world.random, "Bert");
  auto hi = message(bert, world.anna.permalink(), device("phone"), {}, world.clock.now(), text_payload("hi")).stored;
  hi.replace(hi.find(R"("hi")"), 4, R"("no")");
  world.server->say(bert.versions[0].stored());
  world.server->say(hi);
  world.until([&] { return world.told.messages.size() == 3; });
  CHECK(world.told.messages[2].note == make_error_code(Errc::not_for_us).message());
  world.stop();
}

TEST_CASE("the session is prolonged before it ends, while messages flow") {
  World world;
  world.server->session_ms = 500;
  world.start();
  world.until([&] { return world.server->reauthentications >= 2; });
  world.submit("still here");
  world.until([&] { return world.told.messages.size() == 1; });
  CHECK(world.server->connections == 1);
  world.stop();
}

TEST_CASE("a message from another client is believed only with an identity, a signature and a rising number") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  world.submit("hello");  // so that the server knows its client
  world.until([&] { return world.told.messages.size() == 1; });
  const Person bert(world.random, "Bert");
  const Device phone = device("phone");
  const auto hi = message(bert, world.anna.permalink(), phone, {}, world.clock.now(), text_payload("hi"));
  const auto not_for_anna = message(bert, world.server->who.permalink(), phone, {{1}, hi.link}, world.clock.now() + 1,
                                    text_payload("not for Anna"));
  const auto next = message(bert, world.anna.permalink(), phone, {{2}, not_for_anna.link}, world.clock.now() + 2,
                            text_payload("next"));
  world.server->say(hi.stored);  // before the introduction
  world.server->say(bert.versions[0].stored());
  world.server->say(hi.stored);
  world.server->say(not_for_anna.stored);
  world.server->say(next.stored);
  world.server->say(hi.stored);  // behind what came before
  world.until([&] { return world.told.messages.size() == 7; });
  std::vector<std::string> doubts;
  for (const Entry& entry : world.told.messages) doubts.push_back(entry.note);
  const std::string not_for_us = make_error_code(Errc::not_for_us).message();
  const std::string not_in_order = make_error_code(Errc::not_in_order).message();
  CHECK(doubts == std::vector<std::string>{"", not_for_us, "", "", not_for_us, "", not_in_order});
  CHECK(world.told.messages[3].peer == bert.permalink());
  CHECK(line_of(*letter_of(world.told.messages[5].stored)) == "next");
  CHECK(world.store->history(bert.permalink(), 10)->size() == 4);
  world.until([&] { return world.server->acked == 7; });  // the lane goes on all the same
  std::vector<std::string> remembered;
  for (const Entry& entry : world.store->history(std::nullopt, 7).value()) {
    CHECK(entry.doubted() == !entry.note.empty());
    remembered.push_back(entry.note);
  }
  CHECK(remembered == doubts);
  world.stop();
}

TEST_CASE("an answer that is not to be believed is none, however often the store is asked") {
  World world;
  world.server->echo = false;
  world.start();
  world.until([&] { return world.told.online == 1; });
  const Entry asked = world.submit("a question");
  world.until([&] { return world.told.answered.size() == 1; });
  const Person bert(world.random, "Bert");
  const Device phone = device("phone");
  const auto yes = message(bert, world.anna.permalink(), phone, {}, world.clock.now(), text_payload("yes"), asked.link);
  const auto no =
      message(bert, world.anna.permalink(), phone, {{1}, yes.link}, world.clock.now() + 1, text_payload("no"));
  world.server->say(bert.versions[0].stored());
  world.server->say(no.stored);
  world.server->say(yes.stored);  // behind what came before
  world.until([&] { return world.told.messages.size() == 3; });
  CHECK(world.told.messages[2].answers == asked.link);
  CHECK_FALSE(world.store->answer_to(asked.link).value().has_value());
  world.server->say(text_payload("maybe"), asked.link);
  world.until([&] { return world.told.messages.size() == 4; });
  CHECK(world.store->answer_to(asked.link).value()->link == world.told.messages[3].link);
  world.stop();
}

TEST_CASE("what is no object with a type is not signed") {
  World world;
  world.start();
  world.until([&] { return world.told.online == 1; });
  Draft draft;
  draft.payload = "[1]";
  CHECK(world.session->submit(draft).error() == Errc::bad_payload);
  draft.payload = R"({"text":"x"})";
  CHECK(world.session->submit(draft).error() == Errc::bad_payload);
  draft.payload = R"({"_t":"x","_t":"y"})";
  CHECK(world.session->submit(draft).error() == object::Errc::duplicate_key);
  draft.payload = text_payload("x");
  draft.context = "\xff";
  CHECK(world.session->submit(draft).error() == Errc::bad_context);
  draft.context.reset();
  draft.payload = text_payload(std::string(300'000, 'x'));
  CHECK(world.session->submit(draft).error() == Errc::too_large);
  CHECK(world.store->lane().head.n == Seq{0});
  world.stop();
}

TEST_CASE("text from others cannot command a terminal") {
  CHECK(safe_for_terminal("a\x1b[2Jb\x7f\n") == "a\\x1b[2Jb\\x7f\\x0a");
  CHECK(safe_for_terminal("\xc2\x9b[2J \xc2\xa7 \xc2[") == "\\x9b[2J \xc2\xa7 \xc2[");
  CHECK(safe_for_terminal("\xc2\x9b"
                          "1m") == "\\x9b1m");
  CHECK(safe_for_terminal("grüße \xe2\x82\xac") == "grüße \xe2\x82\xac");
}

}  // namespace sealpost::client
