#include "disk.hpp"

namespace sealpost::sim {
namespace {

constexpr std::size_t batch_events_max = 256;
constexpr Millis notes_durable = 50;

std::size_t events_of(const log::Transaction& transaction) {
  return std::max<std::size_t>(transaction.drafts.size() + transaction.mqtt.size(), 1);
}

}  // namespace

// The disk ------------------------------------------------------------------------------------------------------------

Result<log::Appended> Disk::commit(const log::Transaction& transaction, Millis now) {
  auto appended = store_->append(transaction, now);
  if (appended) entries_.push_back({transaction, now, std::nullopt});
  return appended;
}

void Disk::note(const Permalink& client, const Device& device, const log::Note& note) {
  log::Note& noted = notes_[{client, device}];
  noted.acked = std::max(noted.acked, note.acked);
  noted.seen = std::max(noted.seen, note.seen);
  store_->note(client, device, note);
}

Seq Disk::acked(const log::Lane& device) const {
  const auto found = notes_.find({device.client, device.device});
  return found == notes_.end() ? Seq{} : std::min(found->second.acked, Seq{out_head(device.client)});
}

std::uint64_t Disk::out_head(const Permalink& client) const {
  const auto state = store_->client(client);
  return state ? state->out.seq.value : 0;
}

std::unique_ptr<log::MemoryStore> Disk::again(Judge* judge) const {
  auto store = std::make_unique<log::MemoryStore>(first_id_);
  for (const Entry& entry : entries_) {
    if (entry.restored_as) {
      const log::Committed point = store->go_on_as(*entry.restored_as, entry.now);
      if (judge != nullptr) judge->on_restored(point, *entry.restored_as, entry.now);
      continue;
    }
    const auto appended = store->append(entry.transaction, entry.now);
    if (judge != nullptr && appended) judge->on_commit(entry.transaction, *appended, entry.now);
  }
  for (const auto& [whose, note] : notes_) store->note(whose.first, whose.second, note);
  return store;
}

void Disk::restore(const Backup& backup, const Device& id, Millis now, Judge& judge) {
  entries_ = backup.entries;
  notes_ = backup.notes;
  entries_.push_back({{}, now, id});
  id_ = id;
  judge.forget_log(first_id_);
  store_ = again(&judge);
  judge.check_acks_after_restore();
}

// The engine ----------------------------------------------------------------------------------------------------------

Engine::Engine(Scene& scene, Disk& disk, DiskHealth& health, Judge& judge, Clock& clock)
    : scene_(scene),
      disk_(disk),
      health_(health),
      judge_(judge),
      clock_(clock),
      dice_(scene.fork()),
      errands_(scene.schedule) {}

void Engine::append(log::Transaction transaction, AppendDone done) {
  Waiting waiting{std::move(transaction), std::move(done), {}};
  std::size_t queued = 0;
  for (const Waiting& each : queue_) queued += events_of(each.transaction);
  if (failed_)
    waiting.refused = log::Errc::io;
  else if (stopped_)
    waiting.refused = log::Errc::stopped;
  else if (!scene_.calm && queued + events_of(waiting.transaction) > scene_.weather.queue_max)
    waiting.refused = log::Errc::overloaded;
  if (!waiting.refused) mark_queued(waiting.transaction);
  queue_.push_back(std::move(waiting));
  begin();
}

void Engine::begin() {
  if (!batch_.empty() || queue_.empty()) return;
  std::size_t events = 0;
  while (!queue_.empty() && (batch_.empty() || events + events_of(queue_.front().transaction) <= batch_events_max)) {
    events += events_of(queue_.front().transaction);
    batch_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  const Millis longest = health_.slow ? 5'000 : scene_.weather.commit_max;
  if (health_.slow) scene_.coverage.add(Row::disk_slow);
  errands_.after(scene_.calm ? 1 : dice_.between(1, longest), [this] { commit(); });
}

Result<log::Appended> Engine::take(Waiting& waiting) {
  if (waiting.refused) return waiting.refused;
  const auto appended = disk_.commit(waiting.transaction, clock_.now());
  if (appended) {
    judge_.on_commit(waiting.transaction, *appended, clock_.now());
    mark_committed(waiting.transaction);
  } else if (appended.error() == log::Errc::stale_epoch && waiting.transaction.drafts.front().kind == log::Kind::in) {
    scene_.coverage.add(Row::taken_over);
  }
  return appended;
}

void Engine::commit() {
  if (batch_.empty()) return;
  const bool failing = std::exchange(health_.failing, false) && !scene_.calm;
  const bool full = health_.full && !scene_.calm;
  // What the disk says of a failed sync is not what it holds.
  const bool written = !failed_ && !full && (!failing || dice_.chance(0.5));
  std::vector<Result<log::Appended>> answers;
  for (Waiting& waiting : batch_) {
    auto appended = written ? take(waiting) : Result<log::Appended>(log::Errc::disk_full);
    if (full && !waiting.refused) scene_.reached_by_server(Row::full_disk);
    if (waiting.refused)
      answers.emplace_back(waiting.refused);
    else if (failing || failed_)
      answers.emplace_back(log::Errc::io);
    else
      answers.push_back(std::move(appended));
  }
  if (written) write_notes();
  if (full) scene_.coverage.add(Row::disk_full);
  if (failing) fail(written);
  if (scene_.crash_asked() && dice_.chance(0.5)) return;  // it is on disk, and nobody will have heard of it
  auto batch = std::exchange(batch_, {});
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(answers[i]));
  begin();
}

void Engine::fail(bool written) {
  failed_ = true;
  scene_.coverage.add(written ? Row::disk_error_durable : Row::disk_error);
  scene_.say("-- the disk fails; what was being written is {}there", written ? "" : "not ");
  if (on_fatal_) on_fatal_(log::Errc::io);
}

void Engine::mark_queued(const log::Transaction& transaction) {
  for (const log::Draft& draft : transaction.drafts) {
    if (draft.kind == log::Kind::in) scene_.reached_by_server(Row::message_queued);
    if (draft.kind == log::Kind::epoch) scene_.reached_by_server(Row::epoch_queued);
    if (draft.consumer == Judge::bot_consumer) scene_.reached_by_server(Row::reply_queued);
    if (draft.consumer == log::intents_consumer) scene_.reached_by_server(Row::relay_queued);
  }
}

void Engine::mark_committed(const log::Transaction& transaction) {
  for (const log::Draft& draft : transaction.drafts) {
    if (draft.kind == log::Kind::in) scene_.reached_by_server(Row::message_committed);
    if (draft.kind == log::Kind::epoch) scene_.reached_by_server(Row::epoch_committed);
    if (draft.consumer == Judge::bot_consumer) scene_.reached_by_server(Row::reply_committed);
    if (draft.kind == log::Kind::intent) scene_.reached_by_server(Row::intent_committed);
  }
}

void Engine::note_acked(const Permalink& client, const Device& device, Seq upto) {
  log::Note& note = notes_[{client, device}];
  note.acked = std::max(note.acked, upto);
  scene_.reached_by_server(Row::position_noted);
  write_notes_soon();
}

void Engine::note_seen(const Permalink& client, const Device& device, Millis time) {
  log::Note& note = notes_[{client, device}];
  note.seen = std::max(note.seen, time);
  write_notes_soon();
}

void Engine::write_notes_soon() {
  if (std::exchange(notes_due_, true)) return;
  errands_.after(notes_durable, [this] {
    notes_due_ = false;
    if (!health_.full && !failed_) write_notes();
    if (!notes_.empty()) write_notes_soon();
  });
}

void Engine::write_notes() {
  for (const auto& [whose, note] : notes_) disk_.note(whose.first, whose.second, note);
  notes_.clear();
}

void Engine::read(std::function<void(log::Reader&)> ask) {
  if (stopped_) return;
  ++reads_;
  errands_.after(scene_.calm ? 0 : dice_.between(0, scene_.weather.read_max), [this, ask = std::move(ask)] {
    --reads_;
    ask(disk_.store());
  });
}

log::Health Engine::health() const {
  log::Health health;
  if (stopped_) health.state = log::Health::State::stopped;
  if (failed_) health.state = log::Health::State::failed;
  health.head = health.indexed_to = disk_.store().head().id;
  for (const Waiting& waiting : queue_) health.queued_events += events_of(waiting.transaction);
  return health;
}

void Engine::stop() {
  if (std::exchange(stopped_, true)) return;
  while (!batch_.empty()) commit();
}

void Engine::forget() {
  errands_.drop();
  queue_.clear();
  batch_.clear();
  notes_.clear();
  reads_ = 0;
}

}  // namespace sealpost::sim
