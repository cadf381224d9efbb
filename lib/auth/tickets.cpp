#include "auth/tickets.hpp"

#include "auth/topic.hpp"
#include "base/encoding.hpp"

namespace sealpost::auth {

Result<std::string> Tickets::issue(Ticket ticket, const std::array<std::uint8_t, 32>& secret, Millis now) {
  if (tickets_.size() >= tickets_max_)
    std::erase_if(tickets_, [now](const auto& each) { return each.second.over <= now; });
  const std::string id = ClientId{ticket.client, ticket.device}.text();
  if (tickets_.size() >= tickets_max_ && !tickets_.contains(id)) return Errc::too_many;
  std::string text = to_base64url(secret);
  tickets_[id] = {sha256(as_bytes(text)), now + ticket_lifetime_ms, std::move(ticket)};
  return text;
}

Result<Ticket> Tickets::redeem(std::string_view client_id, std::string_view password, Millis now) {
  const auto found = tickets_.find(std::string(client_id));
  if (found == tickets_.end()) return Errc::bad_ticket;
  if (!equal_in_constant_time(found->second.hash, sha256(as_bytes(password)))) return Errc::bad_ticket;
  const Issued issued = std::move(found->second);
  tickets_.erase(found);
  if (issued.over <= now) return Errc::bad_ticket;
  return issued.ticket;
}

}  // namespace sealpost::auth
