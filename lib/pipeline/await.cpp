#include "pipeline/await.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <exception>

namespace sealpost::pipeline {
namespace {

std::string what_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something unknown";
  }
}

}  // namespace

asio::awaitable<Result<log::Appended>> append(log::EventLog& log, log::Transaction transaction, OnCommit committed) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<log::Appended>)>(
      [&log](auto handler, log::Transaction given, OnCommit on_commit) {
        const Resume<Result<log::Appended>> resume(std::move(handler));
        log.append(std::move(given), [resume, on_commit = std::move(on_commit)](Result<log::Appended> appended) {
          if (appended && on_commit) on_commit(*appended);
          resume(std::move(appended));
        });
      },
      asio::use_awaitable, std::move(transaction), std::move(committed));
}

asio::awaitable<void> pause(Timers& timers, Millis delay) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&timers, delay](auto handler) { timers.after(std::chrono::milliseconds(delay), Resume<>(std::move(handler))); },
      asio::use_awaitable);
}

void spawn(const asio::any_io_executor& executor, LogSink& sink, std::string_view name, asio::awaitable<void> work) {
  asio::co_spawn(executor, std::move(work), [&sink, name](const std::exception_ptr& thrown) {
    if (thrown) end_process(sink, name, thrown);
  });
}

void end_process(LogSink& sink, std::string_view name, const std::exception_ptr& thrown) {
  sink.write(
      Level::error, "pipeline",
      fmt::format("{} ended by an error that cannot happen: {}. Stopping; the log is whole.", name, what_of(thrown)));
  std::abort();
}

}  // namespace sealpost::pipeline
