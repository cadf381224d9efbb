#pragma once
// What the door knows of strangers: how much each address may ask for, the handshakes over REST that are under way, and
// the tickets they gave out. In memory only; full means refuse, never evict. Any thread.

#include <mutex>
#include <string>
#include <string_view>

#include "auth/challenges.hpp"
#include "auth/limits.hpp"
#include "auth/tickets.hpp"
#include "net/channel.hpp"
#include "pipeline/connection.hpp"

namespace sealpost::pipeline {

class Door {
 public:
  Door(Clock& clock, Random& random, const auth::AddressLimits& limits)
      : clock_(clock), random_(random), addresses_(limits) {}

  // Whether this address may cost us a signature, that of a Challenge, now.
  bool admits_hello(std::string_view address);
  // Whether this address may cost us the signature checks of such a proof now.
  bool admits_proof(std::string_view address, std::string_view proof);
  // Whether one more identity may register from this address now.
  bool admits_registration(std::string_view address);

  // A handshake between its two requests.
  auth::Room room_for(std::string_view address);
  Result<void> keep(auth::ServerHandshake, std::string_view address);
  Result<auth::ServerHandshake> take(const Link& challenge);

  // A single-use ticket for an MQTT connection with these credentials. Errors: too_many.
  Result<std::string> issue(const Credentials&, const std::string& endpoint);
  // Takes a ticket back. One that was given out for an encrypted endpoint is not taken over an unencrypted connection
  // from another machine (a TLS proxy stands on this one). Errors: bad_ticket.
  Result<Credentials> redeem(std::string_view client_id, std::string_view ticket, const net::Peer&);

 private:
  Clock& clock_;
  Random& random_;
  std::mutex mutex_;  // a leaf
  auth::Addresses addresses_;
  auth::Challenges challenges_;
  auth::Tickets tickets_;
};

}  // namespace sealpost::pipeline
