#pragma once
// The bot that works over REST: messages wait here until somebody fetches and acknowledges them. At most one message
// of a client is here at a time, and it stays until it is acknowledged, so a bot that crashes, hangs or answers
// nonsense finds it again; other clients do not notice.
//
// Any thread.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "pipeline/await.hpp"
#include "pipeline/bot.hpp"

namespace sealpost::bot {

class Feed final : public pipeline::Bot {
 public:
  Feed(std::string consumer, Timers& timers) : consumer_(std::move(consumer)), timers_(timers) {}

  const std::string& consumer() const override { return consumer_; }
  // Waits until the message is acknowledged.
  boost::asio::awaitable<Result<pipeline::Answer>> answer(pipeline::Update) override;

  // What waits, in log order, from events after `after`; if nothing does, waits up to `patience` ms for something, or
  // until `gone`.
  boost::asio::awaitable<std::vector<pipeline::Update>> next(EventId after, std::size_t limit, Millis patience,
                                                             std::stop_token gone);
  // The message that waits under this id, if one does.
  std::optional<pipeline::Update> find(EventId) const;
  // Hands the answer to the process that waits for it. False if no message waits under this id. If it cannot be stored,
  // the process puts the message here again, and its hand-outs count on.
  bool settle(EventId, pipeline::Answer);
  // Whether an answer was handed over that is on its way to the disk.
  bool is_settling(EventId) const;
  // The server stops: everyone who waits is let go.
  void stop();

 private:
  using Resume = pipeline::Resume<Result<pipeline::Answer>>;
  struct Waiting {
    pipeline::Update update;
    Resume resume;
  };
  // One long poll. Called by whatever comes first: a message, the end of its patience, the peer's leaving.
  struct Poll;

  void put(pipeline::Update, Resume);
  void on_settled(EventId, const Result<log::Appended>&);
  std::vector<pipeline::Update> page(EventId after, std::size_t limit);
  boost::asio::awaitable<void> wait_for_any(EventId after, Millis patience, std::stop_token gone);

  const std::string consumer_;
  Timers& timers_;
  mutable std::mutex mutex_;  // a leaf
  std::map<EventId, Waiting> waiting_;
  // Answered, and not on disk yet; answered, and not to be stored now. Both with the `attempt` of the next hand-out.
  std::map<EventId, std::uint32_t> settling_;
  std::map<EventId, std::uint32_t> refused_;
  std::vector<std::shared_ptr<Poll>> polls_;
  bool stopped_ = false;
};

}  // namespace sealpost::bot
