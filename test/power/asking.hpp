#pragma once
// Questions to a log from a thread that waits for the answer.

#include <future>
#include <memory>
#include <utility>

#include "ledger.hpp"
#include "log/sqlite_reader.hpp"

namespace sealpost::power {

struct CannotRead : Violation {
  using Violation::Violation;
};

// What the question throws is thrown here; CannotRead where the disk fails it, of which the log hears too, or where the
// log has stopped.
template <class Question>
auto ask(log::EventLog& log, Question question) {
  using Answer = std::invoke_result_t<Question, log::Reader&>;
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();
  log.read([promise = std::move(promise), question = std::move(question)](log::Reader& reader) {
    try {
      promise->set_value(question(reader));
    } catch (const log::ReadFailed& failed) {
      promise->set_exception(std::make_exception_ptr(CannotRead("the log cannot be read: " + failed.error.message())));
      throw;
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  });
  try {
    return future.get();
  } catch (const std::future_error&) {
    throw CannotRead("the log has stopped");
  }
}

}  // namespace sealpost::power
