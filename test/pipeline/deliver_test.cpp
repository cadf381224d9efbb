// The out-lane goes to a device in order, within its window.

#include "pipeline/phone.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;

namespace {

struct Delivery {
  Stage stage;
  Phone phone{stage, stage.anna, "phone"};

  void send(int count) {
    for (int i = 0; i < count; ++i) {
      REQUIRE(stage.send(stage.anna, std::to_string(++sent_)).value().has_value());
    }
  }
  std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> texts;
    for (int i = from; i <= to; ++i) texts.push_back(std::to_string(i));
    return texts;
  }

 private:
  int sent_ = 0;
};

}  // namespace

TEST_CASE("at most sixteen messages are on their way to a device, whatever its Receive Maximum") {
  Delivery to;
  to.phone.connect({.receive_maximum = 100});
  to.send(20);
  REQUIRE(to.phone.inbox_texts() == to.numbers(1, 16));
  to.phone.ack(to.phone.inbox().at(0));
  CHECK(to.phone.inbox_texts() == to.numbers(1, 17));
  to.phone.ack_all();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 20));
}

TEST_CASE("a smaller Receive Maximum counts, and one without has a window of one") {
  Delivery to;
  const int window = GENERATE(0, 3);
  Dialling how;
  if (window > 0) how.receive_maximum = static_cast<std::uint16_t>(window);
  to.phone.connect(how);
  to.send(5);
  CHECK(to.phone.inbox_texts() == to.numbers(1, std::max(window, 1)));
  to.phone.ack_all();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 5));
}

TEST_CASE("an ack out of order opens no room") {
  Delivery to;
  to.phone.connect({.receive_maximum = 2});
  to.send(4);
  to.phone.ack(to.phone.inbox().at(1));
  CHECK(to.phone.inbox_texts() == to.numbers(1, 2));
  to.phone.ack(to.phone.inbox().at(0));
  CHECK(to.phone.inbox_texts() == to.numbers(1, 4));
}

TEST_CASE("delivery starts with the subscription") {
  Delivery to;
  to.phone.connect({.subscribe = false});
  to.send(1);
  CHECK(to.phone.inbox().empty());
  to.phone.subscribe();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 1));
}

TEST_CASE("after a reconnect delivery goes on behind the acknowledged position") {
  Delivery to;
  to.phone.connect({.receive_maximum = 16});
  to.send(10);
  for (std::size_t i = 0; i < 3; ++i) to.phone.ack(to.phone.inbox().at(i));
  const bool crash = GENERATE(false, true);
  if (crash) {
    to.stage.crash();
  } else {
    to.phone.hang_up();
  }
  to.phone.connect({.receive_maximum = 16});
  CHECK(to.phone.met.acked == Seq{3});
  CHECK(to.phone.inbox_texts() == to.numbers(4, 10));
}

TEST_CASE("a resumed session gets what was on its way under the same packet id, marked") {
  Delivery to;
  to.phone.connect({.session_expiry = 600, .receive_maximum = 16});
  to.send(2);
  to.phone.ack(to.phone.inbox().at(0));
  const Heard before = to.phone.inbox().at(1);
  CHECK_FALSE(before.dup);
  to.phone.hang_up();
  to.phone.connect({.clean_start = false, .session_expiry = 600, .receive_maximum = 16, .subscribe = false});
  REQUIRE(to.phone.inbox().size() == 1);
  const Heard again = to.phone.inbox().at(0);
  CHECK(again.text == before.text);
  CHECK(again.packet == before.packet);
  CHECK(again.dup);
}

TEST_CASE("a device that is far behind is served from the log, in order and without a gap") {
  Delivery to;
  to.phone.connect({.receive_maximum = 16});
  to.phone.hang_up();
  to.send(200);  // memory keeps 64, a page of the log as many
  to.phone.connect({.receive_maximum = 16});
  CHECK(to.phone.inbox_texts() == to.numbers(1, 16));
  to.phone.ack_all();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 200));
}

TEST_CASE("what is sent while a device catches up comes behind") {
  Delivery to;
  to.phone.connect({.receive_maximum = 16});
  to.phone.hang_up();
  to.send(100);
  to.phone.connect({.receive_maximum = 16});
  to.send(20);
  to.phone.ack_all();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 120));
}

TEST_CASE("each device has its own position") {
  Delivery to;
  Phone tablet(to.stage, to.stage.anna, "tablet");
  to.phone.connect();
  tablet.connect();
  to.send(2);
  to.phone.ack_all();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 2));
  CHECK(tablet.inbox_texts() == to.numbers(1, 1));
}

TEST_CASE("what a device refuses counts as not delivered: the connection ends, and it comes again") {
  Delivery to;
  to.phone.connect();
  to.send(2);
  to.phone.refuse(to.phone.inbox().at(0));
  CHECK(to.phone.goodbye() == mqtt::ReasonCode::implementation_specific_error);
  to.phone.connect();
  to.phone.ack_all();
  CHECK(to.phone.inbox_texts() == to.numbers(1, 2));
}

TEST_CASE("what a device has acknowledged is in the log, and known there after a crash") {
  Delivery to;
  to.phone.connect();
  to.send(3);
  to.phone.ack(to.phone.inbox().at(0));
  to.phone.ack(to.phone.inbox().at(1));
  to.stage.settle();
  to.stage.crash();
  std::optional<log::ClientState> anna;
  to.stage.log.read([&](log::Reader& reader) { anna = reader.client(to.stage.anna.permalink()); });
  to.stage.settle();
  REQUIRE(anna);
  CHECK(anna->devices.at(0).acked == Seq{2});
}
