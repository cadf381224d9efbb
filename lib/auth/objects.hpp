#pragma once
// The four objects of the handshake SEALPOST-1 (PROTOCOL section 3), read and made. Reading judges the form of every
// field; what they have to say to each other is for handshake.hpp.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "lane/position.hpp"
#include "object/identity.hpp"

namespace sealpost::auth {

using Nonce = std::array<std::uint8_t, 32>;

inline constexpr Millis challenge_lifetime_max = 30'000;

enum class Purpose : std::uint8_t { connect, ticket, reauth };
std::string_view name(Purpose);

// Unsigned: it has a link, and the Proof's signature covers that.
struct Hello {
  struct KnownServer {
    Permalink permalink;
    Link link;  // of the newest version that the client has verified
  };
  Permalink client;
  Device device;
  PublicKey key;  // the `sign` key that will sign the Proof
  std::optional<KnownServer> server;
  std::string endpoint;  // "mqtts://host:port", as dialled
  Nonce nonce{};
  Purpose purpose = Purpose::connect;
  std::string session;  // for `reauth`: Welcome's; else empty
  Millis time = 0;

  static Result<Hello> read(const object::Object&);
  std::string text() const;
};

struct Announced {                   // `limits`
  std::int64_t message_max = 0;      // bytes, from 1024
  std::int64_t window = 0;           // messages, 1 to 16
  std::int64_t session_seconds = 0;  // from 1
  friend bool operator==(const Announced&, const Announced&) = default;
};

struct Challenge {
  Permalink author;  // the server
  Link hello;
  Permalink client;
  Nonce nonce{};
  Millis received = 0;  // when the Hello came, by the server's clock
  Millis time = 0;
  Millis expires = 0;
  Announced limits;
  std::vector<std::string> identity;  // stored texts of the server's versions
  bool binding = false;               // this listener ends TLS 1.3 itself

  static Result<Challenge> read(const object::Object&);
  object::Signed sign(const object::Signer&) const;
};

struct Proof {
  Permalink author;  // the client
  Link challenge;
  std::optional<Digest> binding;  // tls-exporter (RFC 9266)
  std::optional<lane::Position> position;
  bool from_first = false;            // `from: 1`
  std::vector<std::string> identity;  // stored texts of the versions that no Welcome has confirmed
  std::string invite;                 // the code, where registration asks for one; else empty
  Millis time = 0;

  static Result<Proof> read(const object::Object&);
  object::Signed sign(const object::Signer&) const;
};

struct Welcome {
  Permalink author;  // the server
  Link proof;
  std::string session;
  Epoch epoch;
  Millis expires = 0;
  Millis reauth_after = 0;
  Link identity;  // the client's version now in force
  lane::Mark received;
  lane::Mark sent;
  Seq acked;
  lane::Light light = lane::Light::green;
  lane::LogId log;
  EventId log_head;
  Millis time = 0;

  static Result<Welcome> read(const object::Object&);
  object::Signed sign(const object::Signer&) const;
};

}  // namespace sealpost::auth
