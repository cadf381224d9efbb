#pragma once
// The writer: the one thread with the one connection that writes and checkpoints. It takes what is queued, commits it
// at once and answers; while one commit syncs the next batch gathers. Indexing and checkpoints fill the gaps.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "log/appender.hpp"
#include "log/checkpoints.hpp"
#include "log/indexer.hpp"
#include "log/sqlite_log.hpp"

namespace sealpost::log {

class Writer {
 public:
  using Done = EventLog::AppendDone;

  // The tail holds every event that an index lacks.
  Writer(const SqliteOptions&, std::unique_ptr<Database>, Tail&, const LogHead&, const IndexedTo&);
  ~Writer();

  void start();
  void append(Transaction, Done);
  void note(const Permalink&, const Device&, const Note&);
  void on_fatal(std::function<void(ErrorCode)>);
  // A reader has met a disk error: nothing is appended from now on.
  void fail(const ErrorCode&);
  Health health() const;
  // Drains the queue, brings the indexes up to date, checkpoints, and joins.
  void stop();

 private:
  struct Waiting {
    Transaction transaction;
    std::vector<Digest> body_hashes;
    std::size_t events = 0;  // and changes of MQTT's rows
    std::size_t bytes = 0;
    Done done;
    ErrorCode refused{};  // it was not taken, and is told so in its turn
  };
  struct Batch {
    std::vector<Waiting> appends;
    Notes notes;
    bool over = false;
  };

  void run();
  Batch next();
  void wait_for_work(std::unique_lock<std::mutex>&);
  void take_from_queue(Batch&);
  void write(Batch&);
  ErrorCode refusal(const Waiting&) const;
  void note_commit(std::size_t events, std::int64_t took_us);
  void note_failure(const ErrorCode&);
  void keep_for_later(Notes);
  void adapt(std::size_t events, std::int64_t took_us);
  void keep_house();
  ErrorCode index_slice();
  void adapt_slice(std::int64_t took_us);
  ErrorCode probe();
  void refuse_what_waits();
  void close();
  void announce(const ErrorCode&);
  std::int64_t lag() const { return appender_.head().id.value - indexed_to_.load().value; }

  const SqliteOptions options_;
  const std::unique_ptr<Database> database_;

  // The writer thread's, after start():
  Tail& tail_;
  Appender appender_;
  Indexer indexer_;
  Checkpoints checkpoints_;
  Statement begin_{*database_, "BEGIN IMMEDIATE"};
  Statement commit_{*database_, "COMMIT"};
  IndexedTo indexed_;
  std::size_t slice_events_max_;
  std::size_t batch_events_max_;

  // Under the mutex:
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> queue_;
  std::size_t queued_events_ = 0;
  std::size_t queued_bytes_ = 0;
  Notes notes_;
  bool asleep_ = false;  // the writer waits without end: a note has to wake it
  Health::State state_ = Health::State::ready;
  ErrorCode cause_;  // why the state is `failed`
  bool stopping_ = false;
  bool over_ = false;  // the queue is empty and stays so
  std::function<void(ErrorCode)> on_fatal_;

  std::atomic<EventId> head_;
  std::atomic<EventId> indexed_to_;
  std::atomic<std::int64_t> last_commit_us_{0};
  std::thread thread_;
};

}  // namespace sealpost::log
