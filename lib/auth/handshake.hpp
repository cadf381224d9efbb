#pragma once
// The handshake SEALPOST-1 (PROTOCOL section 3), the server's side and the client's: texts in, decisions and texts out.
// Each object names the link of the one before, so each signature covers all that came before it. Times never decide
// freshness; nonces do. One object for one attempt; no threads, no clock, no I/O.

#include <optional>
#include <string>
#include <vector>

#include "auth/errors.hpp"
#include "auth/objects.hpp"
#include "auth/registration.hpp"

namespace sealpost::auth {

inline constexpr std::size_t new_versions_max = 16;  // in one Proof
inline constexpr std::size_t hello_bytes_max = 4 * 1024;
inline constexpr std::size_t handshake_bytes_max = 512 * 1024;  // of a Proof

// How many signatures it takes to believe this Proof, at most: what its sender's allowance is charged before one of
// them is checked (limits.hpp). Of something that is no Proof: 1.
std::int64_t signature_checks(std::string_view proof);

// What a Hello is judged by.
struct HelloContext {
  std::optional<std::string_view> mqtt_client_id;  // none over REST
  const std::vector<std::string>* endpoints;       // that clients may have dialled
  std::vector<Purpose> purposes;                   // that this carrier takes
};

struct ChallengeTerms {
  Permalink server;
  std::vector<std::string> server_identity;  // the server's versions, all of them
  std::vector<Link> server_links;            // their links
  Nonce nonce{};
  Millis received = 0;
  Millis now = 0;
  Announced limits;
  bool binding = false;
  std::uint64_t issued = 0;  // rises with every challenge of this process
};

struct ProofContext {
  const std::vector<object::Identity>* known;  // the client's versions in the log, version 0 first
  std::optional<Digest> exporter;              // of this TLS connection, where TLS 1.3 ends here
  const Registration* registration;
  Millis now = 0;
};

struct ProofAccepted {
  Permalink client;
  Device device;
  PublicKey key;
  Purpose purpose = Purpose::connect;
  std::string endpoint;
  std::vector<object::Identity> introduce;  // new versions, checked, in order
  std::optional<object::Identity> in_force;
  std::optional<lane::Position> position;
  bool from_first = false;
  std::uint64_t issued = 0;  // of the challenge
  Link proof;
};

class ServerHandshake {
 public:
  // 1: the Hello.
  static Result<ServerHandshake> begin(std::string_view hello, const HelloContext&);
  const Hello& hello() const { return hello_; }
  // 2: the Challenge. Once.
  std::string challenge(const ChallengeTerms&, const object::Signer&);
  // 3: the Proof. Once, be it good or bad: a second is wrong_challenge. The caller still has to ask the log whether a
  // key of a new version belongs to somebody else.
  Result<ProofAccepted> proof(std::string_view text, const ProofContext&);
  // 4: the Welcome; author and proof are filled in here.
  std::string welcome(Welcome, const object::Signer&) const;

  // Of the Challenge: its link (none: not given yet, or used), and until when it may be answered.
  const Link& challenge_link() const { return challenge_; }
  Millis expires() const { return expires_; }

 private:
  ServerHandshake() = default;
  Result<Proof> read_proof(const object::Object&, const Link& challenge, const ProofContext&) const;
  Result<void> take_versions(const Proof&, const ProofContext&, ProofAccepted&) const;

  Hello hello_;
  Link hello_link_;
  Permalink server_;
  Link challenge_;  // none: not given yet, or used
  Millis expires_ = 0;
  std::uint64_t issued_ = 0;
  Link proof_;
};

// The client's half.
struct ClientTerms {
  Permalink client;
  Device device;
  std::string endpoint;  // as dialled
  Purpose purpose = Purpose::connect;
  std::string session;                   // for reauth
  std::vector<object::Identity> pinned;  // the server's versions verified so far; none: the first meeting
  Nonce nonce{};
  Millis now = 0;
};

struct ProofTerms {
  std::optional<Digest> binding;  // give it where challenge().binding is true and the connection has one
  std::optional<lane::Position> position;
  bool from_first = false;
  std::vector<std::string> identity;  // own versions that no Welcome has confirmed
  std::string invite;
  Millis now = 0;
};

class ClientHandshake {
 public:
  // `signer` is a sign key of the client's identity in force, and outlives this.
  ClientHandshake(ClientTerms, const object::Signer& signer);
  const std::string& hello() const { return hello_text_; }
  // Checks that it is signed by the pinned (or first-seen) server, answers this Hello, and is for this client. What is
  // below changes only if all of that is so.
  Result<void> challenge(std::string_view text, Millis now);
  const Challenge& challenge() const { return challenge_; }
  // The server's versions, all of them, verified: what to pin. Shown to a person at the first meeting.
  const std::vector<object::Identity>& server() const { return server_; }
  std::string proof(const ProofTerms&);
  // Checks that it is signed by the same server and answers this Proof. Before proof(): wrong_challenge.
  Result<Welcome> welcome(std::string_view text) const;
  // Server's clock minus ours, in ms (PROTOCOL section 3, Clock).
  Millis clock_offset() const { return clock_offset_; }

 private:
  ClientTerms terms_;
  const object::Signer& signer_;
  std::string hello_text_;
  Link hello_link_;
  Challenge challenge_;
  Link challenge_link_;
  Link proof_link_;
  std::vector<object::Identity> server_;
  Millis clock_offset_ = 0;
};

}  // namespace sealpost::auth
