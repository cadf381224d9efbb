// What waits for a bot over REST.

#include "bot/feed.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "log/memory_log.hpp"
#include "log/verbs.hpp"
#include "pipeline/client.hpp"
#include "pipeline/ports.hpp"

using namespace sealpost;
using namespace sealpost::log::test;
using bot::Feed;
using pipeline::Answer;
using pipeline::Update;
namespace asio = boost::asio;

namespace {

using Outcome = std::optional<Result<Answer>>;
using Page = std::optional<std::vector<Update>>;

asio::awaitable<void> ask_bot(Feed& feed, Update update, std::shared_ptr<Outcome> outcome) {
  auto answer = co_await feed.answer(std::move(update));
  outcome->emplace(std::move(answer));
}

asio::awaitable<void> poll_feed(Feed& feed, EventId after, std::size_t limit, Millis patience, std::stop_token gone,
                                std::shared_ptr<Page> page) {
  auto found = co_await feed.next(after, limit, patience, gone);
  page->emplace(std::move(found));
}

// A feed, and what stands on both sides of it.
struct FeedStage {
  pipeline::test::HeldClock clock;
  pipeline::test::HeldTimers timers{clock};
  log::MemoryLog log{clock, device_named("log-1")};
  Permalink anna = client_named("anna");
  Permalink ben = client_named("ben");
  InLane from_anna{anna, "phone"};
  InLane from_ben{ben, "phone"};
  Feed feed{"bot", timers};
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::stop_source peer;

  FeedStage() {
    commit(log, first_identity(anna), epoch(anna, "phone", 1));
    commit(log, first_identity(ben), epoch(ben, "phone", 1));
  }
  ~FeedStage() {
    feed.stop();
    context.poll();
  }

  // A message that the process of `client` is about to ask the bot about.
  Update message(InLane& lane, const Permalink& client) {
    const log::Draft draft = lane.next();
    return {commit(log, draft), client, device_named("phone"), draft.body};
  }
  std::shared_ptr<Outcome> ask(Update update) {
    auto outcome = std::make_shared<Outcome>();
    asio::co_spawn(context, ask_bot(feed, std::move(update), outcome), asio::detached);
    context.poll();
    return outcome;
  }
  std::shared_ptr<Page> poll(EventId after = {}, std::size_t limit = 10, Millis patience = 0) {
    auto page = std::make_shared<Page>();
    asio::co_spawn(context, poll_feed(feed, after, limit, patience, peer.get_token(), page), asio::detached);
    context.poll();
    return page;
  }
  std::vector<std::int64_t> ids(EventId after = {}, std::size_t limit = 10) {
    const auto page = poll(after, limit);
    REQUIRE(*page);
    std::vector<std::int64_t> ids;
    for (const Update& update : **page) ids.push_back(update.event.id().value);
    return ids;
  }
  void advance(Millis by) {
    timers.advance(by);
    context.poll();
  }
};

}  // namespace

TEST_CASE("what waits is given in the order of the log, whoever asked first") {
  FeedStage stage;
  const Update first = stage.message(stage.from_anna, stage.anna);
  const Update second = stage.message(stage.from_ben, stage.ben);
  (void)stage.ask(second);
  (void)stage.ask(first);
  const std::int64_t one = first.event.id().value;
  const std::int64_t two = second.event.id().value;
  CHECK(stage.ids() == std::vector{one, two});
  CHECK(stage.ids(first.event.id()) == std::vector{two});
  CHECK(stage.ids({}, 1) == std::vector{one});
}

TEST_CASE("an answer goes to the process that asked, and the others wait on") {
  FeedStage stage;
  const Update first = stage.message(stage.from_anna, stage.anna);
  const Update second = stage.message(stage.from_ben, stage.ben);
  const auto anna = stage.ask(first);
  const auto ben = stage.ask(second);
  Answer answer;
  answer.replies.push_back({std::nullopt, R"({"_t":"test.Say"})", "test.Say", std::nullopt, std::nullopt});
  CHECK(stage.feed.settle(second.event.id(), std::move(answer)));
  stage.context.poll();
  CHECK_FALSE(*anna);
  REQUIRE(*ben);
  REQUIRE((*ben)->has_value());
  CHECK((**ben)->replies.size() == 1);
  CHECK(stage.ids() == std::vector{first.event.id().value});
}

TEST_CASE("each hand-out counts as an attempt") {
  FeedStage stage;
  const Update update = stage.message(stage.from_anna, stage.anna);
  (void)stage.ask(update);
  for (const std::uint32_t attempt : {1U, 2U, 3U}) {
    const auto page = stage.poll();
    REQUIRE(*page);
    REQUIRE((*page)->size() == 1);
    CHECK((*page)->front().attempt == attempt);
  }
}

TEST_CASE("a message is settled once") {
  FeedStage stage;
  const Update update = stage.message(stage.from_anna, stage.anna);
  const auto outcome = stage.ask(update);
  CHECK(stage.feed.find(update.event.id()));
  CHECK(stage.feed.settle(update.event.id(), {}));
  CHECK_FALSE(stage.feed.settle(update.event.id(), {}));
  CHECK_FALSE(stage.feed.find(update.event.id()));
  CHECK_FALSE(stage.feed.settle(EventId{999}, {}));
}

TEST_CASE("an answer is settling until its process says that it is on disk, and its bot hears of it") {
  FeedStage stage;
  const Update update = stage.message(stage.from_anna, stage.anna);
  const auto outcome = stage.ask(update);
  CHECK_FALSE(stage.feed.is_settling(update.event.id()));
  ErrorCode told;
  Answer answer;
  answer.settled = [&](const Result<log::Appended>& appended) { told = appended.error(); };
  REQUIRE(stage.feed.settle(update.event.id(), std::move(answer)));
  stage.context.poll();
  CHECK(stage.feed.is_settling(update.event.id()));
  REQUIRE(*outcome);
  (**outcome)->settled(pipeline::Errc::outbox_full);
  CHECK(told == pipeline::Errc::outbox_full);
  CHECK_FALSE(stage.feed.is_settling(update.event.id()));
}

TEST_CASE("a message that is asked about again waits again") {
  FeedStage stage;
  const Update update = stage.message(stage.from_anna, stage.anna);
  (void)stage.ask(update);
  REQUIRE(stage.feed.settle(update.event.id(), {}));
  stage.context.poll();
  Update again = update;
  again.attempt = 7;
  (void)stage.ask(again);
  const auto page = stage.poll();
  REQUIRE(*page);
  REQUIRE((*page)->size() == 1);
  CHECK((*page)->front().attempt == 7);
}

TEST_CASE("a poll without patience comes back with nothing") {
  FeedStage stage;
  const auto page = stage.poll();
  REQUIRE(*page);
  CHECK((*page)->empty());
}

TEST_CASE("a long poll ends with the message that comes") {
  FeedStage stage;
  const auto page = stage.poll({}, 10, 30'000);
  CHECK_FALSE(*page);
  const Update update = stage.message(stage.from_anna, stage.anna);
  (void)stage.ask(update);
  REQUIRE(*page);
  REQUIRE((*page)->size() == 1);
  CHECK((*page)->front().event.id() == update.event.id());
  CHECK(stage.timers.size() == 0);
}

TEST_CASE("a long poll ends with its patience, and not before") {
  FeedStage stage;
  const auto page = stage.poll({}, 10, 30'000);
  stage.advance(29'999);
  CHECK_FALSE(*page);
  stage.advance(1);
  REQUIRE(*page);
  CHECK((*page)->empty());
}

TEST_CASE("a long poll ends when its peer has left, also before it began") {
  FeedStage stage;
  const auto page = stage.poll({}, 10, 30'000);
  CHECK_FALSE(*page);
  stage.peer.request_stop();
  stage.context.poll();
  REQUIRE(*page);
  CHECK((*page)->empty());
  CHECK(stage.timers.size() == 0);

  const auto late = stage.poll({}, 10, 30'000);
  CHECK(*late);
}

TEST_CASE("a message wakes everybody who polls") {
  FeedStage stage;
  const auto one = stage.poll({}, 10, 30'000);
  const auto other = stage.poll({}, 10, 30'000);
  (void)stage.ask(stage.message(stage.from_anna, stage.anna));
  REQUIRE(*one);
  REQUIRE(*other);
  CHECK((*one)->size() + (*other)->size() == 2);
}

TEST_CASE("stop lets everybody go, and whoever comes later") {
  FeedStage stage;
  const Update waiting = stage.message(stage.from_anna, stage.anna);
  const auto outcome = stage.ask(waiting);
  const auto page = stage.poll(waiting.event.id(), 10, 30'000);
  CHECK_FALSE(*outcome);
  CHECK_FALSE(*page);

  stage.feed.stop();
  stage.context.poll();
  REQUIRE(*outcome);
  CHECK((*outcome)->error() == pipeline::Errc::stopping);
  REQUIRE(*page);
  CHECK((*page)->empty());
  CHECK(stage.timers.size() == 0);

  const auto later = stage.ask(stage.message(stage.from_ben, stage.ben));
  REQUIRE(*later);
  CHECK((*later)->error() == pipeline::Errc::stopping);
  CHECK(*stage.poll({}, 10, 30'000));
}
