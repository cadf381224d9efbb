#pragma once
// The system calls that make sockets. None of them blocks but the name of a Unix socket's file system.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "base/files.hpp"
#include "net/channel.hpp"

namespace sealpost::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<Address> tcp_address(const std::string& numeric_host, std::uint16_t port);
std::optional<Address> unix_address(const std::filesystem::path& path);

// Listening, not blocking. Throw std::runtime_error for people; `name` is the listener's.
Descriptor listen_on_tcp(const std::string& name, const std::string& host, std::uint16_t port);
Descriptor listen_on_unix(const std::string& name, const std::filesystem::path& path, std::uint32_t mode);
std::uint16_t bound_port(int descriptor);

// Begins to connect: ready to write when that has come out (Wire::connected()).
Result<Descriptor> begin_to_connect(const Address& address);

// Of a connected socket: who is there (transport tcp or local).
Peer peer_of(int descriptor, const Address& address);
// Of a socket that listens, and so of all that it accepts, or of one that is connected: no delay for small packets; and
// the kernel ends it when the other machine has gone without a word, for clients without a keep-alive of their own.
void send_at_once(int descriptor);
void notice_dead_peers(int descriptor);

}  // namespace sealpost::net
