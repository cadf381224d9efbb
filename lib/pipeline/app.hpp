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

  static std::string key_of(std::string_view client_id) { return "client/" + std::string(client_id); }
};

// The broker's end of a connection. The broker calls it on any thread; it posts to the client's strand.
class AppOutlet final : public broker::Outlet, public std::enable_shared_from_this<AppOutlet> {
 public:
  AppOutlet(std::weak_ptr<Client> client, std::weak_ptr<Connection> connection, bool present)
      : client_(std::move(client)), connection_(std::move(connection)), sending(present) {}

  bool pump(broker::Session&) override { return !scheduled_.exchange(true); }
  // The client decides itself, on its strand.
  void decide_received(mqtt::PacketId, std::optional<mqtt::ReasonCode>) override {}
  void flush() override;
  void dismiss(mqtt::ReasonCode reason, std::string_view why) override;

 private:
  const std::weak_ptr<Client> client_;
  const std::weak_ptr<Connection> connection_;
  std::atomic<bool> scheduled_{false};

 public:
  // On the strand: what waits is looked at now, and whatever comes from now on asks again.
  void begin() { scheduled_ = false; }
  broker::Sending sending;
};

}  // namespace sealpost::pipeline
