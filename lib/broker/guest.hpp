#pragma once
// One MQTT connection that is the broker's alone: of a listener with open access, or for bots. Bytes through the
// protocol engine and back; what they mean to others is the broker's.
//
// Not a coroutine and on no strand: its input is worked off by one thread at a time, and what is sent to it is put in
// by whoever publishes. A waiting connection is a handler in the reactor.

#include <memory>
#include <mutex>
#include <optional>

#include "broker/broker.hpp"
#include "broker/sending.hpp"
#include "mqtt/connection.hpp"
#include "net/channel.hpp"

namespace sealpost::broker {

// Who has connected, as far as the listener cares.
struct Admitted {
  std::string key;  // of its session: one for each client id, and apart from those of other kinds of clients
  std::shared_ptr<const Access> access;
};

// What the connections of a listener have in common. It outlives them.
struct Door {
  Broker& broker;
  const mqtt::Limits& limits;
  Random& random;
  // Who may come in, under that client id; or why not. Any thread.
  std::function<boost::system::result<Admitted, mqtt::ReasonCode>(const mqtt::Connect&, std::string_view client_id)>
      admit;
};

class Guest final : public Outlet, public std::enable_shared_from_this<Guest> {
 public:
  Guest(const Door& door, std::shared_ptr<net::Channel> channel);
  ~Guest() override;

  // Serves the connection until it ends. Returns at once.
  static void serve(const Door& door, std::shared_ptr<net::Channel> channel);

  bool pump(Session&) override;
  void flush() override;
  void decide_received(mqtt::PacketId packet_id, std::optional<mqtt::ReasonCode> reason) override;
  void dismiss(mqtt::ReasonCode reason, std::string_view why) override;

 private:
  // guest.cpp: the input, one thread at a time.
  void run();
  bool read();
  void work_off();
  void finish();
  void watch_keep_alive();
  void on_deadline();

  // guest_events.cpp: what the client sends.
  void on(const mqtt::ConnectReceived&);
  void on(const mqtt::PublishReceived&);
  void on(const mqtt::PubrelReceived&);
  void on(const mqtt::PubrecReceived&);
  void on(const mqtt::PubackReceived&);
  void on(const mqtt::SubscribeReceived&);
  void on(const mqtt::UnsubscribeReceived&);
  void on(const mqtt::DisconnectReceived&);
  void on(const mqtt::AuthReceived&) {}
  void refuse(mqtt::ReasonCode, std::string_view why);
  std::shared_ptr<Outlet> accept(const SessionPtr&, const mqtt::ConnectReceived&, std::string_view client_id);
  void on_committed(mqtt::PacketId, mqtt::Qos, mqtt::ReasonCode, const ErrorCode&);
  void answer_publish(mqtt::PacketId, mqtt::Qos, mqtt::ReasonCode, std::string_view why = {});
  bool begin_commit(const mqtt::PublishReceived&);
  void begin_wait();
  void end_wait();
  static constexpr std::string_view storing_failed = "could not be stored; nothing is lost, connect again";
  void answer_later(const ErrorCode&, const std::function<void(mqtt::Connection&)>& answer);

  // guest_deliveries.cpp: what it is sent. Under both mutexes, or its own alone.
  void push_output();
  bool may_go_on();
  void close_channel();
  static asio::awaitable<void> drain(std::shared_ptr<Guest>);

  const Door& door_;
  Broker& broker_;
  const std::shared_ptr<net::Channel> channel_;

  // The input's:
  Wakes wakes_;           // of others, to be flushed when a chunk is worked off
  bool stalled_ = false;  // the engine has bytes that it does not look at before an answer

  std::mutex mutex_;  // guards what follows; after the session's
  mqtt::Connection engine_;
  SessionPtr session_;       // once it has one; written by the input alone
  std::size_t waiting_ = 0;  // requests of the client whose answers wait for a commit
  bool parked_ = false;      // the input waits for an answer, or for the client to take what it was sent
  bool congested_ = false;   // more is unsent than may be: nothing is sent or read until it has drained
  bool dirty_ = false;       // somebody is about to flush()
  Sending sending_;
  bool finished_ = false;
  bool said_goodbye_ = false;    // the client, by DISCONNECT
  Timers::Handle deadline_ = 0;  // for CONNECT, then for the keep-alive
};

}  // namespace sealpost::broker
