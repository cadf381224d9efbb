#pragma once
// The log, as something to co_await: the answer comes on the executor of the coroutine that asked.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>

#include "base/ports.hpp"
#include "log/event_log.hpp"

namespace sealpost::pipeline {

namespace asio = boost::asio;

// A handler and where it wants to be called, shared so that a std::function can hold it. Called once, from any thread.
template <class... Answer>
class Resume {
 public:
  template <class Handler>
  explicit Resume(Handler handler)
      : waiting_(std::make_shared<Waiting>(Waiting{asio::get_associated_executor(handler), std::move(handler)})) {}

  void operator()(Answer... answer) const {
    asio::post(waiting_->executor, [waiting = waiting_, ... answers = std::move(answer)]() mutable {
      std::move(waiting->handler)(std::move(answers)...);
    });
  }

 private:
  struct Waiting {
    asio::any_io_executor executor;
    asio::any_completion_handler<void(Answer...)> handler;
  };
  std::shared_ptr<Waiting> waiting_;
};

// Called on the log's thread when a transaction is on disk, before the coroutine that appended it goes on. Only there
// are the transactions of different clients seen in the order of the log. It must do no more than post.
using OnCommit = std::function<void(const log::Appended&)>;

asio::awaitable<Result<log::Appended>> append(log::EventLog&, log::Transaction, OnCommit = nullptr);

// Runs `ask` on a reader's thread and gives what it returned.
template <class T>
asio::awaitable<T> read(log::EventLog& log, std::function<T(log::Reader&)> ask) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      [&log](auto handler, std::function<T(log::Reader&)> question) {
        const Resume<T> resume(std::move(handler));
        log.read([resume, question = std::move(question)](log::Reader& reader) { resume(question(reader)); });
      },
      asio::use_awaitable, std::move(ask));
}

// Resumes after `delay` milliseconds.
asio::awaitable<void> pause(Timers&, Millis delay);

// Runs a coroutine nobody waits for. It must not throw: what it throws is a broken invariant, is logged under `name`,
// and ends the process, which starts again from the log.
void spawn(const asio::any_io_executor&, LogSink&, std::string_view name, asio::awaitable<void>);

// What spawn() does with what a coroutine throws.
[[noreturn]] void end_process(LogSink&, std::string_view name, const std::exception_ptr& thrown);

// A handler that does the same with what `work` throws.
template <class Work>
auto guarded(LogSink& sink, std::string_view name, Work work) {
  return [&sink, name, work = std::move(work)] {
    try {
      work();
    } catch (...) {
      end_process(sink, name, std::current_exception());
    }
  };
}

}  // namespace sealpost::pipeline
