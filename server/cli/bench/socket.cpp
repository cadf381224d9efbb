#include "cli/bench/socket.hpp"

#include <fmt/format.h>

#include "cli/explain.hpp"
#include "net/tls_wire.hpp"

namespace sealpost::cli::bench {
namespace {

[[noreturn]] void give_up(const World& world, const ErrorCode& error) {
  const Explained explained = explain(error, world.address.endpoint());
  throw Stop(explained.exit, explained.text);
}

}  // namespace

Socket::Socket(World& world) {
  const net::Address& address = world.addresses.front();
  Result<Descriptor> begun = net::begin_to_connect(address);
  if (!begun) give_up(world, begun.error());
  net::Tls tls;
  if (world.address.encrypted()) {
    Result<net::Tls> made = net::tls_client(world.trust, world.address.host, begun->get());
    if (!made) give_up(world, made.error());
    tls = std::move(*made);
  }
  if (world.address.scheme != net::Scheme::local) net::send_at_once(begun->get());
  net::Peer peer = net::peer_of(begun->get(), address);
  descriptor_ = begun->get();
  wire_ = std::make_shared<net::Wire>(world.context.get_executor(), std::move(*begun), std::move(tls), std::move(peer),
                                      net::Ticket());
}

bool Socket::opened(World& world) {
  if (!connected_) {
    if (const ErrorCode error = wire_->connected()) give_up(world, error);
    connected_ = true;
  }
  if (world.address.encrypted()) {
    const net::Attempt attempt = wire_->handshake();
    wants_write_ = attempt.wait == net::Ready::write;
    if (attempt.wait) return false;
    if (const ErrorCode error = net::judge(world.trust, *wire_, attempt.error)) give_up(world, error);
  }
  wants_write_ = false;
  return true;
}

Result<std::size_t> Socket::read(std::span<std::uint8_t> room) {
  const net::Attempt attempt = wire_->read(room);
  if (attempt.error) return attempt.error;
  return attempt.bytes;
}

Result<void> Socket::write(std::span<const BytesView> pieces) {
  const bool holding = !held_.empty();
  if (holding) {
    for (const BytesView piece : pieces) held_.append(as_text(piece));
  }
  const BytesView held = as_bytes(held_);
  if (!holding && pieces.empty()) return {};
  const net::Attempt attempt = wire_->write(holding ? std::span(&held, 1) : pieces);
  if (attempt.error) return attempt.error;
  std::size_t sent = attempt.bytes;
  if (holding) {
    held_.erase(0, sent);
  } else {
    for (const BytesView piece : pieces) {
      const std::size_t of_this = std::min(sent, piece.size());
      held_.append(as_text(piece.subspan(of_this)));
      sent -= of_this;
    }
  }
  wants_write_ = !held_.empty();
  return {};
}

}  // namespace sealpost::cli::bench
