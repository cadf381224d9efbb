// POST /v1/auth/hello and /v1/auth/proof: the handshake for those who cannot speak MQTT 5 (PROTOCOL section 3).

#include "api/api.hpp"
#include "api/problem.hpp"

namespace sealpost::api {
namespace {

namespace asio = boost::asio;

pipeline::Carrier carrier_of(const net::Request& request) {
  return {request.peer.address, std::nullopt, std::nullopt, {auth::Purpose::ticket}};
}

net::Response refused(pipeline::Services& services, const net::Request& request, std::string_view who,
                      const ErrorCode& error) {
  note_failure(services, carrier_of(request), who, error);
  if (error == auth::Errc::not_logged)
    return problem(503, "unavailable", "The server cannot store anything now; nothing is lost, try later.");
  if (error == auth::Errc::too_many) return problem(429, "too_many", "Too many handshakes from this address; wait.");
  return problem(401, "not_authorized", "The handshake was refused.");
}

net::Response busy() {
  return problem(503, "busy", "Too many handshakes are under way; try again in half a minute.");
}

}  // namespace

// The Challenge is the whole answer.
asio::awaitable<net::Response> Api::hello(Call call) {
  const auth::Room room = door_.room_for(call.request.peer.address);
  if (room == auth::Room::none_for_address) co_return refused(services_, call.request, "?", auth::Errc::too_many);
  if (room == auth::Room::none) co_return busy();
  auto challenged = pipeline::challenge(services_, carrier_of(call.request), call.request.body);
  if (!challenged) co_return refused(services_, call.request, "?", challenged.error());
  const auto kept = door_.keep(std::move(challenged->handshake), call.request.peer.address);
  if (!kept) co_return busy();
  co_return text_response(200, std::move(challenged->challenge), "application/json");
}

// {"welcome": <Welcome>, "ticket": "..."}: the ticket is good for one CONNECT within 60 s.
asio::awaitable<net::Response> Api::proof(Call call) {
  const auto challenge = auth::challenge_answered_by(call.request.body);
  if (!challenge) co_return problem(400, "malformed", "The body must be a signed sealpost.Proof.");
  auto handshake = door_.take(*challenge);
  if (!handshake) co_return refused(services_, call.request, "?", handshake.error());
  const std::string who = handshake->hello().client.hex() + "." + handshake->hello().device.text();
  const Result<pipeline::Admitted> admitted = co_await pipeline::prove(
      services_, clients_, door_, *handshake, carrier_of(call.request), call.request.body, nullptr);
  if (!admitted) co_return refused(services_, call.request, who, admitted.error());
  const auto ticket = door_.issue(admitted->who, handshake->hello().endpoint);
  if (!ticket) co_return problem(503, "busy", "Too many tickets are out; try again in a minute.");
  // The actor, and so the positions and the light of this Welcome, waits as long as the ticket is good.
  const auto kept = [client = admitted->client] {};
  services_.timers.after(std::chrono::milliseconds(auth::ticket_lifetime_ms), kept);
  co_return text_response(200, "{\"ticket\":\"" + *ticket + "\",\"welcome\":" + admitted->welcome + "}",
                          "application/json");
}

}  // namespace sealpost::api
