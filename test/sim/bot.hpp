#pragma once
// The bot: its answer follows from the message alone, so that it does not matter how often it is asked. Two ways to be
// one: in the process (Bot), or over the updates feed, as those do that work over REST (FeedWorker with bot::Feed).
// Both are slow and fail as the weather has it.

#include <boost/asio/io_context.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bot/feed.hpp"
#include "scene.hpp"

namespace sealpost::sim {

namespace asio = boost::asio;

// What a message to the server says: {"_t","ask","pad","tag","to"?}, canonical.
struct Say {
  std::string ask;  // echo, two, none, or other: which replies it wants
  std::string tag;  // unlike that of any other message
  std::optional<Permalink> to;
  std::string pad;

  std::string payload() const;
  static std::optional<Say> read(std::string_view payload);
};

// The replies that it gets: to its author, or to `to`.
std::vector<pipeline::Reply> replies_to(const Say&);

class Bot final : public pipeline::Bot {
 public:
  Bot(Scene& scene, std::string consumer)
      : scene_(scene), dice_(scene.fork()), errands_(scene.schedule), consumer_(std::move(consumer)) {}

  const std::string& consumer() const override { return consumer_; }
  asio::awaitable<Result<pipeline::Answer>> answer(pipeline::Update) override;
  void forget() { errands_.drop(); }

 private:
  Scene& scene_;
  Dice dice_;
  Errands errands_;
  const std::string consumer_;
};

// A program that polls the feed, answers, and now and then forgets what it has fetched.
class FeedWorker {
 public:
  FeedWorker(Scene&, bot::Feed&, asio::io_context::executor_type, LogSink&);
  void forget() { errands_.drop(); }

 private:
  void poll();
  void take(const pipeline::Update&);
  void settle(EventId, const std::string& text);
  static asio::awaitable<void> fetch(FeedWorker& worker, EventId after, std::size_t limit, Millis patience);

  Scene& scene_;
  Dice dice_;
  Errands errands_;
  bot::Feed& feed_;
  asio::io_context::executor_type executor_;
  LogSink& sink_;
  std::set<EventId> at_work_;
};

}  // namespace sealpost::sim
