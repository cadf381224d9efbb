#pragma once
// The server's own identity, from its key ring; made on the very first start.

#include "app/configuration.hpp"
#include "base/ports.hpp"
#include "pipeline/services.hpp"
#include "vault/key_ring.hpp"

namespace sealpost::app {

struct ServerKeys {
  vault::KeyRing ring;
  pipeline::ServerIdentity identity;  // its signer lives in the ring
};

// Opens the key ring. If there is none, and neither is there a log, and the configuration allows it, makes an identity
// with an update and a sign key, the ring, and the key file that opens it. Throws std::runtime_error: what, where, and
// how to mend it.
ServerKeys open_or_create_keys(const Configuration&, Clock&, Random&, LogSink&);

// Makes a self-signed certificate where the listener asks for one and has none yet. Throws like the above.
void make_certificate_if_missing(const Configuration&, const Listener&, LogSink&);

}  // namespace sealpost::app
