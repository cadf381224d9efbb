#pragma once
// A device of a client: keeps what it has promised in a store of its own, connects again and again, sends in order,
// mends what is rejected, and takes what is delivered, each message once. Written from the protocol, apart from
// lib/client. It may crash between any two steps, be set back to an older copy of its store, and misbehave.

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/handshake.hpp"
#include "bot.hpp"
#include "network.hpp"
#include "person.hpp"
#include "tap.hpp"

namespace sealpost::sim {

// A message of its own.
struct Sent {
  Seq n;
  Link link;
  Link previous;
  Millis time = 0;
  std::string text;
  std::string payload;
  Permalink to;
  std::size_t key = 0;  // how many versions the identity had whose key signed it
  bool acked = false;
};

// A message of the server that it has taken.
struct Got {
  Seq n;
  Link link;
  Device log;  // that signed it
};

// What a device does not forget.
struct Store {
  Device label;
  std::vector<Sent> outbox;  // by number; may have holes after a restore
  lane::Mark head;           // of its lane, as far as it knows
  Millis head_time = 0;
  bool met = false;           // has had a Welcome
  lane::LogId log;            // of the last message taken, before that of the Welcome
  Seq base;                   // of the out-lane, from which it started
  std::vector<Got> inbox;     // from base + 1 on
  std::size_t confirmed = 0;  // versions of its identity that a Welcome has confirmed

  Sent* find(Seq n);
  lane::Mark sent() const;  // the last that is acked, with all before it
  Seq received() const { return inbox.empty() ? base : inbox.back().n; }
};

// What devices know of the rest of the world.
class Town {
 public:
  virtual ~Town() = default;
  virtual std::shared_ptr<Line> dial(const std::string& address) = 0;
  virtual const Person& server() const = 0;
  virtual Permalink somebody() = 0;  // to write to
  virtual Permalink nobody() = 0;    // an identity that is not known
  virtual std::string new_tag() = 0;
};

class Phone {
 public:
  Phone(Scene&, Judge&, Town&, Person& owner, std::string name);

  void start();
  void write();
  // Faults.
  void crash();
  void keep_copy() { copy_ = store_; }
  bool restore();
  void hang_up();
  void cut(bool we_notice, bool server_notices);
  void stall(Millis span);
  void connect_twice();
  void prove_again();
  // Its Proof comes late, behind that of another connection.
  void prove_late();
  // Its old connection goes on sending while a new one takes its place.
  void straddle();
  // More at once than the server keeps in mind.
  void crowd();
  // No faults any more: it comes back.
  void calm_down();

  bool connected() const { return line_ != nullptr; }
  // Everything is acknowledged and taken.
  bool at_rest() const;
  bool agrees() const;
  std::string standing() const;  // for people
  // Its store is what the log says.
  void check() const;
  SkewedClock& clock() { return clock_; }
  const Store& store() const { return store_; }
  const std::string& name() const { return name_; }
  const Person& owner() const { return owner_; }
  // What it would prove now.
  auth::ProofTerms honest_proof() const;
  // What it has sent on its newest connection.
  Bytes sent_before() const { return line_ ? line_->sent_by_client() : Bytes{}; }

  // For std::visit: packets from the server.
  void operator()(const mqtt::Connack&);
  void operator()(const mqtt::Auth&);
  void operator()(const mqtt::Publish&);
  void operator()(const mqtt::Puback&);
  void operator()(const mqtt::Suback&);
  void operator()(const mqtt::Disconnect&);
  template <class Other>
  void operator()(const Other&) {}

 private:
  enum class Phase : std::uint8_t { off, waiting, connecting, proving, online };
  struct Flight {
    Seq n;
    Link link;
  };
  struct Reject {
    Seq n;
    std::string code;
  };

  // device.cpp: connections
  void connect();
  void connect_later(Millis most);
  void leave_line(bool superseded);
  void on_bytes(const Line* from, BytesView bytes);
  void on_end(const Line* from);
  void give(const mqtt::Packet&);
  static Bytes encoded(const mqtt::Packet&);
  void prove(std::string_view challenge);
  std::optional<lane::Position> position() const;
  void lie(lane::Position&);
  void subscribe();
  void beat();
  auth::ClientTerms terms();
  Millis now() const { return clock_.now() + offset_; }
  log::Lane lane() const { return {owner_.permalink(), store_.label}; }
  mqtt::PacketId next_packet();

  // device_lane.cpp: what the lanes are
  void settle(const auth::Welcome&);
  void note_acked(const lane::Mark& theirs);
  void go_on_after(const lane::Mark& theirs);
  void start_over(const char* why);
  Sent sign(Seq n, const Link& previous, Millis after, const std::string& payload, const Permalink& to);
  void sign_again(Seq from);
  void renew_signatures();
  void send_waiting();
  void send(const Sent&);
  void mend();
  void take(const mqtt::Publish&);
  bool place(const object::Message&);
  void acknowledge(mqtt::PacketId);

  // misbehave.cpp
  void misbehave();
  void send_again();
  void probe(const Sent&, bool forged);
  Sent forge(std::string_view what);
  void linger_in_shut();

  Scene& scene_;
  Judge& judge_;
  Town& town_;
  Person& owner_;
  const std::string name_;
  Dice dice_;
  SeededRandom random_;
  SkewedClock clock_;
  Errands errands_;

  Store store_;
  std::optional<Store> copy_;

  // Of the process.
  Phase phase_ = Phase::off;
  Millis offset_ = 0;
  int clock_rejects_ = 0;
  bool subscribed_ = false;      // as far as its MQTT session goes
  bool was_subscribed_ = false;  // before this connection
  lane::LogId subscribed_at_;    // the server's log then

  // Of the connection.
  std::shared_ptr<Line> line_;
  std::shared_ptr<Tap> tap_;
  mqtt::Framer framer_{1 << 20};
  std::optional<auth::ClientHandshake> handshake_;
  std::size_t proving_key_ = 0;  // versions of the identity at its start
  std::string session_;
  std::map<mqtt::PacketId, Flight> flights_;
  std::map<mqtt::PacketId, Seq> probes_;
  std::optional<Reject> reject_;
  std::size_t window_ = 1;
  Seq next_;
  mqtt::PacketId packet_ = 0;
  Millis heard_at_ = 0;
  bool green_ = false;
  bool lied_ = false;  // in its Proof
  bool late_ = false;
  std::uint64_t connection_ = 0;  // counts, to tell errands of an older one
};

}  // namespace sealpost::sim
