#pragma once
// Tickets: what a handshake over REST gives for one MQTT connection (PROTOCOL section 3, Carriers). User name = client
// id, password = ticket. The table holds hashes: whoever reads our memory cannot connect with them.

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/errors.hpp"
#include "base/ids.hpp"

namespace sealpost::auth {

inline constexpr Millis ticket_lifetime_ms = 60'000;

// What the connection needs to know: the outcome of the proof that the ticket stands for.
struct Ticket {
  Permalink client;
  Device device;
  Epoch epoch;
  PublicKey key;         // that signed the proof
  std::string session;   // its name
  Millis expires = 0;    // of the session, server's clock, ms since the Unix epoch
  std::string endpoint;  // that the Hello named; whoever redeems compares it with where the connection came in
};

// The caller locks. At most one live ticket for each client id: a newer one means a newer epoch, which ends the older.
class Tickets {
 public:
  explicit Tickets(std::size_t tickets_max = 4'096) : tickets_max_(tickets_max) {}

  // The text to give to the client, made from 32 random bytes. `now`: ms on a clock that never goes back. Errors:
  // too_many; a live ticket of another client id never makes place.
  Result<std::string> issue(Ticket ticket, const std::array<std::uint8_t, 32>& secret, Millis now);
  // Takes a ticket back, once. A guess does not use the ticket up. Errors: bad_ticket.
  Result<Ticket> redeem(std::string_view client_id, std::string_view password, Millis now);

  std::size_t size() const { return tickets_.size(); }

 private:
  struct Issued {
    Digest hash{};  // of the text
    Millis over = 0;
    Ticket ticket;
  };

  std::size_t tickets_max_;
  std::unordered_map<std::string, Issued> tickets_;  // by client id
};

}  // namespace sealpost::auth
