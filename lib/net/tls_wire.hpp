#pragma once
// OpenSSL's sessions on a socket of ours.

#include "net/dial.hpp"
#include "net/wire.hpp"

struct ssl_ctx_st;

namespace sealpost::net {

// The server's side of one connection; null if memory is short.
Tls tls_server(ssl_ctx_st* context, int descriptor);

// The client's side: verifies as `trust` says, and names `host` to the server.
Result<Tls> tls_client(const Trust& trust, const std::string& host, int descriptor);

// After the handshake: what is wrong with the server's certificate, if anything.
ErrorCode judge(const Trust& trust, const Wire& wire, ErrorCode handshake);

}  // namespace sealpost::net
