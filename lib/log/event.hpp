#pragma once
// What the log is made of: drafts (what somebody wants to append), transactions of them, and events (what is on disk).

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/sha256.hpp"
#include "log/mqtt_state.hpp"

namespace sealpost::log {

// The numbers are on disk and in the hash chain: never change one.
enum class Kind : std::uint8_t {
  epoch = 1,     // a device has proven itself: a new epoch of it begins
  identity = 2,  // a version of an identity; binds its proven keys
  in = 3,        // a message from a client, next in the in-lane (client, device)
  out = 4,       // a message to a client, next in the out-lane (client)
  intent = 5,    // somebody's processing wants a message sent to `recipient`, whose actor will make the `out` of it
  done = 6,      // a consumer has finished with `cause` and has nothing to send: only moves the cursor
  security = 7,  // something that somebody may have to look at
  shut = 8,      // the in-lane (client, device) takes no more, for ever
  restored = 9,  // this log goes on from a copy of an earlier one; written by restore() only
};

// A lane: the in-lane of one device of a client, or, without a device, the client's out-lane.
struct Lane {
  Permalink client;
  Device device{};

  bool is_out() const { return device.empty(); }
  friend auto operator<=>(const Lane&, const Lane&) = default;
};

// The canonical text of a signed object with its `_s`, shared with whoever sends it on.
using Body = std::shared_ptr<const std::string>;

// An event to append. Beside `kind`, each kind needs what is listed here and takes any other field as it is, except
// that `device` of an `out` must be empty and `keys` are for `identity` only.
//   epoch     client, device, epoch (the newest one plus 1); of a new device (epoch 1) `seq` is the out-lane's number
//             from which it starts, its first `acked`: 0 to the out-lane's head
//   identity  client (the permalink), link, prev (the newest version's link; none for version 0, whose link is the
//             permalink), keys (all sign and update keys of this version)
//   in        client, device, epoch (the newest), seq, link, prev, time; without a recipient it is a message to the
//             server itself and waits for the bot (Feed::in), with one it is relayed to another client
//   out       client, seq, link, prev, time
//   intent    client (whose processing wrote it), recipient
//   done      client, consumer, cause
//   shut      client, device
//   security  nothing; client where one is concerned
struct Draft {
  Kind kind{};
  Permalink client;      // whose lane it is in, or whom it concerns
  Device device;         // the client's device; empty where there is none
  Seq seq;               // `_n`
  Link link;             // of the object in the body
  Link prev;             // `_q`, or `_p` of an identity
  Permalink author;      // `_author` of the object
  Permalink recipient;   // `_recipient`
  Permalink object;      // permalink of the object (`_r`) where it is not the link itself: a later version
  std::string type;      // for the object index; of a security event, its code. At most 256 bytes
  Millis time = 0;       // `_time` of the message; 0 in kinds without a lane: the time of logging
  Epoch epoch;           // see above
  std::string consumer;  // with `cause`: moves cursor(consumer, client) to `cause`, and needs it to be below `cause`
  EventId cause;         // as it was before the transaction, else Errc::stale_cursor. At most 64 bytes
  std::vector<PublicKey> keys;
  Body body;  // may be null
};

// A request that must have its effect once, however often it comes within requests_kept_ms (event_log.hpp).
struct Idempotency {
  std::string scope;  // whose key it is: a token's id
  std::string key;    // as the caller chose it
  Digest request{};   // SHA-256 of the request: the same key with another request is refused
};

// All of it becomes durable, or nothing does. Its events get consecutive ids.
struct Transaction {
  std::vector<Draft> drafts;
  std::optional<Idempotency> idempotency;
  MqttWrites mqtt{};  // with the events, or without any
};

// Proof that an event is on disk. Only an implementation of the log can make one, so whatever takes a Committed (an
// ack, a delivery, a webhook call) cannot run ahead of the commit: the output gate.
class Committed {
 public:
  EventId id() const { return id_; }
  Kind kind() const { return kind_; }
  Seq seq() const { return seq_; }
  const Link& link() const { return link_; }
  Millis time() const { return time_; }      // the draft's, or `logged` where it had none
  Millis logged() const { return logged_; }  // the server's clock when the log took it
  const Digest& hash() const { return hash_; }

 private:
  friend class Reader;
  Committed() = default;

  EventId id_;
  Kind kind_{};
  Seq seq_;
  Link link_;
  Millis time_ = 0;
  Millis logged_ = 0;
  Digest hash_{};
};

// An event as it was read back. `draft.time` is never 0. The body is null if there was none or it has been erased.
struct StoredEvent {
  Committed committed;
  Draft draft;
  bool erased = false;
};

}  // namespace sealpost::log
