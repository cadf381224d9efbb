// reauthenticate: a client proves itself again by AUTH 0x19, while its traffic flows (PROTOCOL section 3, Carriers).

#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"
#include "pipeline/handshakes.hpp"

namespace sealpost::pipeline {
namespace {

Carrier carrier_of(const Connection& connection, std::string address, std::optional<Digest> exporter) {
  return {std::move(address),
          connection.who().client.hex() + "." + connection.who().device.text(),
          exporter,
          {auth::Purpose::reauth}};
}

}  // namespace

void Client::fail_reauthentication(const std::shared_ptr<Connection>& connection, const ErrorCode& error) {
  note_failure(services_, carrier_of(*connection, connection->channel().peer().address, {}), permalink_.hex(), error);
  connection->end(mqtt::ReasonCode::not_authorized);
}

void Client::reauthenticate(const std::shared_ptr<Connection>& connection, std::string_view hello) {
  const net::Channel& channel = connection->channel();
  const Carrier carrier = carrier_of(*connection, channel.peer().address, channel.exporter());
  auto challenged = challenge(services_, carrier, hello);
  if (!challenged) return fail_reauthentication(connection, challenged.error());
  if (challenged->handshake.hello().session != connection->who().session.text())
    return fail_reauthentication(connection, auth::Errc::wrong_session);
  connection->handshake = std::make_unique<auth::ServerHandshake>(std::move(challenged->handshake));
  (void)connection->engine().authenticate(mqtt::ReasonCode::continue_authentication, as_bytes(challenged->challenge));
}

asio::awaitable<void> Client::prove_again(std::shared_ptr<Client> self, std::shared_ptr<Connection> connection,
                                          std::string proof) {
  const net::Channel& channel = connection->channel();
  Carrier carrier = carrier_of(*connection, channel.peer().address, channel.exporter());
  const std::unique_ptr<auth::ServerHandshake> handshake = std::exchange(connection->handshake, nullptr);
  if (!handshake) co_return self->fail_reauthentication(connection, auth::Errc::wrong_challenge);
  const Result<Admitted> admitted = co_await prove(self->services_, self->clients_, self->services_.door, *handshake,
                                                   std::move(carrier), std::move(proof), connection);
  if (!admitted) co_return self->fail_reauthentication(connection, admitted.error());
  (void)connection->engine().authenticate(mqtt::ReasonCode::success, as_bytes(admitted->welcome));
  self->step(connection);
}

}  // namespace sealpost::pipeline
