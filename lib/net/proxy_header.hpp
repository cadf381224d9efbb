#pragma once
// The header of version 2 of the PROXY protocol (HAProxy's "The PROXY protocol", section 2.2): what a proxy says before
// the first byte of the client it speaks for. Only what is read of it; nothing here touches a socket.

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "net/errc.hpp"

namespace sealpost::net {

// Signature, command, family and length; then as many bytes as the length says: addresses, and TLVs, which are skipped.
constexpr std::size_t proxy_header_fixed = 16;
// What the protocol asks senders to stay within, as it fits the smallest TCP segment. So it is read at one go, mostly.
constexpr std::size_t proxy_header_max = 536;

struct ProxyHeader {
  enum class Source {
    proxy,    // itself, as when it asks whether we are well
    unknown,  // a client, it does not say which
    client,   // of this address and port
    local,    // a program on the proxy's machine, over a Unix socket
  };
  Source source = Source::proxy;
  std::string address;  // numeric; an IPv4 address in IPv6 clothes is IPv4
  std::uint16_t port = 0;
};

// How many bytes are to be read before this is worth asking again; 0: the header is whole. An error as soon as it can
// be none: Errc::proxy_header_missing, proxy_header_old, proxy_header_malformed, proxy_header_too_large.
Result<std::size_t> proxy_header_needs(BytesView so_far);

// Of a whole header, with nothing after it.
Result<ProxyHeader> parse_proxy_header(BytesView whole);

}  // namespace sealpost::net
