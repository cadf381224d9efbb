#pragma once
// The event log in memory: same port, same checks, no disk and no thread. For tests of what stands on the log: appends
// and reads run at once, or wait until the test says flush(); faults come when the test says so.

#include <memory>

#include "base/ports.hpp"
#include "log/event_log.hpp"

namespace sealpost::log {

class MemoryLog final : public EventLog {
 public:
  enum class Completion {
    inline_,   // append() and read() call back before they return
    on_flush,  // they wait for flush()
  };

  MemoryLog(Clock& clock, Device id, Completion completion = Completion::inline_);
  ~MemoryLog() override;

  // Commits and answers what waits, in order, and what that brings about: until nothing waits.
  void flush();
  // Commits and answers the next `count` appends only. Gives how many there were.
  std::size_t flush_some(std::size_t count);
  // The next `count` appends fail with `error` instead of being looked at. Errc::io also fails the log for good.
  void fail_next(Errc error, std::size_t count = 1);
  // Forgets what waits, as a crash would: their `done` is never called. What is committed stays.
  void crash();

  void append(Transaction, AppendDone done) override;
  void note_acked(const Permalink& client, const Device& device, Seq upto) override;
  void note_seen(const Permalink& client, const Device& device, Millis time) override;
  void read(std::function<void(Reader&)> ask) override;
  void on_fatal(std::function<void(ErrorCode)>) override;
  Health health() const override;
  const Device& id() const override;
  void stop() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sealpost::log
