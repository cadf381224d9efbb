#pragma once
// What happens to transactions between BEGIN and COMMIT: checked against the heads in memory, so that one that fails
// fails alone and has written nothing; chained; written; and their heads once a batch.

#include <map>

#include "log/event_log.hpp"
#include "log/event_rows.hpp"
#include "log/head_rows.hpp"
#include "log/mqtt_rows.hpp"
#include "log/tail.hpp"

namespace sealpost::log {

// What devices were last seen to have.
struct Note {
  Seq acked;
  Millis seen = 0;
};
using Notes = std::map<std::pair<Permalink, Device>, Note>;

class Appender {
 public:
  Appender(Database&, Tail&, const LogHead&);

  void begin();
  // `body_hashes`: one for each draft.
  Result<Appended> append(Transaction&, const std::vector<Digest>& body_hashes, Millis now);
  void note(const Notes&);
  // All since begin() is durable, or did not happen and the error says why.
  ErrorCode commit();

  const LogHead& head() const { return durable_; }

 private:
  std::optional<Result<Appended>> answered_before(const Idempotency&, Millis now);
  void forget_requests(Millis now);
  std::vector<Committed> write(Transaction&, const std::vector<Digest>& body_hashes, Millis now);

  static constexpr std::size_t cached_clients_max = 4096;  // 600 bytes each
  static constexpr int forgotten_at_once_max = 256;        // a millisecond or two
  static constexpr Millis forget_every_ms = 60'000;

  Database& database_;
  Tail& tail_;
  EventRows events_{database_};
  HeadRows head_rows_{database_};
  MqttRows mqtt_rows_{database_};
  Heads heads_{head_rows_, cached_clients_max};
  LogHead durable_;
  LogHead head_;  // with what has been appended since begin()
  Millis forget_at_ = 0;

  Statement begin_{database_, "BEGIN IMMEDIATE"};
  Statement commit_{database_, "COMMIT"};
  Statement get_request_{database_,
                         "SELECT request, first, count FROM idempotency WHERE scope = ?1 AND key = ?2 AND time > ?3"};
  Statement put_request_{database_, "REPLACE INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
  Statement forget_requests_{database_,
                             "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency WHERE "
                             "time <= ?1 ORDER BY time LIMIT ?2)"};
  Statement get_events_{database_, SEALPOST_EVENT_WITH_BODY "WHERE id >= ?1 ORDER BY id LIMIT ?2"};
  BulkInsert<8> positions_{database_, "INSERT INTO position", 4,
                           " ON CONFLICT DO UPDATE SET acked = max(acked, excluded.acked), last_seen = max(last_seen, "
                           "excluded.last_seen)"};
};

}  // namespace sealpost::log
