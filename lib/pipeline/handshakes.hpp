#pragma once
// The handshake as far as it is the same over MQTT and REST, for strangers and for clients that prove themselves again:
// a Hello becomes a Challenge, a Proof becomes an admission, a failure becomes a security event.

#include <memory>
#include <string>
#include <vector>

#include "auth/handshake.hpp"
#include "pipeline/client.hpp"
#include "pipeline/door.hpp"
#include "pipeline/services.hpp"

namespace sealpost::pipeline {

// What the carrier knows of the peer.
struct Carrier {
  std::string address;
  std::optional<std::string> mqtt_client_id;  // over MQTT
  std::optional<Digest> exporter;             // where TLS 1.3 ends here
  std::vector<auth::Purpose> purposes;
};

struct Challenged {
  auth::ServerHandshake handshake;
  std::string challenge;  // the signed text
};

// Nothing is stored, nothing is looked up. Signing counts as a signature check of the address. Errors: auth::Errc.
Result<Challenged> challenge(Services&, const Carrier&, std::string_view hello);

// The proof is checked against what the log knows of the client; a valid one is admitted on the client's strand.
// Errors: auth::Errc. The caller awaits in the scope that holds the handshake.
asio::awaitable<Result<Admitted>> prove(Services&, Clients&, Door&, auth::ServerHandshake&, Carrier, std::string proof,
                                        std::shared_ptr<Connection> reauth_of);

// An identity version as the log takes it.
log::Draft identity_draft(const object::Identity& version);

// To the log and to the server's own lines, both at a bounded rate. `who` is a client id, or "?": what a stranger has
// made up is not for the log.
void note_failure(Services&, const Carrier&, std::string_view who, const ErrorCode&);

}  // namespace sealpost::pipeline
