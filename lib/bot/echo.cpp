#include "bot/echo.hpp"

namespace sealpost::bot {

boost::asio::awaitable<Result<pipeline::Answer>> Echo::answer(pipeline::Update update) {
  const object::Message message = update.message();
  pipeline::Reply reply;
  reply.type = "demo.Echo";
  reply.payload = R"({"_t":"demo.Echo","echo":)";
  reply.payload += message.payload();
  reply.payload += '}';
  pipeline::Answer answer;
  answer.replies.push_back(std::move(reply));
  co_return answer;
}

}  // namespace sealpost::bot
