#pragma once
// What the server listens on, for people and for programs that start it on free ports.

#include <memory>
#include <string>
#include <vector>

#include "app/configuration.hpp"
#include "net/listener.hpp"

namespace sealpost::app {

// In the order of the configuration: "mqtts://127.0.0.1:8883", "unix:/var/lib/sealpost/bots.sock".
std::vector<std::string> addresses_of(const Configuration&, const std::vector<std::unique_ptr<net::Listener>>&);

// Writes <data_dir>/listening.json, whole or not at all: {"listeners":[{"name","kind","address","port"|"path"}]}.
void write_listening(const Configuration&, const std::vector<std::unique_ptr<net::Listener>>&);

}  // namespace sealpost::app
