// What the bot is asked, and what becomes of its answers.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline;
using namespace sealpost::pipeline::test;

namespace {

using Texts = std::vector<std::string>;

struct WithBot {
  Stage stage;
  Phone anna{stage, stage.anna, "phone"};
  Phone ben{stage, stage.ben, "phone"};
  HeldBot& bot = stage.bot;

  WithBot() {
    anna.connect();
    ben.connect();
  }
  void say(Phone& phone, std::string_view text) {
    phone.publish(text);
    stage.settle();
  }
};

// So that Anna's outbox holds two messages, and is full.
struct FullOutbox : WithBot {
  FullOutbox() {
    stage.limits.outbox_messages = 2;
    stage.crash();
    anna.connect({.receive_maximum = 16});
    CHECK(stage.send(stage.anna, "1").value().has_value());
    CHECK(stage.send(stage.anna, "2").value().has_value());
  }
};

}  // namespace

TEST_CASE("a bot that fails is asked again after the delay; its client waits, and no other") {
  WithBot with;
  with.say(with.anna, "one");
  with.say(with.anna, "two");
  REQUIRE(with.bot.asked.size() == 1);
  CHECK(with.bot.fail().attempt == 1);
  with.stage.settle();
  CHECK(with.bot.asked.empty());

  with.say(with.ben, "three");
  REQUIRE(with.bot.asked.size() == 1);
  CHECK(with.bot.text() == "three");
  with.stage.advance(99);
  CHECK(with.bot.asked.size() == 1);
  with.stage.advance(1);
  REQUIRE(with.bot.asked.size() == 2);
  CHECK(with.bot.text(1) == "one");
  CHECK(with.bot.asked[1].update.attempt == 2);
}

TEST_CASE("the delay doubles with each failure") {
  WithBot with;
  with.say(with.anna, "one");
  for (const Millis delay : {100, 200, 400, 800}) {
    with.bot.fail();
    with.stage.settle();
    with.stage.advance(delay - 1);
    CHECK(with.bot.asked.empty());
    with.stage.advance(1);
    REQUIRE(with.bot.asked.size() == 1);
  }
  CHECK(with.bot.asked[0].update.attempt == 5);
}

TEST_CASE("the replies and the cursor are one transaction, and nothing follows before its commit") {
  WithBot with;
  with.say(with.anna, "one");
  with.say(with.anna, "two");
  const EventId cause = with.bot.asked.front().update.event.id();
  Answer answer;
  answer.replies = {reply_of("first"), reply_of("second")};
  with.bot.reply(std::move(answer));
  with.stage.run();
  CHECK(with.stage.queued() == 2);
  CHECK(with.bot.asked.empty());
  CHECK(with.anna.inbox().empty());

  CHECK(with.stage.log.flush_some(1) == 1);  // both
  with.stage.settle();
  const auto out = with.stage.events(log::Kind::out);
  REQUIRE(out.size() == 2);
  for (const log::StoredEvent& event : out) {
    CHECK(event.draft.consumer == "bot");
    CHECK(event.draft.cause == cause);
  }
  REQUIRE(with.bot.asked.size() == 1);
  CHECK(with.bot.text() == "two");
  with.anna.ack_all();
  CHECK(with.anna.inbox_texts() == Texts{"first", "second"});
}

TEST_CASE("an answer without replies moves the cursor all the same") {
  WithBot with;
  with.say(with.anna, "one");
  with.bot.reply(Answer{});
  with.stage.settle();
  REQUIRE(with.stage.events(log::Kind::done).size() == 1);
  with.stage.crash();
  CHECK(with.bot.asked.empty());
}

TEST_CASE("a reply to somebody else reaches them, once") {
  WithBot with;
  with.say(with.anna, "tell Ben");
  Answer answer;
  answer.replies = {reply_of("from Anna's bot")};
  answer.replies[0].to = with.stage.ben.permalink();
  with.bot.reply(std::move(answer));
  with.stage.settle();
  CHECK(with.anna.inbox().empty());
  CHECK(with.ben.inbox_texts() == Texts{"from Anna's bot"});
  with.stage.crash();
  CHECK(with.bot.asked.empty());
  CHECK(with.stage.events(log::Kind::out).size() == 1);
}

TEST_CASE("after a crash before the commit the bot is asked again") {
  WithBot with;
  with.say(with.anna, "one");
  with.bot.reply("yes");
  with.stage.run();
  REQUIRE(with.stage.queued() == 1);
  with.stage.crash();
  CHECK(with.stage.events(log::Kind::out).empty());
  REQUIRE(with.bot.asked.size() == 1);
  CHECK(with.bot.text() == "one");
  CHECK(with.bot.asked[0].update.attempt == 1);
}

TEST_CASE("after a crash behind the commit the bot is not asked again, and the reply is delivered") {
  WithBot with;
  with.say(with.anna, "one");
  with.bot.reply("yes");
  with.stage.run();
  CHECK(with.stage.log.flush_some(1) == 1);
  with.stage.crash();
  CHECK(with.bot.asked.empty());
  with.anna.connect();
  CHECK(with.anna.inbox_texts() == Texts{"yes"});
}

TEST_CASE("a reply whose commit fails is stored later, without another question") {
  WithBot with;
  with.say(with.anna, "one");
  with.bot.reply("yes");
  with.stage.log.fail_next(log::Errc::disk_full);
  with.stage.settle();
  CHECK(with.anna.inbox().empty());
  with.stage.advance(100);
  with.stage.settle();
  CHECK(with.bot.asked.empty());
  CHECK(with.anna.inbox_texts() == Texts{"yes"});
}

TEST_CASE("a full outbox takes no more until the client acknowledges") {
  FullOutbox with;
  const auto third = with.stage.send(with.stage.anna, "3");
  REQUIRE(third.has_value());
  CHECK(third->error() == Errc::outbox_full);
  with.anna.ack(with.anna.inbox().at(0));
  CHECK(with.stage.send(with.stage.anna, "3").value().has_value());
}

TEST_CASE("a bot that waits for the outcome hears of a full outbox, and is asked again") {
  FullOutbox with;
  with.say(with.anna, "one");
  std::vector<ErrorCode> told;
  const auto say_yes = [&] {
    Answer answer;
    answer.replies = {reply_of("yes")};
    answer.settled = [&](const Result<log::Appended>& appended) { told.push_back(appended.error()); };
    with.bot.reply(std::move(answer));
    with.stage.settle();
  };
  say_yes();
  REQUIRE(told.size() == 1);
  CHECK(told[0] == Errc::outbox_full);
  CHECK(with.bot.asked.empty());
  with.stage.advance(100);
  REQUIRE(with.bot.asked.size() == 1);
  CHECK(with.bot.text() == "one");
  CHECK(with.bot.asked[0].update.attempt == 2);

  with.anna.ack_all();
  say_yes();
  REQUIRE(told.size() == 2);
  CHECK_FALSE(told[1]);
  CHECK(with.anna.inbox_texts().back() == "yes");
}

TEST_CASE("the answer of a bot that does not wait is kept until there is room") {
  FullOutbox with;
  with.say(with.anna, "one");
  with.bot.reply("yes");
  with.stage.settle();
  with.stage.advance(100);
  with.stage.settle();
  CHECK(with.anna.inbox().size() == 2);
  with.anna.ack_all();
  with.stage.advance(200);
  with.stage.settle();
  CHECK(with.anna.inbox_texts() == Texts{"1", "2", "yes"});
  CHECK(with.bot.asked.empty());
}

TEST_CASE("a client whose messages the bot does not work off is sent away, and loses nothing") {
  WithBot with;
  with.stage.limits.inbox_messages = 2;
  with.stage.crash();
  with.anna.connect();
  with.say(with.anna, "1");
  with.say(with.anna, "2");
  with.say(with.anna, "3");
  CHECK(with.anna.pubacks().size() == 2);
  CHECK(with.anna.goodbye() == mqtt::ReasonCode::quota_exceeded);
  with.bot.reply(Answer{});
  with.stage.settle();
  with.anna.connect();
  CHECK(with.anna.met.received.n == Seq{2});
  with.say(with.anna, "3");
  CHECK(with.anna.pubacks().size() == 1);
}
