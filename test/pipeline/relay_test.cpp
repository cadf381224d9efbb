// What clients send to each other.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;

namespace {

using Texts = std::vector<std::string>;

constexpr std::string_view identity = "sealpost.Identity";

// What came from others, without the introductions.
Texts letters(Phone& phone) {
  Texts texts;
  for (std::string& text : phone.inbox_texts())
    if (text != identity) texts.push_back(std::move(text));
  return texts;
}

struct Three {
  Stage stage;
  Phone anna{stage, stage.anna, "phone"};
  Phone ben{stage, stage.ben, "phone"};
  Phone carl{stage, stage.carl, "phone"};
  Permalink to_ben = stage.ben.permalink();

  Three() {
    anna.connect();
    ben.connect({.receive_maximum = 16});
    carl.connect();
  }
  // Ben goes, and his actor with him.
  void forget_ben() {
    ben.hang_up();
    stage.settle();
    stage.advance(10'000);
    stage.settle();
  }
};

}  // namespace

TEST_CASE("a relayed message comes after its author's identity, once, and only after its commit") {
  Three three;
  const Message first = three.anna.publish("one", three.to_ben);
  three.anna.publish("two", three.to_ben);
  CHECK(three.ben.inbox().empty());
  three.stage.settle();
  CHECK(three.ben.inbox_texts() == Texts{std::string(identity), "one", "two"});
  // Whole, with its author's signature.
  CHECK(three.ben.inbox().at(1).text.find(first.stored) != std::string::npos);
}

TEST_CASE("what two send to a third arrives in the order of the log, whichever strand runs first") {
  Three three;
  const bool anna_is_busy = GENERATE(true, false);
  three.anna.publish("from Anna", three.to_ben);
  three.carl.publish("from Carl", three.to_ben);
  // The completion of the one whose strand is busy waits behind that of the other.
  (anna_is_busy ? three.anna : three.carl).nudge();
  CHECK(three.stage.log.flush_some(2) == 2);
  three.stage.settle();
  CHECK(letters(three.ben) == Texts{"from Anna", "from Carl"});
}

TEST_CASE("what comes for a client that is being loaded is not lost") {
  Three three;
  three.forget_ben();
  three.anna.publish("one", three.to_ben);
  three.carl.publish("two", three.to_ben);
  const std::int64_t actors = three.stage.counters.clients_live.value();
  three.stage.log.flush_some(1);
  three.stage.run();  // the actor has asked the log
  CHECK(three.stage.counters.clients_live.value() == actors);

  SECTION("before the log has answered") {
    three.stage.log.flush_some(1);
    three.stage.run();
  }
  SECTION("as the log answers") {}
  three.stage.settle();
  three.ben.connect({.receive_maximum = 16});
  CHECK(letters(three.ben) == Texts{"one", "two"});
}

TEST_CASE("what comes before its recipient is loaded does not hide what has waited longer") {
  Three three;
  three.anna.publish("one", three.to_ben);
  three.stage.log.flush_some(1);
  three.stage.restart();  // and somebody is faster than resume()
  three.anna.connect();
  three.anna.publish("two", three.to_ben);
  three.stage.log.flush_some(1);
  three.stage.run();
  three.stage.settle();
  three.stage.resume();
  three.ben.connect({.receive_maximum = 16});
  CHECK(letters(three.ben) == Texts{"one", "two"});
}

TEST_CASE("what gathers while a commit is under way becomes one transaction, in order") {
  Three three;
  for (const char* const text : {"1", "2", "3", "4"}) three.anna.publish(text, three.to_ben);
  three.stage.settle();
  CHECK(letters(three.ben) == Texts{"1", "2", "3", "4"});
  const auto out = three.stage.events(log::Kind::out);
  REQUIRE(out.size() == 5);
  for (std::size_t i = 1; i < out.size(); ++i) CHECK(out[i].draft.seq == out[i - 1].draft.seq.next());
}

TEST_CASE("intents survive a crash between a message and its delivery") {
  Three three;
  three.anna.publish("one", three.to_ben);
  three.stage.log.flush_some(1);
  three.stage.crash();
  three.ben.connect({.receive_maximum = 16});
  CHECK(letters(three.ben) == Texts{"one"});

  three.stage.crash();
  three.ben.connect({.receive_maximum = 16, .from_first = true});
  CHECK(letters(three.ben) == Texts{"one"});
  CHECK(three.stage.events(log::Kind::out).size() == 2);
}

TEST_CASE("the author of a message to nobody is told") {
  Three three;
  const Permalink nobody{sha256(as_bytes("nobody"))};
  const Message message = three.anna.publish("hello?", nobody);
  three.stage.settle();
  REQUIRE(three.anna.inbox().size() == 1);
  const std::string notice = three.anna.inbox()[0].text;
  CHECK(notice.find("will_not_deliver") != std::string::npos);
  CHECK(notice.find(message.link.hex()) != std::string::npos);
}
