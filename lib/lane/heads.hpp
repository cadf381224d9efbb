#pragma once
// Where a lane ends: once as the log has it (durable), and once with what is on its way to the log (pending). What
// comes next is decided against the pending end; what leaves the server, against the durable one.

#include "base/assert.hpp"
#include "base/ids.hpp"

namespace sealpost::lane {

// The last message of a lane; all zero for a lane without one.
struct Head {
  Seq n;
  Link link;
  Millis time = 0;

  friend bool operator==(const Head&, const Head&) = default;
};

// For each message: note_pending, then exactly one of note_durable and note_failed, in the order of the numbers, which
// is the order in which the log's writer completes them.
class Heads {
 public:
  Heads() = default;
  explicit Heads(Head durable) : durable_(durable), pending_(durable) {}

  const Head& durable() const { return durable_; }
  const Head& pending() const { return pending_; }
  bool idle() const { return pending_ == durable_ && !failing(); }
  // True from the first failed commit until the last message decided on it has failed too: until then nothing more may
  // be decided, or a late failure would be taken for one of the new messages.
  bool failing() const { return failing_until_ != Seq{}; }

  void note_pending(const Head& head) {
    SEALPOST_ASSERT(!failing());
    SEALPOST_ASSERT(head.n == pending_.n.next() && (pending_.n == Seq{} || head.time > pending_.time));
    pending_ = head;
  }
  void note_durable(const Head& head) {
    SEALPOST_ASSERT(!failing() && head.n == durable_.n.next() && head.n <= pending_.n);
    durable_ = head;
  }
  // The commit of `n` failed: everything decided on it fails with it, and the pending end is the durable one again.
  void note_failed(Seq n) {
    if (!failing()) {
      SEALPOST_ASSERT(n == durable_.n.next() && n <= pending_.n);
      failing_until_ = pending_.n;
      pending_ = durable_;
    }
    if (n == failing_until_) failing_until_ = {};
  }

 private:
  Head durable_;
  Head pending_;
  Seq failing_until_;  // 0: nothing is failing
};

}  // namespace sealpost::lane
