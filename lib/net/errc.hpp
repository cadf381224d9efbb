#pragma once
// What can go wrong between this machine and another. What the kernel says (connection reset, no route) stays as it is,
// in the system category.

#include "base/result.hpp"

namespace sealpost::net {

enum class Errc {
  end_of_stream = 1,       // the peer has finished sending, in good order
  closed,                  // closed from this side
  timeout,                 // a deadline of the options or limits has passed
  unsent_too_large,        // the peer reads too slowly: ChannelLimits::unsent_max
  tls_failed,              // the TLS handshake failed, or the peer broke the TLS protocol
  certificate_untrusted,   // not signed by an authority of the CA file (or of the system)
  certificate_wrong_name,  // made out to another host
  certificate_expired,     // or not yet valid
  certificate_not_pinned,  // not the pinned one
  ca_file_unreadable,      // the CA file is missing or is not PEM
  host_not_found,          // the name does not resolve
  not_a_websocket,         // the server did not accept the upgrade
  websocket_protocol,      // a text frame, or a frame that RFC 6455 forbids
  http_malformed,          // not HTTP/1.1
  http_too_large,          // the header or the body is over its limit
  bad_address,             // an address, port or path that cannot be one
  proxy_header_missing,    // a connection from a proxy does not begin with a PROXY header
  proxy_header_old,        // it begins with one of version 1
  proxy_header_malformed,  // of another version, command or family, or too short for what it says
  proxy_header_too_large,  // longer than proxy_header_max
};

ErrorCode make_error_code(Errc code);

}  // namespace sealpost::net

SEALPOST_ERROR_CODES(sealpost::net::Errc);
