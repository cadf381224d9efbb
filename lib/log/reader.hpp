#pragma once
// Questions to the log. All answers of one Reader are of one moment, and are ordered as said; pages hold at least one
// event if there is one. Only valid inside the function given to EventLog::read(), on its thread; may take
// milliseconds.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/event.hpp"

namespace sealpost::log {

// The newest message of a lane: all zero while there is none.
struct LaneHead {
  Seq seq;
  Link link;
  Millis time = 0;
  EventId event;
  friend bool operator==(const LaneHead&, const LaneHead&) = default;
};

struct DeviceState {
  Device device;
  Epoch epoch;           // the newest; 0: none yet
  LaneHead in;           // head of its in-lane
  bool shut = false;     // the in-lane takes no more
  Seq acked;             // the out-lane's number up to which this device has stored everything
  Millis last_seen = 0;  // as last noted; 0: never
};

struct ClientState {
  Permalink client;
  Link identity;           // newest version; none: not known
  EventId identity_event;  // which brought it
  LaneHead out;
  EventId last_in;                         // newest `in` of any device without a recipient: to the server itself
  EventId last_intent;                     // newest `intent` with this recipient
  std::vector<DeviceState> devices;        // by label
  std::map<std::string, EventId> cursors;  // by consumer

  EventId cursor(const std::string& consumer) const {
    const auto found = cursors.find(consumer);
    return found == cursors.end() ? EventId{} : found->second;
  }
};

// What a page may hold.
struct PageLimit {
  std::size_t events = 100;
  std::size_t bytes = 1 << 20;  // of bodies; passed by the last one
};

// A stretch of the log, filtered. `scanned_to`: where to go on; it moves even if nothing matched.
struct EventPage {
  std::vector<StoredEvent> events;
  EventId scanned_to;
};

struct ObjectFilter {
  std::string type;     // empty: any
  Permalink author;     // none: any
  Permalink permalink;  // none: any
};

// Which events of a client a consumer works through: `in` events without a recipient (those with one are relayed, and
// wait for no bot), or intents.
enum class Feed { in, intents };

// Who works through Feed::intents, one after the other: of each intent up to its cursor it has made an event that has
// the intent as its cause. verify() holds the log to that.
inline constexpr std::string_view intents_consumer = "intents";

struct Work {
  Permalink client;
  EventId newest;  // of the feed
  EventId cursor;  // below `newest`
};

struct IdempotentResult {
  Digest request{};
  EventId first;          // the events of the transaction that had the effect
  std::size_t count = 0;  // consecutive from `first`; may be 0
};

struct LogHead {
  EventId id;     // also the number of events
  Digest hash{};  // of that event; of an empty log, what the first one is chained to
};

// This log is a copy of `earlier` up to `upto`, and knows nothing of what that log took afterwards.
struct RestorePoint {
  Device earlier;
  EventId upto;
};

class Reader {
 public:
  virtual ~Reader() = default;

  virtual LogHead head() = 0;
  virtual std::vector<RestorePoint> restore_points() = 0;  // oldest first

  // Known: has an epoch, an identity, a message, or an intent for it.
  virtual std::optional<ClientState> client(const Permalink&) = 0;
  virtual std::vector<ClientState> clients(const Permalink& after, std::size_t limit) = 0;  // by permalink
  virtual std::optional<Permalink> key_owner(const PublicKey&) = 0;

  // A lane from number `from` on, in order.
  virtual std::vector<StoredEvent> lane(const Lane&, Seq from, PageLimit) = 0;
  virtual std::optional<StoredEvent> at(const Lane&, Seq) = 0;
  // The lane's newest message among the events up to `upto`: where an earlier log and this one agree.
  virtual LaneHead head_at(const Lane&, EventId upto) = 0;

  // Of one client, over its devices, in log order: `in` events without a recipient, or intents of which it is the
  // recipient.
  virtual std::vector<StoredEvent> feed(Feed, const Permalink& client, EventId after, PageLimit) = 0;
  // The clients whose newest event of the feed is beyond the consumer's cursor, by permalink.
  virtual std::vector<Work> work(Feed, const std::string& consumer, const Permalink& after, std::size_t limit) = 0;

  virtual std::optional<StoredEvent> event(EventId) = 0;
  // In log order; of the given kinds, or all where there are none. Looks at some thousand events at a time.
  virtual EventPage events_after(EventId after, const std::vector<Kind>& kinds, PageLimit) = 0;
  virtual std::vector<StoredEvent> security_after(EventId after, PageLimit) = 0;

  virtual std::vector<StoredEvent> identity_versions(const Permalink&) = 0;  // version 0 first
  virtual std::optional<StoredEvent> identity(const Permalink&) = 0;         // the newest version

  // Objects: what `identity`, `in` and `out` events hold. By link, the first event that brought it.
  virtual std::optional<StoredEvent> object(const Link&) = 0;
  virtual std::vector<StoredEvent> objects(const ObjectFilter&, EventId after, PageLimit) = 0;  // in log order

  // Also an older one that no append has swept away yet.
  virtual std::optional<IdempotentResult> idempotent(const std::string& scope, const std::string& key) = 0;

  // All that MQTT keeps, each table in the order of its key: for the start of a server.
  virtual MqttState mqtt_state() = 0;

 protected:
  friend class EventLog;
  // An event that has been read back is on disk.
  static Committed committed(EventId id, const Draft& draft, Millis logged, const Digest& hash);
};

}  // namespace sealpost::log
