#pragma once
// The server's disk, and the event log over it. What is on the disk survives a process: the committed transactions, in
// the real store with the real rules (log::MemoryStore). The engine is of one process: it queues, commits a batch at a
// time, answers, and loses all that with the process, in any of its moments.

#include <deque>
#include <memory>
#include <vector>

#include "judge.hpp"
#include "log/event_log.hpp"
#include "log/memory_store.hpp"
#include "scene.hpp"

namespace sealpost::sim {

class Disk {
 public:
  explicit Disk(const Device& id) : first_id_(id), id_(id), store_(std::make_unique<log::MemoryStore>(id)) {}

  const Device& id() const { return id_; }
  log::MemoryStore& store() { return *store_; }

  Result<log::Appended> commit(const log::Transaction&, Millis now);
  void note(const Permalink&, const Device&, const log::Note&);

  Seq acked(const log::Lane& device) const;

  // A copy, to which restore() takes the disk back as `sealpost restore` does: under a new id.
  struct Entry {
    log::Transaction transaction;
    Millis now = 0;
    std::optional<Device> restored_as;  // no transaction, but a restore
  };
  using Notes = std::map<std::pair<Permalink, Device>, log::Note>;
  struct Backup {
    std::vector<Entry> entries;
    Notes notes;
  };
  Backup backup() const { return {entries_, notes_}; }
  void restore(const Backup&, const Device& id, Millis now, Judge&);

  // The same transactions once more in an empty store: what it says about everything has to be the same.
  std::unique_ptr<log::MemoryStore> again(Judge*) const;

 private:
  std::uint64_t out_head(const Permalink&) const;

  Device first_id_;
  Device id_;
  std::vector<Entry> entries_;
  Notes notes_;
  std::unique_ptr<log::MemoryStore> store_;
};

// What the disk does to those who write to it.
struct DiskHealth {
  bool full = false;
  bool failing = false;  // the next commit fails, and it is not known what of it is on disk
  bool slow = false;
};

class Engine final : public log::EventLog {
 public:
  Engine(Scene&, Disk&, DiskHealth&, Judge&, Clock&);
  ~Engine() override { forget(); }

  void append(log::Transaction, AppendDone done) override;
  void note_acked(const Permalink&, const Device&, Seq upto) override;
  void note_seen(const Permalink&, const Device&, Millis time) override;
  void read(std::function<void(log::Reader&)> ask) override;
  void on_fatal(std::function<void(ErrorCode)> callback) override { on_fatal_ = std::move(callback); }
  log::Health health() const override;
  const Device& id() const override { return disk_.id(); }
  void stop() override;

  // The process ends: nothing that waits is ever answered.
  void forget();
  bool idle() const { return queue_.empty() && batch_.empty() && reads_ == 0 && notes_.empty(); }
  bool failed() const { return failed_; }

 private:
  struct Waiting {
    log::Transaction transaction;
    AppendDone done;
    ErrorCode refused;
  };
  void begin();
  void commit();
  void fail(bool written);
  Result<log::Appended> take(Waiting&);
  void write_notes();
  void write_notes_soon();
  void mark_queued(const log::Transaction&);
  void mark_committed(const log::Transaction&);

  Scene& scene_;
  Disk& disk_;
  DiskHealth& health_;
  Judge& judge_;
  Clock& clock_;
  Dice dice_;
  std::deque<Waiting> queue_;
  std::vector<Waiting> batch_;
  Disk::Notes notes_;
  std::function<void(ErrorCode)> on_fatal_;
  Errands errands_;
  std::size_t reads_ = 0;
  bool notes_due_ = false;
  bool failed_ = false;
  bool stopped_ = false;
};

}  // namespace sealpost::sim
