#pragma once
// What a client has of ordinary MQTT (app/...): the broker's session of each of its devices, and the way of the
// broker's messages to its connection.

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>

#include "broker/broker.hpp"
#include "broker/sending.hpp"
#include "pipeline/connection.hpp"

namespace sealpost::pipeline {

class Client;

// Ordinary MQTT for clients; a server may do without.
struct AppService {
  broker::Broker& broker;
  // What the rules allow the client with that client id. Any thread.
  std::function<std::shared_ptr<const broker::Access>(std::string_view client_id)> access_of;
  bool presence = false;  // kept at app/presence/<permalink>

  // Under which the broker has the session of that client id.
  static constexpr std::string_view key_prefix = "client/";
  static std::string key_of(std::string_view client_id) { return std::string(key_prefix).append(client_id); }
};

// The broker's end of a connection. The broker calls it on any thread; it posts to the client's strand.
class AppOutlet final : public broker::Outlet, public std::enable_shared_from_this<AppOutlet> {
 public:
  AppOutlet(std::weak_ptr<Client> client, std::weak_ptr<Connection> connection, bool present)
      : client_(std::move(client)), connection_(std::move(connection)), sending_(present) {}

  bool pump(broker::Session&) override { return !scheduled_.exchange(true); }
  // The client decides itself, on its strand.
  void decide_received(mqtt::PacketId, std::optional<mqtt::ReasonCode>) override {}
  void flush() override;
  void dismiss(mqtt::ReasonCode reason, std::string_view why) override;

  // On the strand: what waits is looked at now, and whatever comes from now on asks again.
  void begin() { scheduled_ = false; }
  // On the strand: sends the next, if there is one and it can be sent.
  bool send_one(broker::Broker& broker, broker::Session& session, mqtt::Connection& engine) {
    return sending_.send_one(broker, session, engine);
  }

 private:
  const std::weak_ptr<Client> client_;
  const std::weak_ptr<Connection> connection_;
  std::atomic<bool> scheduled_{false};
  broker::Sending sending_;
};

}  // namespace sealpost::pipeline
