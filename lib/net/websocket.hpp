#pragma once
// A channel in the binary frames of a WebSocket (RFC 6455; MQTT 5.0, section 6). Beast does the framing; no type of its
// is seen outside websocket.cpp, where it is instantiated, as it is dear to compile.

#include <boost/asio/awaitable.hpp>

#include "net/channel.hpp"
#include "net/http.hpp"
#include "net/wire.hpp"

namespace sealpost::net {

// The server's side: answers the upgrade that `request` asks for. `ahead` is what was read beyond it.
asio::awaitable<Result<std::shared_ptr<Channel>>> accept_websocket(std::shared_ptr<Wire> wire, Ports ports,
                                                                   ChannelLimits limits, Request request,
                                                                   std::string ahead);

// The client's side. `host` is for the Host header; `origin` may be empty.
asio::awaitable<Result<std::shared_ptr<Channel>>> connect_websocket(std::shared_ptr<Wire> wire, Ports ports,
                                                                    ChannelLimits limits, std::string host,
                                                                    std::string target, std::string origin);

}  // namespace sealpost::net
