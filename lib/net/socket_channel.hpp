#pragma once
// A channel straight on a wire: TCP, TLS or a Unix socket.

#include "net/channel.hpp"
#include "net/wire.hpp"

namespace sealpost::net {

// What many channels share.
struct ChannelTerms {
  Ports ports;
  ChannelLimits limits;
};

std::shared_ptr<Channel> make_socket_channel(std::shared_ptr<Wire> wire, std::shared_ptr<const ChannelTerms> terms);

}  // namespace sealpost::net
