#pragma once
// What a client must not forget, in one file for each server: its device label, what it signed (before it is sent),
// what it got (before it is acknowledged), how far both lanes are, who the server is, and who others are. Every call
// that changes something returns when that is on disk. One process at a time; one thread at a time.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "client/errc.hpp"
#include "client/sqlite.hpp"
#include "lane/position.hpp"
#include "object/identity.hpp"

namespace sealpost::client {

// What became of a message. Ours: waiting for its ack, acked, or refused for good. Others': stored. Either may be
// superseded: the histories of client and server differed there, and it is kept as evidence.
enum class Standing : std::uint8_t { waiting, acked, refused, stored, superseded };
std::string_view name(Standing);

// A message of either direction, as it was signed.
struct Entry {
  std::int64_t id = 0;  // order on this device, from 1
  bool mine = false;
  Device lane;  // `_d`: our device, or the server's log id
  Seq n;
  Link link;
  Millis time = 0;
  Standing standing = Standing::waiting;
  Permalink peer;               // mine: to whom; else: from whom, the inner author of a relayed message
  std::optional<Link> answers;  // its `inReplyTo`
  std::string stored;
  // Mine: the ack as the server gave it, or why it was refused. Else: why what it carries from another client is not to
  // be believed; empty where it is.
  std::string note;
  bool doubted() const { return !mine && !note.empty(); }
};

// The in-lane of this device and its position in the out-lane.
struct LaneState {
  Device device;
  lane::LogId log;  // of the last message received, before that of the last Welcome; empty: there was neither
  lane::Mark sent;  // the last message whose ack we hold, and with it all before
  lane::Mark head;  // the last message we signed
  Millis head_time = 0;
  lane::Mark received;  // the last message stored from the server

  // What a Proof says; none before the first Welcome.
  std::optional<lane::Position> position() const;
};

class Store {
 public:
  // Opens or makes the file. A new one belongs to `owner` from then on and gets the label `fresh`.
  static Result<Store> open(const std::filesystem::path&, const Permalink& owner, const Device& fresh);

  const LaneState& lane() const { return lane_; }

  // Ours ------------------------------------------------------------------------------------------------------------
  // The next message of our lane: n is lane().head.n + 1.
  Result<void> add_outgoing(const Entry&);
  // After a reject: everything that waits from `from` to the head is signed again and takes its place in the lane as
  // given (by id), except for `dropped`, which is refused for good, with `note`.
  Result<void> resign(Seq from, const std::vector<Entry>&, std::optional<std::int64_t> dropped, std::string_view note);
  // The server holds this message durably. Errc::protocol: no message of ours has this link under this number.
  Result<void> note_acked(Seq n, const Link&, std::string_view note);
  // A hint that came beside (the ack topic): kept with the message, moves nothing.
  Result<void> annotate(const Link&, std::string_view note);
  // Of the live lane.
  Result<std::vector<Entry>> waiting() const;  // in order
  Result<std::optional<Entry>> outgoing(Seq n) const;
  Result<std::optional<Link>> outgoing_link(Seq n) const;

  // Theirs ----------------------------------------------------------------------------------------------------------
  // Stores a message that continues the out-lane, and moves `received` to it, the log's id with it, and the position of
  // an inner author's device. It may continue it from an earlier message than the last one: then the server was
  // restored, and what we hold beyond is superseded.
  struct Relayed {
    Permalink author;
    Device device;
    Seq n;
  };
  Result<void> add_incoming(const Entry&, const std::optional<Relayed>&);
  Result<std::optional<Entry>> incoming(Seq n) const;        // of the history that stands
  Result<std::optional<Entry>> incoming(const Link&) const;  // of any history
  // The first message that answers the message with this link, and is in order.
  Result<std::optional<Entry>> answer_to(const Link&) const;
  Result<Seq> relayed_position(const Permalink& author, const Device&) const;

  // Both ------------------------------------------------------------------------------------------------------------
  // The last `most` entries with `peer` (or with everybody), oldest first, but for what was signed again.
  Result<std::vector<Entry>> history(const std::optional<Permalink>& peer, std::size_t most) const;

  // A Welcome: how far our lane is there (a mark that fits ours); what lies after it waits again.
  Result<void> note_welcome(const lane::LogId&, const lane::Mark& sent);
  // The light is shut: the lane and the history received are evidence from now on, and `fresh` begins with `again`:
  // what was waiting(), signed again for it.
  Result<void> start_over(const Device& fresh, const std::vector<Entry>& again, std::string_view why);

  // Identities ------------------------------------------------------------------------------------------------------
  std::optional<Permalink> server() const { return server_; }
  Result<void> set_server(const Permalink&);
  // The versions of an identity as they were verified, version 0 first.
  Result<std::vector<std::string>> identity(const Permalink&) const;
  Result<void> add_identity_version(const object::Identity&);
  // How many of our own versions a Welcome has confirmed.
  std::size_t confirmed_versions() const { return confirmed_; }
  Result<void> set_confirmed_versions(std::size_t);

 private:
  explicit Store(Database database) : database_(std::move(database)) {}
  Result<void> create(const Permalink& owner, const Device& fresh);
  Result<void> load(const Permalink& owner);
  Result<void> load_head();
  Result<void> put(std::string_view key, std::string_view value) const;
  Result<void> put_lane(const LaneState&) const;
  Result<void> commit(Change&, const LaneState&);
  Result<lane::Mark> acked_prefix() const;
  Result<void> keep_incoming(const Entry&) const;

  Database database_;
  LaneState lane_;
  std::optional<Permalink> server_;
  std::size_t confirmed_ = 0;
};

}  // namespace sealpost::client
