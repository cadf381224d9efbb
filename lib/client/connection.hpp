#pragma once
// One connection of a client to a server: MQTT 5 with the handshake SEALPOST-1. It keeps no state of its own beyond the
// connection and decides nothing about lanes: that is for Session, or for whoever else drives it.
//
//   Connection connection(ports, clock, random, opening);
//   const Result<void> opened = co_await connection.open();         // dials, proves both sides, subscribes
//   while (...) {
//     while (auto event = connection.next()) ... publish, acknowledge ...
//     const Result<void> received = co_await connection.receive();  // waits
//     if (!received) break;
//   }
//
// Thread rule: one strand. tick() is called every second or so from it. Outlives its pending open() and receive().

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "auth/handshake.hpp"
#include "client/address.hpp"
#include "client/self.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/framer.hpp"
#include "net/channel.hpp"
#include "net/ports.hpp"

namespace sealpost::client {

namespace asio = boost::asio;

struct Opening {
  Address address;
  net::Trust trust;
  Self self;
  Device device;
  std::size_t confirmed_versions = 0;        // of self.versions, those that a Welcome has confirmed
  std::vector<object::Identity> server;      // its versions verified so far; none: the first meeting
  std::optional<Permalink> server_expected;  // at a first meeting: the one and only server to trust
  std::optional<lane::Position> position;
  bool from_first = false;  // for a new device: deliver the out-lane from its first message
  std::string invite;
  std::uint16_t inbox_window = 16;  // Receive Maximum: deliveries that may be under way
  std::uint16_t keep_alive_seconds = 30;
};

// The server's answer to a publish(): committed, or rejected.
struct Answered {
  mqtt::PacketId packet = 0;
  mqtt::ReasonCode reason = mqtt::ReasonCode::success;
  std::string_view code;    // why it was rejected, in the protocol's words; empty if it was not
  std::string_view detail;  // for people
  bool accepted() const { return !mqtt::is_failure(reason); }
};

// To be answered by acknowledge(), once the message is stored.
struct Delivered {
  mqtt::PacketId packet = 0;
  std::string_view text;
};

// A hint that comes beside, at QoS 0.
struct Told {
  enum class What : std::uint8_t { ack, reject, light };
  What what = What::ack;
  std::string_view text;  // JSON
};

// The session was prolonged.
struct Reauthenticated {};

// Views are good until the next call of next() or receive().
using Event = std::variant<Answered, Delivered, Told, Reauthenticated>;

class Connection {
 public:
  Connection(net::Ports, Clock&, Random&, Opening);
  ~Connection();  // aborts
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Once.
  asio::awaitable<Result<void>> open();

  // Waits for bytes; after an error there is nothing more. Every event is taken by next() first.
  asio::awaitable<Result<void>> receive();
  std::optional<Event> next();

  // Publishes a signed message to the outbox. At most window() of them may be unanswered.
  Result<mqtt::PacketId> publish(std::string_view stored);
  std::size_t window() const { return window_; }
  void acknowledge(mqtt::PacketId);

  // Pings, re-authenticates, and gives up a server that has fallen silent.
  void tick();
  // Says goodbye.
  void close();
  // What failed, if something did: also where receive() says only that the connection ended.
  const ErrorCode& failure() const { return failure_; }
  // What the server said to that; may be empty.
  const std::string& detail() const { return detail_; }

  // From open() on.
  const auth::Welcome& welcome() const { return welcome_; }
  const auth::Announced& limits() const { return limits_; }
  // The server's versions, verified: to be pinned.
  const std::vector<object::Identity>& server() const { return server_; }
  // Our clock plus this is the server's.
  Millis clock_offset() const { return clock_offset_; }
  // For REST, valid as long as the session; empty if there was none.
  const std::string& token() const { return token_; }

 private:
  asio::awaitable<Result<void>> shake_hands();
  asio::awaitable<Result<mqtt::Packet>> await_packet();
  asio::awaitable<Result<void>> subscribe();
  Result<void> send(const mqtt::Packet&);
  std::string client_id() const;
  std::string topic(std::string_view leaf) const;
  void begin_handshake(auth::Purpose);
  Result<void> send_connect();
  Result<void> answer_challenge(const mqtt::Properties&, auth::Purpose);
  Result<void> take_connack(const mqtt::Connack&);
  Result<mqtt::Packet> next_packet(bool& more);
  std::optional<Event> event_of(const mqtt::Packet&);
  std::optional<Event> on(const mqtt::Publish&);
  std::optional<Event> on(const mqtt::Puback&);
  std::optional<Event> on(const mqtt::Auth&);
  std::optional<Event> on(const mqtt::Disconnect&);
  ErrorCode fail(ErrorCode, std::string_view detail = {});

  net::Ports ports_;
  Clock& clock_;
  Random& random_;
  Opening opening_;
  std::shared_ptr<net::Channel> channel_;
  mqtt::Framer framer_;
  net::Lease chunk_;
  std::optional<auth::ClientHandshake> handshake_;
  auth::Welcome welcome_;
  auth::Announced limits_;
  std::vector<object::Identity> server_;
  Millis clock_offset_ = 0;
  std::string token_;
  std::size_t window_ = 1;
  mqtt::PacketId last_packet_ = 0;
  std::int64_t heard_us_ = 0;
  std::int64_t said_us_ = 0;
  std::int64_t keep_alive_us_ = 0;
  bool reauthenticating_ = false;
  bool many_versions_ = false;  // were in the Proof: more than a server takes at once
  ErrorCode failure_;
  std::string detail_;
};

}  // namespace sealpost::client
