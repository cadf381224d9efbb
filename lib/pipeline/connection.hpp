#pragma once
// One MQTT connection: the channel's bytes through the protocol engine and back. Knows who is at the other end once
// that has been proven; what their packets mean is for the client's actor. Thread rule: one strand at a time, the
// client's from attach() on.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "auth/handshake.hpp"
#include "base/encoding.hpp"
#include "mqtt/connection.hpp"
#include "net/channel.hpp"
#include "pipeline/services.hpp"

namespace sealpost::pipeline {

class AppOutlet;

// Above this much unsent a connection is not read from, since who does not take answers asks no more questions, and
// gets no more of the broker's messages.
inline constexpr std::size_t unsent_before_pausing = 256 * 1024;

// Names a session in its Welcome and in a re-authentication, where it is written in hex digits.
struct SessionName {
  std::array<std::uint8_t, 16> bytes{};

  static SessionName from_text(std::string_view);  // of a name that is known to be one
  std::string text() const { return to_hex(bytes); }
};

// Who a connection has proven to be, and until when.
struct Credentials {
  Permalink client;
  Device device;
  Epoch epoch;
  PublicKey key;       // the `sign` key of the proof
  Millis expires = 0;  // server's clock, ms since the Unix epoch
  SessionName session;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(const Services&, std::shared_ptr<net::Channel>, const mqtt::Limits&);

  mqtt::Connection& engine() { return engine_; }
  net::Channel& channel() { return *channel_; }
  const std::shared_ptr<net::Channel>& shared_channel() const { return channel_; }

  void prove(Credentials);
  const Credentials& who() const { return who_; }
  // Re-authentication: same client, device and epoch.
  void extend(Millis expires, const PublicKey& key);

  // "sp/<permalink>/<device>/<leaf>"
  std::string topic(std::string_view leaf) const;

  // Writes what the engine wants sent; closes the channel when the engine has closed.
  void flush();
  // Says goodbye with a reason and closes. Nothing more is taken from this client.
  void end(mqtt::ReasonCode, std::string_view reason_string = {});
  bool ended() const { return engine_.closing(); }

  // PUBLISH to the client at QoS 0, if its session subscribes to the topic; gone in a disconnect.
  void tell(const mqtt::Session&, std::string_view leaf, std::string_view text);

  // Messages taken from this connection whose commit is still to come.
  std::size_t in_flight = 0;
  bool expired = false;                              // `expires` has passed: nothing more is taken
  bool paused = false;                               // not read from: the client does not take what we have sent
  bool draining = false;                             // somebody waits until it has taken some
  std::uint32_t attachment = 0;                      // to the device's MQTT session
  std::unique_ptr<auth::ServerHandshake> handshake;  // of a re-authentication under way
  std::function<void()> on_progress;  // called once when an answer went out: the engine may want input again

  // Of its ordinary MQTT (app.hpp).
  std::shared_ptr<AppOutlet> outlet;
  bool app_paused = false;      // not sent to: the same
  std::size_t app_waiting = 0;  // requests whose answers wait for a commit of the broker

  // What watches over it, to be cancelled when it ends: else each would hold its memory until it is due.
  Timers::Handle keep_alive_timer = 0;
  Timers::Handle expiry_timer = 0;

 private:
  std::shared_ptr<net::Channel> channel_;
  mqtt::Connection engine_;
  Credentials who_;
};

// The topic filters of a session that let `topic` through.
bool subscribed(const mqtt::Session&, std::string_view topic, mqtt::Qos at_least);

}  // namespace sealpost::pipeline
