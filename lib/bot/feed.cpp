#include "bot/feed.hpp"

#include <boost/asio/async_result.hpp>

#include "pipeline/client.hpp"

namespace sealpost::bot {

namespace asio = boost::asio;
using pipeline::Answer;
using pipeline::Update;

// Ended by whatever comes first, before or after somebody waits.
struct Feed::Poll {
  asio::awaitable<void> wait() {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this](auto handler) { begin(pipeline::Resume<>(std::move(handler))); }, asio::use_awaitable);
  }
  void begin(const pipeline::Resume<>& then) {
    {
      const std::lock_guard lock(mutex);
      if (!ended) {
        resume = then;
        return;
      }
    }
    then();
  }
  void end() {
    std::optional<pipeline::Resume<>> waiting;
    {
      const std::lock_guard lock(mutex);
      ended = true;
      waiting = std::exchange(resume, std::nullopt);
    }
    if (waiting) (*waiting)();
  }

  std::mutex mutex;  // a leaf
  bool ended = false;
  std::optional<pipeline::Resume<>> resume;
};

asio::awaitable<Result<Answer>> Feed::answer(Update update) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<Answer>)>(
      [this](auto handler, Update given) { put(std::move(given), Resume(std::move(handler))); }, asio::use_awaitable,
      std::move(update));
}

void Feed::put(Update update, Resume resume) {
  std::vector<std::shared_ptr<Poll>> woken;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return resume(pipeline::Errc::stopping);
    const EventId id = update.event.id();
    update.read = nullptr;  // it may wait here for long
    if (const auto before = refused_.extract(id)) update.attempt = std::max(update.attempt, before.mapped());
    waiting_.insert_or_assign(id, Waiting{std::move(update), std::move(resume)});
    woken = std::exchange(polls_, {});
  }
  for (const auto& poll : woken) poll->end();
}

std::vector<Update> Feed::page(EventId after, std::size_t limit) {
  std::vector<Update> found;
  const std::lock_guard lock(mutex_);
  for (auto at = waiting_.upper_bound(after); at != waiting_.end() && found.size() < limit; ++at) {
    found.push_back(at->second.update);
    ++at->second.update.attempt;  // handed out once more
  }
  return found;
}

asio::awaitable<std::vector<Update>> Feed::next(EventId after, std::size_t limit, Millis patience,
                                                std::stop_token gone) {
  std::vector<Update> found = page(after, limit);
  if (!found.empty() || patience <= 0) co_return found;
  co_await wait_for_any(after, patience, gone);
  co_return page(after, limit);
}

asio::awaitable<void> Feed::wait_for_any(EventId after, Millis patience, std::stop_token gone) {
  const auto poll = std::make_shared<Poll>();
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || waiting_.upper_bound(after) != waiting_.end()) co_return;
    polls_.push_back(poll);
  }
  const Timers::Handle timer = timers_.after(std::chrono::milliseconds(patience), [poll] { poll->end(); });
  const std::stop_callback left(gone, [poll] { poll->end(); });
  co_await poll->wait();
  timers_.cancel(timer);
  const std::lock_guard lock(mutex_);
  std::erase(polls_, poll);
}

std::optional<Update> Feed::find(EventId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return std::nullopt;
  return found->second.update;
}

bool Feed::settle(EventId id, Answer answer) {
  std::optional<Resume> resume;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return false;
    resume = std::move(found->second.resume);
    settling_.emplace(id, found->second.update.attempt);
    waiting_.erase(found);
  }
  answer.settled = [this, id, tell = std::move(answer.settled)](const Result<log::Appended>& appended) {
    on_settled(id, appended);
    if (tell) tell(appended);
  };
  (*resume)(std::move(answer));
  return true;
}

void Feed::on_settled(EventId id, const Result<log::Appended>& appended) {
  const std::lock_guard lock(mutex_);
  auto settled = settling_.extract(id);
  const bool finished = appended || appended.error() == log::Errc::stale_cursor;
  if (!finished) refused_.insert(std::move(settled));
}

bool Feed::is_settling(EventId id) const {
  const std::lock_guard lock(mutex_);
  return settling_.contains(id);
}

void Feed::stop() {
  std::vector<std::shared_ptr<Poll>> polls;
  std::map<EventId, Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    polls = std::exchange(polls_, {});
    waiting = std::exchange(waiting_, {});
  }
  for (const auto& poll : polls) poll->end();
  for (const auto& [id, one] : waiting) one.resume(pipeline::Errc::stopping);
}

}  // namespace sealpost::bot
