#pragma once
// Who says what must be so. Keeps its own books of the log (from the protocol and docs/event-log.md, with its own hash
// chain), of every message that an honest device has signed, and of every acknowledgement; looks at each byte that the
// server sends before it is on its way, and at everything once all is at rest.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "lane/position.hpp"
#include "log/event_log.hpp"
#include "scene.hpp"

namespace sealpost::sim {

class Judge {
 public:
  static constexpr std::string_view bot_consumer = "bot";
  static constexpr std::size_t message_max = 4'096;  // bytes of a client's message

  explicit Judge(Scene& scene) : scene_(scene) {}

  // The log.
  void on_commit(const log::Transaction&, const log::Appended&, Millis now);
  void on_restored(const log::Committed&, const Device& id, Millis now);
  void forget_log(const Device& first_id);
  void check_acks_after_restore();

  // What honest devices do.
  void on_signed(const Link& link, const std::string& text) { signed_[link] = text; }
  // The device has answered a challenge: it may get so many epochs.
  void on_proof(const Permalink& client, const Device& device) { ++proofs_[{client, device}]; }

  // What the server has said of a message that was published.
  struct Ack {
    log::Lane lane;
    Seq n;
    Link link;
  };
  void on_acknowledged(const Ack&);
  void on_ack_told(const Ack&, EventId event, const Digest& hash);

  // Messages of a lane, in order: n is at n - 1.
  struct Entry {
    Link link;
    EventId event;
    Digest hash{};
    Millis time = 0;
    log::Body body;
  };
  const std::vector<Entry>& lane(const log::Lane& lane) const;
  bool holds(const log::Lane&, Seq n, const Link& link) const;
  Epoch epoch(const log::Lane& device) const;
  bool is_shut(const log::Lane& device) const { return shut_.contains(device); }
  bool is_known(const Permalink& client) const { return identities_.contains(client); }
  const Device& log_id() const { return log_id_; }
  // Up to where the device has acknowledged the out-lane, as it is on disk.
  std::function<Seq(const log::Lane&)> acked;

  // Everything is at rest: what was to be done has been done, once.
  void check_at_rest();
  // The log's views, at any time. `again` has the same transactions.
  void check_views(log::Reader& store, log::Reader& again);

 private:
  struct Cursor {
    EventId at;
    std::uint64_t transaction = 0;  // which moved it there
  };
  // What became of an input event.
  struct Outcome {
    std::uint64_t transaction = 0;
    std::vector<EventId> events;
  };
  struct Event {
    log::Draft draft;
    EventId id;
  };
  void chain(const log::Draft&, const log::Committed&, std::size_t part, Millis now);
  void fold(const log::Draft&, const log::Committed&);
  void fold_lane(const log::Draft&, const log::Committed&);
  void fold_cursor(const log::Draft&, const log::Committed&);
  void fold_epoch(const log::Draft&);
  void check_in(const log::Draft&);
  void check_answer(const Event&, const Outcome&);
  void check_intent(const Event&, const Outcome*);
  const Outcome* outcome(std::string_view consumer, const Permalink& client, EventId cause) const;
  template <class... Parts>
  void fail(fmt::format_string<Parts...> format, Parts&&... parts) {
    scene_.fail(fmt::format(format, std::forward<Parts>(parts)...));
  }

  Scene& scene_;
  Device log_id_;
  Digest hash_{};
  EventId head_;
  std::uint64_t transaction_ = 0;
  std::vector<Event> events_;
  std::map<log::Lane, std::vector<Entry>> lanes_;
  std::map<log::Lane, Epoch> epochs_;
  std::map<log::Lane, std::uint64_t> proofs_;
  std::map<log::Lane, std::uint64_t> begun_;  // epochs, those included that a restore has taken away
  bool again_ = true;                         // the events are those of a backup
  std::set<log::Lane> shut_;
  std::map<Permalink, EventId> identities_;  // first version
  std::map<Permalink, Link> newest_identity_;
  using Consumer = std::pair<std::string, Permalink>;
  std::map<Consumer, Cursor> cursors_;
  std::map<std::pair<Consumer, EventId>, Outcome> outcomes_;
  std::unordered_map<Link, std::string> signed_;
  struct Told {
    Ack ack;
    EventId event;
    Digest hash{};
  };
  std::vector<Told> told_;
};

}  // namespace sealpost::sim
