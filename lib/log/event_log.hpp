#pragma once
// The port to the event log: the truth of the server, of which everything else is a view. Two engines stand behind it,
// SQLite (sqlite_log.hpp) and memory (memory_log.hpp); test/log/conformance.hpp says what every engine must do.
//
// Threads: everything may be called from any thread. `done` and the function given to read() run on a thread of the log
// (or on the caller's, before the call returns): they must not block, and post to where they belong.

#include <functional>
#include <vector>

#include "base/result.hpp"
#include "log/errc.hpp"
#include "log/event.hpp"
#include "log/reader.hpp"

namespace sealpost::log {

// How long an idempotency key is kept: under an older one a request has its effect again.
inline constexpr Millis requests_kept_ms = Millis{7} * 24 * 60 * 60 * 1000;

struct Appended {
  std::vector<Committed> events;  // one for each draft, in order
  // The transaction's idempotency key had its effect before, with the same request: nothing was appended now, and
  // `events` are the ones of that time.
  bool repeated = false;
};

struct Health {
  enum class State { ready, disk_full, failed, stopped };
  State state = State::ready;
  EventId head;                     // newest durable event
  EventId indexed_to;               // newest event that the lane and object indexes cover
  std::size_t queued_events = 0;    // waiting for the writer; each change of MQTT's rows counts as one
  std::size_t queued_bytes = 0;     // of their bodies, and of what such changes bring
  std::int64_t last_commit_us = 0;  // how long the last commit took, checkpoint included
};

class EventLog {
 public:
  using AppendDone = std::function<void(Result<Appended>)>;

  virtual ~EventLog() = default;

  // A transaction without events is appended too: its changes of MQTT's rows become durable.
  // Checks the transaction against the heads as all transactions given before it leave them, and makes it durable.
  // `done` is called once, in the order of the calls, with the events or with what stood against them:
  //  - a verdict (stale_epoch to bad_draft): only this transaction failed. Those behind it that built on it fail too.
  //  - overloaded, disk_full, io, stopped: nothing is known to be on disk. Not a verdict on the transaction.
  virtual void append(Transaction, AppendDone done) = 0;

  // A device has stored the out-lane up to this number; was seen at this time. Durable with the next commit or 50 ms
  // later; lost without harm in a crash. Never moves back, and not beyond the out-lane's head.
  virtual void note_acked(const Permalink& client, const Device& device, Seq upto) = 0;
  virtual void note_seen(const Permalink& client, const Device& device, Millis time) = 0;

  // Calls `ask` once, on a reader's thread; sees every append whose `done` was called before read().
  // Not called if the log is stopped first.
  virtual void read(std::function<void(Reader&)> ask) = 0;

  // Called once, on a thread of the log, when the disk has failed: nothing is acknowledged from then on, and the
  // process should end with a code of its own. Set it before the first append.
  virtual void on_fatal(std::function<void(ErrorCode)>) = 0;
  virtual Health health() const = 0;

  // The log's name, 32 hex digits: also the server's device label (`_d`). Never changes while the log is open.
  virtual const Device& id() const = 0;

  // Makes durable what is queued, completes it, and ends the threads; later appends get Errc::stopped. Idempotent; not
  // to be called on a thread of the log. The destructor does the same.
  virtual void stop() = 0;

 protected:
  static Committed committed(EventId id, const Draft& draft, Millis logged, const Digest& hash);
};

}  // namespace sealpost::log
