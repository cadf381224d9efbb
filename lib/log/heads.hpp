#pragma once
// The law of the log, kept in one place for every engine, for verify and for rebuild: what a transaction must meet, and
// what it does to the heads. A fold of the events; rows are loaded from a source when they are first asked for.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "log/event.hpp"
#include "log/reader.hpp"

namespace sealpost::log {

// A message to the server itself, as opposed to one for another client.
inline bool waits_for_bot(const Draft& draft) {
  return draft.kind == Kind::in && draft.recipient.is_none();
}

struct ClientHead {
  Link identity;
  EventId identity_event;
  LaneHead out;
  EventId last_in;
  EventId last_intent;
  bool stored = false;  // the source has a row of this client
  bool dirty = false;   // differs from what the source has
};

struct DeviceHead {
  Epoch epoch;
  LaneHead in;
  bool shut = false;
  Seq start;  // the out-lane's number from which the device started
  bool dirty = false;
  friend bool operator==(const DeviceHead&, const DeviceHead&) = default;
};

struct CursorHead {
  EventId at;
  bool dirty = false;
};

// All that is kept for one client. Maps of nodes, so that a row stays where it is. What a commit costs depends on what
// it changes, not on how many devices and cursors there are: a client may have a cursor for each of its correspondents.
struct ClientRows {
  using Devices = std::map<Device, DeviceHead>;
  using Cursors = std::map<std::string, CursorHead>;  // by consumer

  ClientHead head;
  Devices devices;
  Cursors cursors;
  std::vector<Devices::value_type*> changed_devices;  // the dirty ones
  std::vector<Cursors::value_type*> changed_cursors;
  bool listed = false;  // among the changed clients

  bool dirty() const { return head.dirty || !changed_devices.empty() || !changed_cursors.empty(); }

  DeviceHead& device(const Device& device) { return devices[device]; }
  CursorHead& cursor(const std::string& consumer) { return cursors[consumer]; }
};

// Where rows come from that are not in memory.
class HeadSource {
 public:
  virtual ~HeadSource() = default;
  virtual ClientRows load(const Permalink&) = 0;
  virtual std::optional<Permalink> key_owner(const PublicKey&) = 0;
};

class Heads {
 public:
  // Keeps about `cached_max` clients in memory beyond the changed ones.
  Heads(HeadSource& source, std::size_t cached_max) : source_(source), cached_max_(cached_max) {}

  // Checks the drafts, which will be the events from `first` on, and applies them: all of them, or none and the
  // verdict.
  ErrorCode take(const std::vector<Draft>& drafts, EventId first);
  // Applies an event that is in the log already, the `part`th of its transaction (from 0), whatever the checks say;
  // gives what they say.
  ErrorCode fold(const Draft&, EventId, std::size_t part);

  // The clients with changes since settle() or forget(): the head if it is dirty, and the rows in the lists.
  void for_each_changed(const std::function<void(const Permalink&, const ClientRows&)>& visit) const;
  const std::unordered_map<PublicKey, Permalink>& new_keys() const { return new_keys_; }
  // The source has the changes now.
  void settle();
  // The changes did not happen.
  void forget();

  ClientRows& of(const Permalink&);

 private:
  ErrorCode check(const Draft&, EventId first);
  ErrorCode check_identity(const Draft&);
  ErrorCode check_cursor(const Draft&, EventId first);
  void apply(const Draft&, EventId);
  void move_cursor(const Draft&);
  ClientRows& list(const Permalink&);
  ClientHead& change_client(const Permalink&);
  DeviceHead& change_device(const Draft&);
  CursorHead& change_cursor(const Draft&);
  template <class Head>
  bool mark_dirty(Head&);
  template <class Row>
  auto& change_row(Row&, std::vector<Row*>& changed);
  std::optional<Permalink> key_owner(const PublicKey&);
  void undo();

  using Rows = std::unordered_map<Permalink, ClientRows>;
  struct Moved {
    const CursorHead* cursor;
    EventId before;
  };

  HeadSource& source_;
  std::size_t cached_max_;
  // Two generations make a cheap cache: what is asked for moves to the young one; when that is full it becomes the old
  // one, and what nobody asked for since goes.
  Rows young_;
  Rows old_;
  std::vector<std::pair<Permalink, ClientRows*>> changed_;
  std::unordered_map<PublicKey, Permalink> new_keys_;
  // Of the transaction being taken:
  std::vector<std::function<void()>> undo_;
  std::vector<Moved> moved_;
};

}  // namespace sealpost::log
