#pragma once
// The names that a client has in MQTT (PROTOCOL section 4): its client id, and its places under sp/.

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace sealpost::auth {

// `<permalink>.<device>`
struct ClientId {
  Permalink client;
  Device device;

  std::string text() const;
  friend bool operator==(const ClientId&, const ClientId&) = default;
};
std::optional<ClientId> parse_client_id(std::string_view text);

enum class Leaf : std::uint8_t { outbox, inbox, ack, reject, light };
std::string_view name(Leaf);

// `sp/<permalink>/<device>/<leaf>`
struct Place {
  ClientId owner;
  Leaf leaf = Leaf::outbox;

  std::string topic() const;
  friend bool operator==(const Place&, const Place&) = default;
};
// None for everything else under sp/ too: wildcards, unknown leaves, other levels.
std::optional<Place> parse_place(std::string_view topic);

// True for all that is under sp/, be it a place or not: ordinary MQTT has no business there. Takes a filter too, but
// says nothing of one that begins with a wildcard.
bool is_under_sp(std::string_view topic);

}  // namespace sealpost::auth
