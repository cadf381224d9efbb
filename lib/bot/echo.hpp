#pragma once
// The bot of the demo, in the process itself: it sends every message back. Also the shortest example of a Bot.

#include "pipeline/bot.hpp"

namespace sealpost::bot {

class Echo final : public pipeline::Bot {
 public:
  explicit Echo(std::string consumer) : consumer_(std::move(consumer)) {}

  const std::string& consumer() const override { return consumer_; }
  // {"_t":"demo.Echo","echo":<the message's object>}
  boost::asio::awaitable<Result<pipeline::Answer>> answer(pipeline::Update) override;

 private:
  const std::string consumer_;
};

}  // namespace sealpost::bot
