#include "log/sqlite_log.hpp"

#include <filesystem>

#include "log/errc.hpp"
#include "log/offline.hpp"
#include "log/reader_pool.hpp"
#include "log/wal_damage.hpp"
#include "log/writer.hpp"

namespace sealpost::log {
namespace {

constexpr int reader_threads = 2;
// How far back the start looks at the chain and at the heads that should follow from it; `sealpost verify` looks at
// all.
constexpr std::int64_t checked_at_start = 512;

// Whether the heads know the event: they may be ahead of it, never behind.
bool heads_know(HeadRows& rows, const Record& record) {
  const Draft& draft = record.draft;
  if (draft.client.is_none() || draft.kind == Kind::security) return true;
  ClientRows client = rows.load(draft.client);
  if (!draft.consumer.empty() && client.cursor(draft.consumer).at < draft.cause) return false;
  switch (draft.kind) {
    case Kind::epoch:
      return client.device(draft.device).epoch >= draft.epoch;
    case Kind::in:
      return client.device(draft.device).in.seq >= draft.seq &&
             (!waits_for_bot(draft) || client.head.last_in >= record.id);
    case Kind::out:
      return client.head.out.seq >= draft.seq;
    case Kind::identity:
      return client.head.identity_event >= record.id;
    case Kind::intent:
      return rows.load(draft.recipient).head.last_intent >= record.id;
    case Kind::shut:
      return client.device(draft.device).shut;
    default:
      return true;
  }
}

// The newest events: their chain, their heads, and that no index runs ahead of them.
bool newest_are_whole(Database& database, const LogRow& start) {
  if (start.indexed_to.most() > start.head.id) return false;
  HeadRows heads(database);
  Statement newest(database, "SELECT " SEALPOST_EVENT_COLUMNS " FROM event WHERE id >= ?1 ORDER BY id");
  const EventId first{std::max<std::int64_t>(1, start.head.id.value - checked_at_start + 1)};
  Record before;
  for (auto row = newest.query(first); row.next();) {
    const Record record = record_of(row);
    const bool follows =
        before.id.value == 0 || (record.id == before.id.next() && record.hash == chain_hash(before.hash, record));
    if (!follows || !heads_know(heads, record)) return false;
    before = record;
  }
  return true;
}

Result<LogRow> read_start(Database& database) {
  auto log = read_log_row(database);
  if (!log) return log.error();
  const bool whole = newest_are_whole(database, *log);
  if (database.failed()) return database.error();
  if (!whole) return Errc::corrupt;
  return log;
}

// A process that ended because a sync failed has left pages that the system shows as written, that the disk need not
// have, and that no later sync will bring there. So what is in the write-ahead log goes into the database once more
// before anything is appended to it. Without room for that it stays where it is, and can be read.
ErrorCode write_again(Database& database) {
  database.fail(sqlite3_wal_checkpoint_v2(database.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
  const ErrorCode error = database.error();
  if (error != Errc::disk_full) return error;
  database.rollback();
  return {};
}

ErrorCode load_tail(Database& database, Tail& tail, EventId indexed_to) {
  Statement unindexed(database, "SELECT " SEALPOST_EVENT_COLUMNS " FROM event WHERE id > ?1 ORDER BY id");
  for (auto row = unindexed.query(indexed_to); row.next();) tail.push(record_of(row));
  return database.error();
}

bool is_empty_file(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_empty(path, none) && !none;
}

class SqliteLog final : public EventLog {
 public:
  SqliteLog(const SqliteOptions& options, LockFile lock, std::unique_ptr<Database> database, const LogRow& start)
      : lock_(std::move(lock)),
        id_(start.id),
        writer_(options, std::move(database), tail_, start.head, start.indexed_to) {}
  ~SqliteLog() override { stop(); }

  ErrorCode start(Database& database, const SqliteOptions& options, const IndexedTo& indexed_to) {
    if (const ErrorCode error = load_tail(database, tail_, indexed_to.least())) return error;
    std::vector<std::unique_ptr<SqliteReader>> readers;
    for (int i = 0; i < reader_threads; ++i) {
      auto opened = open_database(options.path, Access::inspect, options.vfs);
      if (!opened) return opened.error();
      auto& connection = **opened;
      readers.push_back(std::make_unique<SqliteReader>(*std::move(opened), tail_));
      if (connection.failed()) return connection.error();
    }
    readers_.emplace(std::move(readers), [this](const ErrorCode& error) { writer_.fail(error); });
    writer_.start();
    return {};
  }

  void append(Transaction transaction, AppendDone done) override {
    writer_.append(std::move(transaction), std::move(done));
  }
  void note_acked(const Permalink& client, const Device& device, Seq upto) override {
    writer_.note(client, device, {upto, 0});
  }
  void note_seen(const Permalink& client, const Device& device, Millis time) override {
    writer_.note(client, device, {{}, time});
  }
  void read(std::function<void(Reader&)> ask) override { readers_->ask(std::move(ask)); }
  void on_fatal(std::function<void(ErrorCode)> callback) override { writer_.on_fatal(std::move(callback)); }
  Health health() const override { return writer_.health(); }
  const Device& id() const override { return id_; }
  // Readers first: the writer's last checkpoint is whole only without their snapshots.
  void stop() override {
    if (readers_) readers_->stop();
    writer_.stop();
  }

 private:
  const LockFile lock_;
  const Device id_;
  Tail tail_;
  Writer writer_;
  std::optional<ReaderPool> readers_;
};

}  // namespace

Result<std::unique_ptr<EventLog>> open_sqlite_log(const SqliteOptions& options) {
  auto lock = LockFile::take(options.path);
  if (!lock) return lock.error();
  if (wal_is_damaged(options.path)) return Errc::wal_damaged;
  if (lock->is_marked() && is_empty_file(options.path)) return Errc::corrupt;
  auto opened = open_database(options.path, Access::create, options.vfs);
  if (!opened) return opened.error();
  Database& database = **opened;
  if (const ErrorCode error = create_schema(database, options.clock, options.random)) return error;
  lock->mark();
  if (const ErrorCode error = write_again(database)) return error;
  const auto start = read_start(database);
  if (!start) return start.error();
  auto log = std::make_unique<SqliteLog>(options, *std::move(lock), *std::move(opened), *start);
  if (const ErrorCode error = log->start(database, options, start->indexed_to)) return error;
  return std::unique_ptr<EventLog>(std::move(log));
}

}  // namespace sealpost::log
