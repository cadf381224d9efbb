#include "log/writer.hpp"

#include <algorithm>
#include <chrono>

#include "log/errc.hpp"
#include "log/schema.hpp"

namespace sealpost::log {
namespace {

using std::chrono::milliseconds;
using State = Health::State;

constexpr std::size_t batch_events_most = 256;
// A smaller batch makes a commit hardly shorter where its sync is what takes long, and then costs throughput only.
constexpr std::size_t batch_events_least = 64;
constexpr std::size_t batch_bytes_max = 1 << 20;
constexpr std::int64_t commit_us_max = 10'000;
// The indexes follow in idle gaps; beyond this lag the slowest of them takes a slice after each commit. The longer the
// slice, the more of its rows share a page.
constexpr std::int64_t lag_max = 4096;
constexpr std::size_t slice_events_most = 4096;
constexpr std::size_t slice_events_least = 512;
constexpr std::int64_t slice_us_max = 10'000;

// Long enough for the next message of a conversation: an index commit would stand in its way.
constexpr milliseconds idle_gap{50};
// Where so many wait for each commit, the disk is faster than those who append: a breath between two commits makes them
// share more pages and syncs, and none of them waits longer for it.
constexpr std::size_t crowd = 8;
constexpr std::chrono::microseconds breath{500};
constexpr milliseconds notes_delay{50};
constexpr milliseconds disk_full_retry{1000};

}  // namespace

Writer::Writer(const SqliteOptions& options, std::unique_ptr<Database> database, Tail& tail, const LogHead& head,
               const IndexedTo& indexed)
    : options_(options),
      database_(std::move(database)),
      tail_(tail),
      appender_(*database_, tail, head),
      indexer_(*database_),
      checkpoints_(*database_, options.clock),
      indexed_(indexed),
      slice_events_max_(slice_events_least),
      batch_events_max_(batch_events_most),
      head_(head.id),
      indexed_to_(indexed.least()) {}

Writer::~Writer() {
  stop();
}

void Writer::start() {
  thread_ = std::thread([this] { run(); });
}

void Writer::append(Transaction transaction, Done done) {
  const std::size_t events = transaction.drafts.size() + transaction.mqtt.size();
  const std::size_t bytes = bytes_of(transaction.mqtt);
  Waiting waiting{std::move(transaction), {}, events, bytes, std::move(done)};
  // Hashed here, on the caller's thread: the writer is the narrowest place of all.
  for (const Draft& draft : waiting.transaction.drafts) {
    waiting.body_hashes.push_back(hash_of_body(draft.body));
    waiting.bytes += draft.body ? draft.body->size() : 0;
  }
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    waiting.refused = refusal(waiting);
    if (over_) {
      lock.unlock();
      return waiting.done(waiting.refused);
    }
    if (waiting.refused) waiting = {{}, {}, 0, 0, std::move(waiting.done), waiting.refused};
    queued_events_ += waiting.events;
    queued_bytes_ += waiting.bytes;
    queue_.push_back(std::move(waiting));
    first = queue_.size() == 1;
  }
  if (first) work_.notify_one();  // without the mutex, which the writer wants at once
}

// A refusal goes through the queue too: what was given before it is answered before it.
ErrorCode Writer::refusal(const Waiting& waiting) const {
  if (state_ == State::failed) return Errc::io;
  if (stopping_) return Errc::stopped;
  if (queued_events_ + waiting.events > options_.queued_events_max ||
      queued_bytes_ + waiting.bytes > options_.queued_bytes_max)
    return Errc::overloaded;
  return {};
}

void Writer::note(const Permalink& client, const Device& device, const Note& note) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || state_ == State::failed) return;
    wake = std::exchange(asleep_, false);
    Note& noted = notes_[{client, device}];
    noted.acked = std::max(noted.acked, note.acked);
    noted.seen = std::max(noted.seen, note.seen);
  }
  if (wake) work_.notify_one();
}

void Writer::on_fatal(std::function<void(ErrorCode)> callback) {
  const std::scoped_lock lock(mutex_);
  on_fatal_ = std::move(callback);
}

void Writer::fail(const ErrorCode& error) {
  const std::scoped_lock lock(mutex_);
  if (state_ == State::failed) return;
  state_ = State::failed;
  cause_ = error;
  work_.notify_one();
}

Health Writer::health() const {
  const std::scoped_lock lock(mutex_);
  return {state_, head_, indexed_to_, queued_events_, queued_bytes_, last_commit_us_};
}

void Writer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Writer::run() {
  for (;;) {
    Batch batch = next();
    if (batch.over) break;
    if (batch.appends.empty() && batch.notes.empty()) {
      keep_house();
    } else {
      write(batch);
    }
  }
  close();
}

// An empty batch: nothing has come for a while, so there is time for the house.
Writer::Batch Writer::next() {
  Batch batch;
  std::unique_lock lock(mutex_);
  wait_for_work(lock);
  if (state_ == State::failed || (stopping_ && queue_.empty())) {
    batch.over = true;
    return batch;
  }
  take_from_queue(batch);
  return batch;
}

void Writer::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto urgent = [this] { return !queue_.empty() || stopping_ || state_ == State::failed; };
  if (urgent()) return;
  if (state_ == State::disk_full) {
    work_.wait_for(lock, disk_full_retry, urgent);
  } else if (lag() > 0 || checkpoints_.is_due_when_idle()) {
    work_.wait_for(lock, idle_gap, urgent);
  } else {
    asleep_ = notes_.empty();
    work_.wait(lock, [&] { return urgent() || !notes_.empty(); });
    asleep_ = false;
    if (!urgent()) work_.wait_for(lock, notes_delay, urgent);
  }
}

void Writer::take_from_queue(Batch& batch) {
  std::size_t events = 0;
  std::size_t bytes = 0;
  while (!queue_.empty()) {
    Waiting& front = queue_.front();
    events += front.events;
    bytes += front.bytes;
    const bool fits = events <= batch_events_max_ && bytes <= batch_bytes_max;
    if (!fits && !batch.appends.empty()) break;
    queued_events_ -= front.events;
    queued_bytes_ -= front.bytes;
    batch.appends.push_back(std::move(front));
    queue_.pop_front();
  }
  // Notes alone wait until the indexes are done, which is soon.
  if (!batch.appends.empty() || lag() == 0) batch.notes = std::exchange(notes_, {});
}

void Writer::write(Batch& batch) {
  const std::int64_t start = options_.clock.steady_us();
  const Millis now = options_.clock.now();
  const EventId before = appender_.head().id;
  std::vector<Result<Appended>> outcomes;
  outcomes.reserve(batch.appends.size());
  appender_.begin();
  for (Waiting& append : batch.appends) {
    outcomes.push_back(append.refused ? Result<Appended>(append.refused)
                                      : appender_.append(append.transaction, append.body_hashes, now));
  }
  appender_.note(batch.notes);
  const ErrorCode error = appender_.commit();
  if (error) {
    // Nothing of the batch is on disk, and no verdict in it stands: it may have been about what is undone.
    note_failure(error);
    std::ranges::fill(outcomes, Result<Appended>(error == Errc::disk_full ? Errc::disk_full : Errc::io));
    keep_for_later(std::move(batch.notes));
  } else {
    const auto events = static_cast<std::size_t>(appender_.head().id.value - before.value);
    note_commit(events, options_.clock.steady_us() - start);
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i) batch.appends[i].done(std::move(outcomes[i]));
  if (error) return;
  if (lag() > lag_max) note_failure(index_slice());
  note_failure(checkpoints_.after_commit());
  adapt(batch.appends.size(), options_.clock.steady_us() - start);
  if (batch.appends.size() >= crowd) std::this_thread::sleep_for(breath);
}

void Writer::note_commit(std::size_t events, std::int64_t took_us) {
  head_ = appender_.head().id;
  options_.counters.commits_total.add();
  options_.counters.events_total.add(static_cast<std::int64_t>(events));
  options_.counters.commit_microseconds_total.add(took_us);
  last_commit_us_ = took_us;
  const std::scoped_lock lock(mutex_);
  if (state_ != State::disk_full) return;
  state_ = State::ready;
  options_.log_sink.write(Level::info, "log", "There is room on the disk again: the log appends.");
}

// After a disk error nobody knows what the disk has of the file (a second fsync may lie): nothing is written any more,
// and the next start reads what is really there.
void Writer::note_failure(const ErrorCode& error) {
  if (!error) return;
  const std::scoped_lock lock(mutex_);
  const State before = state_;
  if (before == State::failed) return;
  state_ = error == Errc::disk_full ? State::disk_full : State::failed;
  if (state_ == before) return;
  if (state_ == State::failed) {
    cause_ = error;
  } else {
    options_.log_sink.write(
        Level::error, "log",
        "The disk is full: nothing is accepted until there is room for " + options_.path + ". It goes on by itself.");
  }
}

// The disk may have room for them later.
void Writer::keep_for_later(Notes notes) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [whose, note] : notes) {
    Note& newer = notes_[whose];
    newer.acked = std::max(newer.acked, note.acked);
    newer.seen = std::max(newer.seen, note.seen);
  }
}

void Writer::adapt(std::size_t events, std::int64_t took_us) {
  if (took_us > commit_us_max && events > batch_events_least)
    batch_events_max_ = std::max(batch_events_max_ / 2, batch_events_least);
  if (took_us < commit_us_max / 2) batch_events_max_ = std::min(batch_events_max_ * 2, batch_events_most);
}

void Writer::keep_house() {
  bool was_full = false;
  {
    const std::scoped_lock lock(mutex_);
    was_full = state_ == State::disk_full;
  }
  if (was_full || lag() > 0) {
    const ErrorCode error = was_full ? probe() : index_slice();
    if (!error && was_full) note_commit(0, 0);
    note_failure(error);
    return;
  }
  note_failure(checkpoints_.when_idle());
}

// Whether there is room on the disk: writes the header page, which says what it said before.
ErrorCode Writer::probe() {
  begin_.run();
  database_->execute(("PRAGMA user_version = " + std::to_string(schema_version)).c_str());
  commit_.run();
  const ErrorCode error = database_->error();
  if (error) database_->rollback();
  return error;
}

ErrorCode Writer::index_slice() {
  const std::int64_t start = options_.clock.steady_us();
  const Index index = indexed_.slowest();
  const Tail::View view = tail_.view();
  std::vector<const Record*> slice;
  view.for_each(indexed_[index], appender_.head().id, [&](const Record& record) {
    if (slice.size() < slice_events_max_) slice.push_back(&record);
  });
  begin_.run();
  indexer_.index(index, slice);
  commit_.run();
  if (const ErrorCode error = database_->error()) {
    database_->rollback();
    return error;
  }
  indexed_[index] = slice.back()->id;
  indexed_to_ = indexed_.least();
  tail_.drop_to(indexed_to_);
  adapt_slice(options_.clock.steady_us() - start);
  return {};
}

void Writer::adapt_slice(std::int64_t took_us) {
  if (took_us > slice_us_max) slice_events_max_ = std::max(slice_events_max_ / 2, slice_events_least);
  if (took_us < slice_us_max / 2) slice_events_max_ = std::min(slice_events_max_ * 2, slice_events_most);
}

// Until nothing waits any more: from then on append() answers by itself.
void Writer::refuse_what_waits() {
  for (;;) {
    std::deque<Waiting> left;
    ErrorCode why;
    {
      const std::scoped_lock lock(mutex_);
      if (state_ != State::failed) state_ = State::stopped;
      why = state_ == State::failed ? Errc::io : Errc::stopped;
      left.swap(queue_);
      queued_events_ = queued_bytes_ = 0;
      over_ = left.empty();
      if (over_) return;
    }
    for (Waiting& waiting : left) waiting.done(why);
  }
}

void Writer::close() {
  refuse_what_waits();
  const auto [failed, cause] = [this] {
    const std::scoped_lock lock(mutex_);
    return std::pair(state_ == State::failed, cause_);
  }();
  if (failed) {
    // Closing the connection would checkpoint, with a disk that does not do what it says.
    sqlite3_db_config(database_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    announce(cause);
    return;
  }
  ErrorCode error;
  if (!notes_.empty()) {
    appender_.begin();
    appender_.note(notes_);
    error = appender_.commit();
  }
  while (!error && lag() > 0) error = index_slice();
  if (!error) error = checkpoints_.at_end();
  if (error)
    options_.log_sink.write(Level::warn, "log",
                            "The indexes could not be finished: " + error.message() +
                                ". Nothing is lost; the next start goes on with them.");
}

void Writer::announce(const ErrorCode& cause) {
  options_.log_sink.write(Level::error, "log",
                          "The disk failed under " + options_.path + " (" + cause.message() +
                              "). Nothing more is accepted. Check the disk, then start again: all that was "
                              "acknowledged before is there.");
  std::function<void(ErrorCode)> callback;
  {
    const std::scoped_lock lock(mutex_);
    callback = on_fatal_;
  }
  if (callback) callback(cause);
}

}  // namespace sealpost::log
