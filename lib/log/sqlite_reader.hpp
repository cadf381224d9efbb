#pragma once
// The questions, answered from one snapshot of the database and, for what is not indexed yet, from the tail.

#include "log/event_rows.hpp"
#include "log/indexer.hpp"
#include "log/page.hpp"
#include "log/tail.hpp"

namespace sealpost::log {

// Thrown out of a question when the disk fails, so that no answer is made of what could not be read. Caught by the
// thread that asked it.
struct ReadFailed {
  ErrorCode error;
};

class SqliteReader final : public Reader {
 public:
  SqliteReader(std::unique_ptr<Database> database, const Tail& tail)
      : owned_(std::move(database)), database_(*owned_), tail_(tail) {}

  // One moment's snapshot lies between these.
  void begin();
  void end();

  LogHead head() override { return head_; }
  std::vector<RestorePoint> restore_points() override;
  std::optional<ClientState> client(const Permalink&) override;
  std::vector<ClientState> clients(const Permalink& after, std::size_t limit) override;
  std::optional<Permalink> key_owner(const PublicKey&) override;
  std::vector<StoredEvent> lane(const Lane&, Seq from, PageLimit) override;
  std::optional<StoredEvent> at(const Lane&, Seq) override;
  LaneHead head_at(const Lane&, EventId upto) override;
  std::vector<StoredEvent> feed(Feed, const Permalink& client, EventId after, PageLimit) override;
  std::vector<Work> work(Feed, const std::string& consumer, const Permalink& after, std::size_t limit) override;
  std::optional<StoredEvent> event(EventId) override;
  EventPage events_after(EventId after, const std::vector<Kind>& kinds, PageLimit) override;
  std::vector<StoredEvent> security_after(EventId after, PageLimit) override;
  std::vector<StoredEvent> identity_versions(const Permalink&) override;
  std::optional<StoredEvent> identity(const Permalink&) override;
  std::optional<StoredEvent> object(const Link&) override;
  std::vector<StoredEvent> objects(const ObjectFilter&, EventId after, PageLimit) override;
  std::optional<IdempotentResult> idempotent(const std::string& scope, const std::string& key) override;
  MqttState mqtt_state() override;

 private:
  void look();
  bool tail_reaches_the_indexes() const;
  void check() const;
  void add_details(ClientState&);
  void indexed(Page&, Statement::Rows);
  template <class Matches>
  void unindexed(Page&, EventId indexed_to, EventId after, Matches matches);
  std::vector<StoredEvent> feed_of_kind(Kind, const Permalink&, EventId after, PageLimit);

  const std::unique_ptr<Database> owned_;
  Database& database_;
  const Tail& tail_;
  Tail::View view_;
  LogHead head_;
  IndexedTo indexed_to_;

// CROSS: the index is what the search begins with.
#define SEALPOST_BY_INDEX(index)                                                                 \
  "SELECT " SEALPOST_EVENT_COLUMNS ", text FROM " index " CROSS JOIN event ON event.id = " index \
  ".event LEFT JOIN "                                                                            \
  "body ON body.event = event.id "
#define SEALPOST_CLIENT_COLUMNS \
  "SELECT client, identity, identity_event, out_seq, out_link, out_time, out_event, last_in, last_intent FROM client "
#define SEALPOST_WORK(newest)                                                         \
  "SELECT client.client, " newest                                                     \
  ", ifnull(event, 0) FROM client LEFT JOIN cursor ON cursor.client = client.client " \
  "AND consumer = ?1 WHERE client.client > ?2 AND " newest " > ifnull(event, 0) ORDER BY client.client LIMIT ?3"

  Statement begin_{database_, "BEGIN"};
  Statement end_{database_, "ROLLBACK"};
  Statement get_log_{database_, "SELECT id FROM log"};
  Statement get_indexed_to_{database_, SEALPOST_INDEXED_TO};
  Statement get_head_{database_, "SELECT id, hash FROM event ORDER BY id DESC LIMIT 1"};
  Statement restored_{database_, "SELECT type, cause FROM event INDEXED BY event_restored WHERE kind = 9 ORDER BY id"};
  Statement get_client_{database_, SEALPOST_CLIENT_COLUMNS "WHERE client = ?1"};
  Statement clients_{database_, SEALPOST_CLIENT_COLUMNS "WHERE client > ?1 ORDER BY client LIMIT ?2"};
  Statement devices_{database_,
                     "SELECT device, epoch, in_seq, in_link, in_time, in_event, shut, max(start, ifnull(acked, 0)), "
                     "ifnull(last_seen, 0) FROM device LEFT JOIN position USING (client, device) WHERE client = ?1 "
                     "ORDER BY device"};
  Statement cursors_{database_, "SELECT consumer, event FROM cursor WHERE client = ?1"};
  Statement key_{database_, "SELECT client FROM key WHERE key = ?1"};
  Statement lane_{database_, SEALPOST_BY_INDEX("lane") "WHERE lane.client = ?1 AND lane.device = ?2 AND lane.seq >= ?3 "
                                                       "ORDER BY lane.seq"};
  Statement lane_back_{database_, SEALPOST_BY_INDEX("lane") "WHERE lane.client = ?1 AND lane.device = ?2 AND "
                                                            "lane.event <= ?3 ORDER BY lane.seq DESC LIMIT 1"};
  Statement feed_{database_, SEALPOST_BY_INDEX("feed") "WHERE feed.client = ?1 AND feed.kind = ?2 AND feed.event > ?3 "
                                                       "ORDER BY feed.event"};
  Statement work_in_{database_, SEALPOST_WORK("last_in")};
  Statement work_intents_{database_, SEALPOST_WORK("last_intent")};
  Statement event_{database_, SEALPOST_EVENT_WITH_BODY "WHERE id = ?1"};
  Statement events_{database_, SEALPOST_EVENT_WITH_BODY "WHERE id > ?1 AND id <= ?2 ORDER BY id"};
  Statement security_{database_, "SELECT " SEALPOST_EVENT_COLUMNS
                                 ", text FROM event INDEXED BY event_security LEFT JOIN body ON body.event = id WHERE "
                                 "kind = 7 AND id > ?1 ORDER BY id"};
  Statement by_link_{database_, SEALPOST_BY_INDEX("object_link") "WHERE object_link.link = ?1 AND event.link = ?2 ORDER BY "
                                                                 "object_link.event LIMIT 1"};
  // The search by permalink finds some that are not of it: what it asks for is checked afterwards.
  Statement by_permalink_{
      database_, SEALPOST_EVENT_WITH_BODY
      "WHERE id > ?1 AND id IN (SELECT event FROM object_permalink WHERE permalink = ?2 UNION SELECT event FROM "
      "object_link WHERE link = ?3) ORDER BY id"};
  // Up to ?3, where both indexes are whole.
  Statement by_author_{database_, SEALPOST_EVENT_WITH_BODY
                       "WHERE id > ?1 AND id <= ?3 AND id IN (SELECT event FROM object_author WHERE author = ?2 AND "
                       "event > ?1 UNION ALL SELECT event FROM lane WHERE client = ?2 AND device > '' AND event > ?1) "
                       "ORDER BY id"};
  Statement by_type_{database_, SEALPOST_BY_INDEX("object_type") "WHERE object_type.event > ?1 AND object_type.type = "
                                                                 "?2 ORDER BY object_type.event"};
  Statement by_nothing_{database_, SEALPOST_EVENT_WITH_BODY "WHERE id > ?1 AND kind IN (2, 3, 4) ORDER BY id"};
  Statement idempotent_{database_, "SELECT request, first, count FROM idempotency WHERE scope = ?1 AND key = ?2"};
};

}  // namespace sealpost::log
