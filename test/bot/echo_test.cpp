// The bot of the demo.

#include "bot/echo.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "auth/stage.hpp"
#include "log/memory_log.hpp"
#include "log/verbs.hpp"
#include "pipeline/ports.hpp"

using namespace sealpost;
using namespace sealpost::log::test;

TEST_CASE("the echo bot sends the message's object back") {
  pipeline::test::HeldClock clock;
  auth::Counting random;
  const auth::Party anna = auth::Party::make(random, "Anna");
  object::OutMessage message;
  message.author = anna.permalink();
  message.recipient = client_named("server");
  message.device = device_named("phone");
  message.n = {1};
  message.time = clock.now();
  message.payload = R"({"_t":"test.Say","text":"hello"})";
  const object::Signed made = message.prepare().sign(anna.sign);

  log::MemoryLog log(clock, device_named("log-1"));
  const log::Committed event = commit(log, security("any"));
  const pipeline::Update update{event, anna.permalink(), device_named("phone"), body_of(made.stored)};
  bot::Echo echo("demo");
  boost::asio::io_context context;
  std::optional<Result<pipeline::Answer>> answer;
  boost::asio::co_spawn(context, echo.answer(update),
                        [&](const std::exception_ptr& thrown, Result<pipeline::Answer> given) {
                          REQUIRE_FALSE(thrown);
                          answer = std::move(given);
                        });
  context.run();
  REQUIRE(answer);
  REQUIRE(answer->has_value());
  REQUIRE((*answer)->replies.size() == 1);
  CHECK((*answer)->replies[0].payload == R"({"_t":"demo.Echo","echo":{"_t":"test.Say","text":"hello"}})");
  CHECK((*answer)->replies[0].type == "demo.Echo");
  CHECK_FALSE((*answer)->replies[0].to);
  CHECK(echo.consumer() == "demo");
}
