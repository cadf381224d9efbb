#pragma once
// Questions to a log from a thread that waits for the answer.

#include <future>
#include <memory>
#include <utility>

#include "log/event_log.hpp"

namespace sealpost::power {

// What the question throws is thrown here: ReadFailed too, of which the log's readers do not hear then. A
// std::future_error: the log has stopped.
template <class Question>
auto ask(log::EventLog& log, Question question) {
  using Answer = std::invoke_result_t<Question, log::Reader&>;
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();
  log.read([promise = std::move(promise), question = std::move(question)](log::Reader& reader) {
    try {
      promise->set_value(question(reader));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  });
  return future.get();
}

}  // namespace sealpost::power
