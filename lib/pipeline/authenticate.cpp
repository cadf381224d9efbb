#include "pipeline/authenticate.hpp"

#include "auth/topic.hpp"
#include "pipeline/app.hpp"
#include "pipeline/await.hpp"
#include "pipeline/clients.hpp"
#include "pipeline/handshakes.hpp"

namespace sealpost::pipeline {
namespace {

constexpr std::string_view method = "SEALPOST-1";
// What an MQTT PUBLISH to an inbox adds to the message: the fixed header, the topic, the packet id.
constexpr std::uint32_t publish_overhead = 256;

// One stranger: what is kept of it until it has proven itself.
class Stranger {
 public:
  Stranger(Services& services, Clients& clients, Door& door, const mqtt::Limits& limits,
           std::shared_ptr<net::Channel> channel)
      : services_(services),
        clients_(clients),
        door_(door),
        connection_(std::make_shared<Connection>(services, std::move(channel), limits)) {
    carrier_.address = connection_->channel().peer().address;
    carrier_.exporter = connection_->channel().exporter();
    carrier_.purposes = {auth::Purpose::connect};
  }

  asio::awaitable<void> run();

 private:
  void on(const mqtt::ConnectReceived&);
  void on(const mqtt::AuthReceived&);
  template <class Other>
  void on(const Other&) {}

  bool may_will(const mqtt::ConnectReceived&) const;
  void start_handshake(std::string_view hello);
  void redeem_ticket(const mqtt::ConnectReceived&);
  asio::awaitable<void> finish_handshake();
  void turn_away(mqtt::ReasonCode, std::string_view reason_string = {});
  void fail(const ErrorCode&);
  void enter(std::shared_ptr<Client>, const Credentials&, std::string welcome);

  Services& services_;
  Clients& clients_;
  Door& door_;
  std::shared_ptr<Connection> connection_;
  Carrier carrier_;
  Opening opening_;
  std::optional<auth::ServerHandshake> handshake_;
  std::string proof_;                    // received, to be checked
  std::optional<Credentials> ticketed_;  // whom a ticket stands for
  bool over_ = false;                    // entered: the engine belongs to the client's strand
};

asio::awaitable<void> Stranger::run() {
  const std::shared_ptr<net::Channel> channel = connection_->shared_channel();
  mqtt::Connection& engine = connection_->engine();
  std::size_t bytes = 0;
  while (!over_ && !engine.closing()) {
    const auto received = co_await channel->receive();
    if (!received) break;
    bytes += received->size();
    if (bytes > services_.limits.unproven_bytes) {
      turn_away(mqtt::ReasonCode::packet_too_large);
      break;
    }
    engine.receive(received->view(), steady_ms(services_.clock));
    // Until it has nothing more: only then does the engine not look at the buffer any longer, which ends here.
    while (const auto event = engine.next()) std::visit([this](const auto& what) { on(what); }, *event);
    if (!proof_.empty()) co_await finish_handshake();
    if (ticketed_) enter(clients_.at(ticketed_->client), *ticketed_, {});
    if (!over_) connection_->flush();
  }
  if (!over_) connection_->end(mqtt::ReasonCode::unspecified_error);
}

void Stranger::on(const mqtt::ConnectReceived& connect) {
  carrier_.mqtt_client_id = std::string(connect.client_id);
  opening_ = {connect.clean_start, connect.session_expiry(), connect.properties.receive_maximum};
  const auto size_max = connect.properties.maximum_packet_size;
  if (size_max && *size_max < services_.limits.server_message_max() + publish_overhead)
    return turn_away(mqtt::ReasonCode::packet_too_large, "Maximum Packet Size cannot hold the server's messages");
  if (connect.will && !may_will(connect))
    return turn_away(mqtt::ReasonCode::not_authorized, "the will's topic is not yours to publish to");
  opening_.will = broker::will_of(connect);
  const auto& asked = connect.properties.authentication_method;
  if (asked && *asked != method) return turn_away(mqtt::ReasonCode::bad_authentication_method);
  if (asked) return start_handshake(as_text(connect.properties.authentication_data.value_or(BytesView{})));
  redeem_ticket(connect);
}

bool Stranger::may_will(const mqtt::ConnectReceived& connect) const {
  return services_.app != nullptr && services_.app->access_of(connect.client_id)->may_publish(connect.will->topic);
}

void Stranger::start_handshake(std::string_view hello) {
  auto challenged = challenge(services_, carrier_, hello);
  if (!challenged) return fail(challenged.error());
  handshake_ = std::move(challenged->handshake);
  (void)connection_->engine().authenticate(mqtt::ReasonCode::continue_authentication, as_bytes(challenged->challenge));
}

void Stranger::on(const mqtt::AuthReceived& auth) {
  if (handshake_) proof_ = as_text(auth.properties.authentication_data.value_or(BytesView{}));
  if (proof_.empty()) fail(auth::Errc::malformed);
}

asio::awaitable<void> Stranger::finish_handshake() {
  std::string proof = std::exchange(proof_, {});
  Result<Admitted> admitted =
      co_await prove(services_, clients_, door_, *handshake_, carrier_, std::move(proof), nullptr);
  if (!admitted) co_return fail(admitted.error());
  enter(std::move(admitted->client), admitted->who, std::move(admitted->welcome));
}

// MQTT 3.1.1 and tools: user name = client id, password = ticket.
void Stranger::redeem_ticket(const mqtt::ConnectReceived& connect) {
  if (!connect.user_name || !connect.password)
    return turn_away(mqtt::ReasonCode::not_authorized,
                     "authenticate by SEALPOST-1, or with a ticket from POST /v1/auth/proof");
  const auto who = *connect.user_name == connect.client_id
                       ? door_.redeem(connect.client_id, as_text(*connect.password), connection_->channel().peer())
                       : Result<Credentials>(auth::Errc::wrong_client_id);
  if (!who) return fail(who.error());
  ticketed_ = *who;
}

void Stranger::enter(std::shared_ptr<Client> client, const Credentials& who, std::string welcome) {
  over_ = true;
  connection_->prove(who);
  spawn(client->strand(), services_.sink, "serve", Client::enter(client, connection_, opening_, std::move(welcome)));
}

void Stranger::fail(const ErrorCode& error) {
  const auto who = auth::parse_client_id(carrier_.mqtt_client_id.value_or(""));
  note_failure(services_, carrier_, who ? who->text() : "?", error);
  const bool ours = error == auth::Errc::not_logged;
  const bool many = error == auth::Errc::too_many;
  turn_away(ours   ? mqtt::ReasonCode::server_busy
            : many ? mqtt::ReasonCode::connection_rate_exceeded
                   : mqtt::ReasonCode::not_authorized);
}

void Stranger::turn_away(mqtt::ReasonCode reason, std::string_view reason_string) {
  (void)connection_->engine().refuse(reason, reason_string);
}

}  // namespace

asio::awaitable<void> authenticate(Services& services, Clients& clients, Door& door, const mqtt::Limits& limits,
                                   std::shared_ptr<net::Channel> channel) {
  const auto too_late = [weak = std::weak_ptr(channel)] {
    if (const auto late = weak.lock()) late->abort();
  };
  const Timers::Handle timer = services.timers.after(std::chrono::milliseconds(services.limits.unproven), too_late);
  Stranger stranger(services, clients, door, limits, std::move(channel));
  co_await stranger.run();
  services.timers.cancel(timer);
}

}  // namespace sealpost::pipeline
