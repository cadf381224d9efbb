#pragma once
// A channel straight on a wire: TCP, TLS or a Unix socket.

#include "net/channel.hpp"
#include "net/wire.hpp"

namespace sealpost::net {

std::shared_ptr<Channel> make_socket_channel(std::shared_ptr<Wire> wire, Ports ports, ChannelLimits limits);

}  // namespace sealpost::net
