#pragma once
// What MemoryLog holds: committed events, and the questions answered from them.

#include <deque>
#include <map>
#include <set>

#include "log/appender.hpp"
#include "log/chain.hpp"
#include "log/heads.hpp"
#include "log/memory_mqtt.hpp"
#include "log/page.hpp"

namespace sealpost::log {

class MemoryStore final : public Reader, private HeadSource {
 public:
  explicit MemoryStore(const Device& id) : id_(id), head_{{}, genesis(id)} {}

  Result<Appended> append(Transaction, Millis now);
  void note(const Permalink&, const Device&, const Note&);
  // As restore() does with a file: the log goes on under another id, and remembers of which one it is a copy.
  Committed go_on_as(const Device& id, Millis now);

  LogHead head() override { return head_; }
  std::vector<RestorePoint> restore_points() override { return restore_points_; }
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
  MqttState mqtt_state() override { return mqtt_.state(); }

 private:
  // The heads keep every client for ever, so there is nothing to load.
  ClientRows load(const Permalink&) override { return {}; }
  Result<Appended> answer_again(const Idempotency&, const IdempotentResult&);
  void forget_requests(Millis now);
  Committed add(Draft, std::size_t part, Millis now);
  void settle();
  StoredEvent stored(const Record&) const;
  const Record& record(EventId id) const { return records_[static_cast<std::size_t>(id.value - 1)]; }
  template <class Matches>
  std::vector<StoredEvent> those(EventId after, PageLimit, Matches);
  std::vector<StoredEvent> page_of(const std::vector<EventId>&, EventId after, PageLimit);

  Device id_;
  LogHead head_;
  std::vector<RestorePoint> restore_points_;
  std::vector<Record> records_;  // event n at n - 1
  Heads heads_{*this, SIZE_MAX};
  std::set<Permalink> clients_;
  std::map<PublicKey, Permalink> keys_;
  using RequestName = std::pair<std::string, std::string>;  // scope and key
  std::map<RequestName, IdempotentResult> requests_;
  std::deque<std::pair<Millis, RequestName>> requests_by_time_;
  Notes notes_;
  std::map<Lane, std::vector<EventId>> lanes_;
  std::map<std::pair<Permalink, Kind>, std::vector<EventId>> feeds_;
  MemoryMqtt mqtt_;
};

}  // namespace sealpost::log
