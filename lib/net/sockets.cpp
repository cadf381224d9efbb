#include "net/sockets.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "net/numeric_address.hpp"

namespace sealpost::net {
namespace {

constexpr int socket_flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn

ErrorCode last_error() {
  return {errno, boost::system::system_category()};
}

const char* remedy(int error) {
  switch (error) {
    case EADDRINUSE:
      return "Something else listens there: stop it, or choose another port";
    case EADDRNOTAVAIL:
      return "This machine has no such address: name one of its own, or 0.0.0.0 for all";
    case EACCES:
      return "Ports below 1024 need CAP_NET_BIND_SERVICE, and a Unix socket a directory this user may write";
    case ENOENT:
      return "Make the directory first";
    default:
      return "Check the address";
  }
}

[[noreturn]] void cannot_listen(const std::string& name, const std::string& where, int error) {
  throw std::runtime_error(
      fmt::format("{}: cannot listen on {}: {}. {}", name, where, std::strerror(error), remedy(error)));
}

void set(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

template <class In>
std::string text_of(const In& address) {
  return numeric_text({reinterpret_cast<const std::uint8_t*>(&address), sizeof address});
}

}  // namespace

std::optional<Address> tcp_address(const std::string& numeric_host, std::uint16_t port) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET, numeric_host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
    return address;
  }
  if (inet_pton(AF_INET6, numeric_host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  address.size = sizeof v6;
  return address;
}

std::optional<Address> unix_address(const std::filesystem::path& path) {
  Address address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  const std::string& text = path.native();
  if (text.empty() || text.size() >= sizeof local.sun_path) return std::nullopt;
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, text.c_str(), text.size() + 1);
  address.size = sizeof local;
  return address;
}

Descriptor listen_on_tcp(const std::string& name, const std::string& host, std::uint16_t port) {
  const std::string where =
      host.find(':') == host.npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
  const auto address = tcp_address(host, port);
  if (!address) {
    throw std::runtime_error(
        fmt::format("{}: cannot listen on {}: {} is not an IPv4 or IPv6 address", name, where, host));
  }
  Descriptor made(::socket(address->storage.ss_family, socket_flags, 0));
  if (!made) cannot_listen(name, where, errno);
  set(made.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address->storage.ss_family == AF_INET6) set(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, host == "::" ? 0 : 1);
  // What is accepted has what the listening socket has (Linux), without six system calls for each.
  send_at_once(made.get());
  notice_dead_peers(made.get());
  if (::bind(made.get(), address->get(), address->size) < 0) cannot_listen(name, where, errno);
  if (::listen(made.get(), backlog) < 0) cannot_listen(name, where, errno);
  return made;
}

namespace {

// Removes what a dead process has left. A socket is dead when nobody accepts on it.
void remove_stale(const std::string& name, const std::filesystem::path& path, const Address& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) < 0) return;
  if (!S_ISSOCK(found.st_mode)) {
    throw std::runtime_error(
        fmt::format("{}: cannot listen on {}: a file that is no socket is in the way. Move it, or choose another path",
                    name, path.string()));
  }
  const Descriptor probe(::socket(AF_UNIX, socket_flags, 0));
  const bool dead = probe && ::connect(probe.get(), address.get(), address.size) < 0 && errno == ECONNREFUSED;
  if (!dead) cannot_listen(name, path.string(), EADDRINUSE);
  ::unlink(path.c_str());
}

}  // namespace

Descriptor listen_on_unix(const std::string& name, const std::filesystem::path& path, std::uint32_t mode) {
  const auto address = unix_address(path);
  if (!address) {
    throw std::runtime_error(
        fmt::format("{}: cannot listen on {}: the path of a Unix socket has 1 to 107 bytes. Choose a shorter one", name,
                    path.string()));
  }
  remove_stale(name, path, *address);
  Descriptor made(::socket(AF_UNIX, socket_flags, 0));
  if (!made) cannot_listen(name, path.string(), errno);
  if (::bind(made.get(), address->get(), address->size) < 0) cannot_listen(name, path.string(), errno);
  // Before it listens nobody can connect, so the mode is in force from the first connection on.
  if (::chmod(path.c_str(), mode) < 0 || ::listen(made.get(), backlog) < 0) {
    const int error = errno;
    ::unlink(path.c_str());
    cannot_listen(name, path.string(), error);
  }
  return made;
}

std::uint16_t bound_port(int descriptor) {
  Address address;
  address.size = sizeof address.storage;
  if (::getsockname(descriptor, address.get(), &address.size) < 0) return 0;
  // The port stands at the same place for both families.
  const auto family = address.storage.ss_family;
  return family == AF_INET || family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in&>(address.storage).sin_port) : 0;
}

Result<Descriptor> begin_to_connect(const Address& address) {
  Descriptor made(::socket(address.storage.ss_family, socket_flags, 0));
  if (!made) return last_error();
  const bool begun = ::connect(made.get(), address.get(), address.size) == 0 || errno == EINPROGRESS;
  if (!begun) return last_error();
  return made;
}

Peer peer_of(int descriptor, const Address& address) {
  Peer peer;
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    peer.address = text_of(v4.sin_addr);
    peer.port = ntohs(v4.sin_port);
  } else if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    peer.address = text_of(v6.sin6_addr);
    peer.port = ntohs(v6.sin6_port);
  } else {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    peer.address = "unix";
    peer.transport = Transport::local;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) peer.uid = credentials.uid;
  }
  peer.loopback = peer.transport == Transport::local || is_loopback(peer.address);
  peer.near = peer.loopback;
  return peer;
}

void send_at_once(int descriptor) {
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);  // fails on a Unix socket, which has no delay
}

// After five minutes of silence four times, half a minute apart; the connection ends seven minutes after the peer's
// last sign. There is no asking while something that was sent is unconfirmed: without the last option that would be
// sent again and again for a quarter of an hour (net.ipv4.tcp_retries2). It bounds the asking too, so it has to be as
// long.
void notice_dead_peers(int descriptor) {
  constexpr int idle = 300, pause = 30, count = 4;  // seconds, seconds
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, idle);
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, pause);
  set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, count);
  set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, (idle + count * pause) * 1000);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace sealpost::net
