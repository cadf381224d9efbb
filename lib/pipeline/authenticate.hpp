#pragma once
// authenticate: a stranger's connection, from its first byte until it has proven who it is or is turned away.

#include <memory>

#include "mqtt/connection.hpp"
#include "net/channel.hpp"
#include "pipeline/door.hpp"

namespace sealpost::pipeline {

class Clients;

// Runs on a strand of its own; a proven connection goes on on its client's strand. `limits` outlives it.
asio::awaitable<void> authenticate(Services&, Clients&, Door&, const mqtt::Limits& limits,
                                   std::shared_ptr<net::Channel>);

}  // namespace sealpost::pipeline
