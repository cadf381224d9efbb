#include "log/memory_log.hpp"

#include <deque>
#include <mutex>
#include <variant>

#include "log/errc.hpp"
#include "log/memory_store.hpp"
#include "log/mqtt_rows.hpp"

namespace sealpost::log {

struct MemoryLog::State {
  struct Append {
    Transaction transaction;
    AppendDone done;
  };
  using Ask = std::function<void(Reader&)>;
  using Waiting = std::variant<Append, Ask>;

  State(Clock& clock_of_log, Device log_id, Completion how)
      : clock(clock_of_log), id(std::move(log_id)), completion(how), store(id) {}

  std::optional<Errc> next_fault();
  Result<Appended> commit(Transaction);
  void answer(Waiting);
  bool answer_next(bool appends_only);

  Clock& clock;
  const Device id;
  const Completion completion;

  // Recursive: a question may ask, or append, again. Not held while `done` runs.
  mutable std::recursive_mutex mutex;
  MemoryStore store;
  std::deque<Waiting> waiting;
  Health::State health = Health::State::ready;
  Errc fault{};
  std::size_t faults = 0;
  bool stopped = false;
  std::function<void(ErrorCode)> on_fatal;
};

std::optional<Errc> MemoryLog::State::next_fault() {
  if (health == Health::State::failed) return Errc::io;
  if (faults == 0) return std::nullopt;
  --faults;
  if (fault == Errc::io) health = Health::State::failed;
  if (fault == Errc::disk_full) health = Health::State::disk_full;
  return fault;
}

Result<Appended> MemoryLog::State::commit(Transaction transaction) {
  std::function<void(ErrorCode)> fatal;
  Result<Appended> appended = Errc::stopped;
  {
    const std::scoped_lock lock(mutex);
    if (const auto failing = next_fault()) {
      appended = *failing;
      if (failing == Errc::io) fatal = std::exchange(on_fatal, nullptr);
    } else {
      health = Health::State::ready;
      appended = store.append(std::move(transaction), clock.now());
    }
  }
  if (fatal) fatal(Errc::io);
  return appended;
}

void MemoryLog::State::answer(Waiting next) {
  if (Append* append = std::get_if<Append>(&next)) {
    append->done(commit(std::move(append->transaction)));
  } else {
    const std::scoped_lock lock(mutex);
    std::get<Ask>(next)(store);
  }
}

// False: nothing waited.
bool MemoryLog::State::answer_next(bool appends_only) {
  std::unique_lock lock(mutex);
  for (auto next = waiting.begin(); next != waiting.end(); ++next) {
    if (appends_only && !std::holds_alternative<Append>(*next)) continue;
    Waiting taken = std::move(*next);
    waiting.erase(next);
    lock.unlock();
    answer(std::move(taken));
    return true;
  }
  return false;
}

MemoryLog::MemoryLog(Clock& clock, Device id, Completion completion)
    : state_(std::make_unique<State>(clock, std::move(id), completion)) {}

MemoryLog::~MemoryLog() {
  stop();
}

void MemoryLog::flush() {
  while (state_->answer_next(false)) {
  }
}

std::size_t MemoryLog::flush_some(std::size_t count) {
  std::size_t flushed = 0;
  while (flushed < count && state_->answer_next(true)) ++flushed;
  return flushed;
}

void MemoryLog::fail_next(Errc error, std::size_t count) {
  const std::scoped_lock lock(state_->mutex);
  state_->fault = error;
  state_->faults = count;
}

void MemoryLog::crash() {
  std::deque<State::Waiting> forgotten;  // destroyed outside of the lock
  const std::scoped_lock lock(state_->mutex);
  forgotten.swap(state_->waiting);
}

void MemoryLog::append(Transaction transaction, AppendDone done) {
  std::unique_lock lock(state_->mutex);
  if (state_->stopped) {
    lock.unlock();
    return done(Errc::stopped);
  }
  State::Waiting given = State::Append{std::move(transaction), std::move(done)};
  if (state_->completion == Completion::on_flush) return state_->waiting.push_back(std::move(given));
  lock.unlock();
  state_->answer(std::move(given));
}

void MemoryLog::read(std::function<void(Reader&)> ask) {
  std::unique_lock lock(state_->mutex);
  if (state_->stopped) return;
  State::Waiting given = std::move(ask);
  if (state_->completion == Completion::on_flush) return state_->waiting.push_back(std::move(given));
  lock.unlock();
  state_->answer(std::move(given));
}

void MemoryLog::note_acked(const Permalink& client, const Device& device, Seq upto) {
  const std::scoped_lock lock(state_->mutex);
  state_->store.note(client, device, {upto, 0});
}

void MemoryLog::note_seen(const Permalink& client, const Device& device, Millis time) {
  const std::scoped_lock lock(state_->mutex);
  state_->store.note(client, device, {{}, time});
}

void MemoryLog::on_fatal(std::function<void(ErrorCode)> callback) {
  const std::scoped_lock lock(state_->mutex);
  state_->on_fatal = std::move(callback);
}

Health MemoryLog::health() const {
  const std::scoped_lock lock(state_->mutex);
  Health health;
  health.state = state_->stopped ? Health::State::stopped : state_->health;
  health.head = health.indexed_to = state_->store.head().id;
  for (const State::Waiting& each : state_->waiting) {
    const State::Append* append = std::get_if<State::Append>(&each);
    if (!append) continue;
    health.queued_events += append->transaction.drafts.size() + append->transaction.mqtt.size();
    health.queued_bytes += bytes_of(append->transaction.mqtt);
    for (const Draft& draft : append->transaction.drafts) health.queued_bytes += draft.body ? draft.body->size() : 0;
  }
  return health;
}

const Device& MemoryLog::id() const {
  return state_->id;
}

void MemoryLog::stop() {
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->stopped) return;
    state_->stopped = true;
  }
  while (state_->answer_next(true)) {
  }
  crash();  // questions that wait are not asked any more
}

}  // namespace sealpost::log
