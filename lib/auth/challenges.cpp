#include "auth/challenges.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace sealpost::auth {

Result<Link> challenge_answered_by(std::string_view proof) {
  const auto object = object::Object::parse(proof, object::client_limits(handshake_bytes_max));
  if (!object) return Errc::malformed;
  const auto link = object::hex_of<Link>(object::find(object->fields(), "challenge"));
  if (!link) return Errc::malformed;
  return *link;
}

Room Challenges::room_for(std::string_view address, Millis now) {
  drop_expired(now);
  const Network network = network_of(address);
  const auto of_address =
      std::ranges::count_if(outstanding_, [&](const auto& each) { return each.second.network == network; });
  if (static_cast<std::size_t>(of_address) >= limits_.address_max) return Room::none_for_address;
  return outstanding_.size() >= limits_.outstanding_max ? Room::none : Room::some;
}

Result<void> Challenges::keep(ServerHandshake handshake, std::string_view address, Millis now) {
  SEALPOST_ASSERT(!handshake.challenge_link().is_none());
  if (room_for(address, now) != Room::some) return Errc::too_many;
  const Link link = handshake.challenge_link();
  outstanding_.emplace(link, Outstanding{std::move(handshake), network_of(address)});
  return {};
}

Result<ServerHandshake> Challenges::take(const Link& challenge, Millis now) {
  auto taken = outstanding_.extract(challenge);
  if (taken.empty()) return Errc::wrong_challenge;
  ServerHandshake handshake = std::move(taken.mapped().handshake);
  if (now > handshake.expires()) return Errc::expired;
  return handshake;
}

void Challenges::drop_expired(Millis now) {
  std::erase_if(outstanding_, [now](const auto& each) { return now > each.second.handshake.expires(); });
}

}  // namespace sealpost::auth
