#pragma once
// The decision for an inbound message: the table of PROTOCOL section 2, row by row, against the state of one in-lane.
// Belongs to the strand of the client's actor; allocates nothing but the lane's short memory, once.

#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "lane/heads.hpp"
#include "lane/reject.hpp"

namespace sealpost::lane {

// A message's time may lie this far ahead of the server's clock.
inline constexpr Millis clock_tolerance_ms = 10'000;
// So many of the newest messages of a lane are remembered: a duplicate of one of them needs no reader. It is also the
// bound on those that are on their way to the log.
inline constexpr std::size_t remembered_max = 32;

enum class Light : std::uint8_t { green, drain, shut };
std::string_view name(Light);
std::optional<Light> light(std::string_view name);

// What the log said when it took the message, and every ack of it repeats.
struct Receipt {
  EventId event;  // 0: not durable yet
  Digest hash{};  // of the event, in the log's chain
  Millis time = 0;
};

enum class Form : std::uint8_t { well_formed, malformed, too_large };
enum class Authorship : std::uint8_t { proven, unknown_author, bad_signature };

// What is known of a message before the lane is asked. The fields after `form` count only if it is well formed, those
// after `authorship` only if that is proven.
struct Facts {
  Form form = Form::well_formed;
  Authorship authorship = Authorship::proven;
  Seq n;
  Link q;     // of the message before; none for the first
  Link link;  // of this one
  Millis time = 0;
  Epoch epoch;  // of the connection or the token that brought it
};

enum class Outcome : std::uint8_t {
  accept,             // append it, call note_pending; the ack follows the commit
  duplicate_durable,  // `receipt` holds the ack to give again
  duplicate_pending,  // its ack follows the commit that is under way
  duplicate_old,      // a reader must find the link stored under n: then judge_stored
  reject,
  taken_over,   // the epoch is not the device's newest: disconnect
  unavailable,  // a commit failed and the messages decided on it have yet to fail, or too many are on their way to the
                // log: disconnect, this is not a reject
};

struct Expected {
  Seq n;
  Link q;
};

struct Decision {
  Outcome outcome = Outcome::accept;
  RejectCode code{};                 // if rejected
  std::optional<Expected> expected;  // if rejected as a gap
  Receipt receipt;                   // if duplicate_durable

  bool is_security_event() const { return outcome == Outcome::reject && lane::is_security_event(code); }
};

class InLane {
 public:
  InLane() = default;
  InLane(Head durable, Light light, Epoch epoch) : heads_(durable), light_(light), epoch_(epoch) {}

  const Head& durable() const { return heads_.durable(); }
  const Head& pending() const { return heads_.pending(); }
  bool idle() const { return heads_.idle(); }
  bool failing() const { return heads_.failing(); }
  // As many messages are on their way to the log as the lane remembers: no further one is accepted.
  bool full() const { return pending().n.value - durable().n.value >= remembered_max; }
  Light light() const { return light_; }
  Epoch epoch() const { return epoch_; }

  // A new epoch of the device, durable, and the light that its Welcome shows. Epochs only rise.
  void begin_epoch(Epoch epoch, Light light);
  // The light turns green when drained, or shut, which is for ever.
  void set_light(Light light);

  // An accepted message is on its way to the log.
  void note_pending(Seq n, const Link& link, Millis time);
  // The log has it. Numbers come in order.
  void note_durable(Seq n, const Receipt& receipt);
  // The log refused it. To be called for each message that failed, in order; the first call returns the pending head to
  // the durable one, and until the last of them has been reported every decision is `unavailable`.
  void fail_from(Seq n);
  // Gives up the memory of recent messages (about 3 KiB), if nothing is pending: for lanes that have fallen silent.
  void forget_recent();

  struct Recent {
    Seq n;
    Link link;
    Millis time = 0;
    Receipt receipt;
  };
  // The message with this number, if it is among the remembered. Null otherwise.
  const Recent* recent(Seq n) const;

 private:
  Recent& slot(Seq n) { return recent_[n.value % remembered_max]; }

  Heads heads_;
  std::vector<Recent> recent_;  // empty, or remembered_max slots; the lane is dense, so n has its slot
  Light light_ = Light::green;
  Epoch epoch_;
};

// The table. Well under a microsecond; does not allocate, does not change the lane.
Decision decide(const InLane& lane, const Facts& facts, Millis now);

// The rest of the table for `duplicate_old`: `stored` is what the log holds under facts.n.
struct Stored {
  Link link;
  Receipt receipt;
};
Decision judge_stored(const Facts& facts, const Stored& stored);

}  // namespace sealpost::lane
