#include "net/connect.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "net/sockets.hpp"
#include "net/tls_wire.hpp"

namespace sealpost::net {

void Attempts::watch(std::shared_ptr<Wire> wire) {
  const std::lock_guard lock(mutex_);
  wire_ = std::move(wire);
  if (expired_ && wire_) wire_->abort();
}

void Attempts::expire() {
  const std::lock_guard lock(mutex_);
  expired_ = true;
  if (wire_) wire_->abort();
}

bool Attempts::expired() const {
  const std::lock_guard lock(mutex_);
  return expired_;
}

namespace {

asio::awaitable<Result<std::vector<Address>>> resolve(Ports ports, std::string host, std::uint16_t port) {
  std::vector<Address> addresses;
  if (const auto numeric = tcp_address(host, port)) {
    addresses.push_back(*numeric);
    co_return addresses;
  }
  asio::ip::tcp::resolver resolver(ports.executor);
  const std::string service = std::to_string(port);
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const auto found = co_await resolver.async_resolve(host, service, asio::ip::resolver_base::numeric_service, token);
  if (error) co_return Errc::host_not_found;
  for (const auto& entry : found) {
    Address& address = addresses.emplace_back();
    address.size = static_cast<socklen_t>(entry.endpoint().size());
    std::memcpy(&address.storage, entry.endpoint().data(), address.size);
  }
  co_return addresses;
}

Result<std::shared_ptr<Wire>> begin(const Ports& ports, const Destination& destination, const Address& address) {
  Result<Descriptor> begun = begin_to_connect(address);
  if (!begun) return begun.error();
  Tls tls;
  if (destination.tls) {
    Result<Tls> made = tls_client(destination.trust, destination.host, begun->get());
    if (!made) return made.error();
    tls = std::move(*made);
  }
  send_at_once(begun->get());
  Peer peer = peer_of(begun->get(), address);
  if (destination.tls) peer.transport = Transport::tls;
  return std::make_shared<Wire>(ports.executor, std::move(*begun), std::move(tls), std::move(peer), Ticket());
}

asio::awaitable<Result<std::shared_ptr<Wire>>> connect_to(Ports ports, Destination destination, Address address,
                                                          std::shared_ptr<Attempts> attempts) {
  Result<std::shared_ptr<Wire>> begun = begin(ports, destination, address);
  if (!begun) co_return begun;
  const std::shared_ptr<Wire> wire = *begun;
  attempts->watch(wire);
  ErrorCode error = co_await ready(*wire, Ready::write);
  if (!error) error = wire->connected();
  if (!error && destination.tls) {
    const ErrorCode handshake = co_await shake_hands(*wire);
    error = judge(destination.trust, *wire, handshake);
  }
  if (attempts->expired()) co_return Errc::timeout;
  if (error) co_return error;
  co_return wire;
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<Wire>>> connect(Ports ports, Destination destination,
                                                       std::shared_ptr<Attempts> attempts) {
  std::vector<Address> addresses;
  if (!destination.unix_path.empty()) {
    const auto address = unix_address(destination.unix_path);
    if (!address) co_return Errc::bad_address;
    addresses.push_back(*address);
  } else {
    Result<std::vector<Address>> resolved = co_await resolve(ports, destination.host, destination.port);
    if (!resolved) co_return resolved.error();
    addresses = std::move(*resolved);
  }
  ErrorCode last = Errc::host_not_found;
  for (const Address& address : addresses) {
    if (attempts->expired()) co_return Errc::timeout;
    Result<std::shared_ptr<Wire>> wire = co_await connect_to(ports, destination, address, attempts);
    if (wire) co_return wire;
    last = wire.error();
  }
  co_return last;
}

std::string authority_of(const std::string& host, std::uint16_t port, std::uint16_t usual) {
  const std::string name = host.find(':') == host.npos ? host : "[" + host + "]";
  return port == usual ? name : fmt::format("{}:{}", name, port);
}

}  // namespace sealpost::net
