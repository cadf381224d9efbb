#pragma once
// A client that stays: it connects and connects again, settles positions, sends what waits in order, stores what
// comes, and tells a Watcher. Everything it knows is in the Store, so it may be killed at any moment.
//
// Thread rule: one strand, which is where run() was spawned.

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/letter.hpp"
#include "client/store.hpp"

namespace sealpost::client {

struct SessionOptions {
  Address address;
  net::Trust trust;
  Self self;
  std::optional<Permalink> server_expected;  // trust this server only; else whoever answers first is pinned
  std::string invite;
  std::chrono::milliseconds backoff_min{200};
  std::chrono::milliseconds backoff_max{15'000};
};

// What a person writes. `payload` is JSON of an object with a `_t`.
struct Draft {
  std::optional<Permalink> recipient;  // none: the server itself, which is its bot
  std::string payload;
  std::optional<std::string> context;
  std::optional<Link> answers;
};

// Called on the session's strand; must not destroy the session.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // The lanes are settled. `first_meeting`: this server was pinned just now.
  virtual void on_online(const Connection&, bool first_meeting) = 0;
  // Tried again after `retry`.
  virtual void on_offline(const ErrorCode&, const std::string& detail, std::chrono::milliseconds retry) = 0;
  // A new message, stored. What it carries from another client may be doubted().
  virtual void on_message(const Entry&) = 0;
  // A message of ours was acked or refused.
  virtual void on_answered(const Entry&) = 0;
  // A message of ours that waits has another place, and so another link: told before it is answered.
  virtual void on_signed_again(const Entry& before, const Entry& after) = 0;
  // The histories of server and client differ: the client goes on under a new device label. The evidence is kept.
  virtual void on_new_device(const std::string& why) = 0;
};

class Session {
 public:
  Session(net::Ports, Clock&, Random&, Store&, SessionOptions, Watcher&);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Until stop(), which is no error, or until something that trying again will not mend.
  asio::awaitable<Result<void>> run();
  void stop();
  bool online() const { return online_; }
  // What the server said to the last failure.
  const std::string& detail() const { return detail_; }

  // Signs and stores a message; it is sent now or once there is a connection. After an error nothing is stored.
  Result<Entry> submit(const Draft&);

 private:
  struct Flight {
    Seq n;
    Link link;
  };
  struct Reject {
    Flight flight;
    std::string code;
    std::string detail;
  };

  Result<void> load_server();
  asio::awaitable<Result<void>> converse();
  Opening opening();
  Result<void> settle();
  Result<void> pin_server();
  void tell_received(const std::vector<Entry>& waited, Seq received);
  Result<void> start_over(const std::string& why);
  Result<Entry> sign(Seq n, const Link& q, Millis after, const Draft&, const Device&);
  Result<std::vector<Entry>> sign_again(const std::vector<Entry>&, lane::Mark head, Millis after, const Device&);
  Result<void> handle_all();
  Result<void> handle(const Answered&);
  Result<void> handle(const Delivered&);
  Result<void> handle(const Told&);
  Result<void> handle(const Reauthenticated&);
  void tell_signed_again(const std::vector<Entry>& before, const std::vector<Entry>& after);
  Result<void> mend();
  Result<void> renew_signatures();
  Result<void> resign(Seq from, std::optional<std::int64_t> dropped, const std::string& note);
  Result<void> send_waiting();
  Result<void> send(const Entry&);
  bool is_too_large(const Entry&) const;
  void arm_beat();
  bool is_final(const ErrorCode&) const;
  std::chrono::milliseconds next_backoff();
  Device fresh_device();
  Permalink server() const;

  net::Ports ports_;
  Clock& clock_;
  Random& random_;
  Store& store_;
  SessionOptions options_;
  Watcher& watcher_;
  std::shared_ptr<Connection> connection_;
  std::vector<object::Identity> server_versions_;
  asio::steady_timer beat_;
  asio::steady_timer pause_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<mqtt::PacketId, Flight> flights_;
  std::optional<Reject> reject_;  // the first of this round: nothing is sent until all are answered
  Seq next_;                      // the next of ours to be sent on this connection
  bool green_ = false;
  bool online_ = false;
  bool stopping_ = false;
  bool has_been_online_ = false;
  unsigned failures_ = 0;       // connections in a row that came to nothing
  unsigned clock_rejects_ = 0;  // in a row
  Millis clock_offset_ = 0;
  std::string detail_;
};

// A label for a new device: 16 random characters.
Device draw_device(Random&);

}  // namespace sealpost::client
