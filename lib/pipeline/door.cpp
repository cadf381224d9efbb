#include "pipeline/door.hpp"

#include "pipeline/services.hpp"

namespace sealpost::pipeline {
namespace {

bool is_encrypted(std::string_view endpoint) {
  return endpoint.starts_with("mqtts:") || endpoint.starts_with("wss:") || endpoint.starts_with("https:");
}

}  // namespace

bool Door::admits_hello(std::string_view address) {
  const std::lock_guard lock(mutex_);
  return addresses_.take_checks(address, 1, steady_ms(clock_));
}

bool Door::admits_proof(std::string_view address, std::string_view proof) {
  const std::int64_t checks = auth::signature_checks(proof);
  const std::lock_guard lock(mutex_);
  return addresses_.take_checks(address, checks, steady_ms(clock_));
}

bool Door::admits_registration(std::string_view address) {
  const std::lock_guard lock(mutex_);
  return addresses_.take_registration(address, steady_ms(clock_));
}

auth::Room Door::room_for(std::string_view address) {
  const std::lock_guard lock(mutex_);
  return challenges_.room_for(address, clock_.now());
}

Result<void> Door::keep(auth::ServerHandshake handshake, std::string_view address) {
  const std::lock_guard lock(mutex_);
  return challenges_.keep(std::move(handshake), address, clock_.now());
}

Result<auth::ServerHandshake> Door::take(const Link& challenge) {
  const std::lock_guard lock(mutex_);
  return challenges_.take(challenge, clock_.now());
}

Result<std::string> Door::issue(const Credentials& who, const std::string& endpoint) {
  auth::Ticket ticket{who.client, who.device, who.epoch, who.key, who.session.text(), who.expires, endpoint};
  const auto secret = random_.bytes<32>();
  const std::lock_guard lock(mutex_);
  return tickets_.issue(std::move(ticket), secret, steady_ms(clock_));
}

Result<Credentials> Door::redeem(std::string_view client_id, std::string_view text, const net::Peer& peer) {
  const std::lock_guard lock(mutex_);
  const auto ticket = tickets_.redeem(client_id, text, steady_ms(clock_));
  if (!ticket) return ticket.error();
  if (is_encrypted(ticket->endpoint) && !peer.encrypted() && !peer.near) return auth::Errc::bad_ticket;
  return Credentials{ticket->client, ticket->device,  ticket->epoch,
                     ticket->key,    ticket->expires, SessionName::from_text(ticket->session)};
}

}  // namespace sealpost::pipeline
