#pragma once
// Where a client and the server go on after a reconnect: "Positions" and "Light" of PROTOCOL section 3, as one pure
// function. It needs to know which links the log holds at up to two numbers: `wanted` names them, a reader finds them,
// `settle` decides.

#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "lane/inbound.hpp"

namespace sealpost::lane {

// A log's id is also the server's device label.
using LogId = Device;

// A number in a lane and the link under it; none while n is 0.
struct Mark {
  Seq n;
  Link link;

  friend bool operator==(const Mark&, const Mark&) = default;
};

// What the client says in its Proof. A client that has never had a Welcome has no position.
struct Position {
  LogId log;                     // of the last Welcome it stored
  std::optional<Mark> sent;      // the last message whose ack it holds
  std::optional<Mark> received;  // the last message it has stored durably
};

// A log that this one was restored from.
struct EarlierLog {
  LogId id;
  Seq out_head;  // of this client's out-lane at the restore point: what both logs share
};

struct ServerView {
  LogId log;
  std::vector<EarlierLog> earlier;
  Mark in_head;              // of the device's in-lane, durable
  Mark out_head;             // of the client's out-lane, durable
  std::optional<Seq> acked;  // the device's; absent: a new device
  bool shut = false;         // an earlier settlement found that the histories differ
  bool from_first = false;   // Proof said `from: 1`
};

struct Wanted {
  std::optional<Seq> in;   // in the device's in-lane
  std::optional<Seq> out;  // in the client's out-lane
};
struct Found {
  std::optional<Link> in;
  std::optional<Link> out;
};

enum class Differs : std::uint8_t {
  nothing,
  shut_before,           // the lane was shut already
  sent_mismatch,         // another link than ours under `sent`
  received_mismatch,     // another link than ours under `received`
  received_beyond_head,  // the client holds more of this very log than there is
  received_of_no_log,    // the client holds more than there is, of a log that this one does not know
};
std::string_view name(Differs);

struct Settlement {
  Light light = Light::green;
  Mark resume_in;            // Welcome's `received`: the client sends from the next on
  Mark out_head;             // Welcome's `sent`; with a drain light, what has to be acked before it turns green
  Seq deliver_after;         // delivery starts with the next
  Seq acked;                 // Welcome's `acked`: never below the stored one
  bool acked_moved = false;  // `acked` has to be stored: it rose, or the device is new
  bool restored = false;     // the client named an earlier log

  // Evidence, if the light is shut for a reason found now: what the client said, and what the log holds there (none,
  // if nothing).
  Differs differs = Differs::nothing;
  Mark theirs;
  Link ours;
};

// The links that settle() will compare. Both absent: none are needed.
Wanted wanted(const std::optional<Position>& position, const ServerView& view);
// `found` holds a link for each number that was wanted.
Settlement settle(const std::optional<Position>& position, const ServerView& view, const Found& found);

// The client's half: whoever knows both links compares. True if `welcome_received`, the server's word, fits the link
// that the client's own outbox holds under that number (absent: it holds none).
bool fits(const Mark& welcome_received, const std::optional<Link>& own);

}  // namespace sealpost::lane
