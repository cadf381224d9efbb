#include "cli/bench/world.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstring>

namespace sealpost::cli::bench {
namespace {

std::vector<net::Address> resolve(const client::Address& address) {
  if (address.scheme == net::Scheme::local) {
    if (const auto path = net::unix_address(address.host)) return {*path};
  }
  std::vector<net::Address> found;
  boost::asio::io_context context;
  boost::asio::ip::tcp::resolver resolver(context);
  ErrorCode error;
  for (const auto& entry : resolver.resolve(address.host, std::to_string(address.port), error)) {
    net::Address& one = found.emplace_back();
    one.size = static_cast<socklen_t>(entry.endpoint().size());
    std::memcpy(&one.storage, entry.endpoint().data(), one.size);
  }
  return found;
}

client::Address speakable(const client::Address& address) {
  if (address.scheme == net::Scheme::ws || address.scheme == net::Scheme::wss) {
    throw Stop(Exit::usage, "bench speaks mqtt://, mqtts:// and unix: only. Name such a --server.");
  }
  return address;
}

}  // namespace

World::World(const Globals& globals, const Options& asked)
    : options(asked),
      address(speakable(globals.address())),
      trust(globals.trust()),
      server_expected(globals.server_expected()),
      addresses(resolve(address)) {
  if (addresses.empty()) {
    throw Stop(Exit::unreachable, fmt::format("{}: no address found. Check the name.", address.endpoint()));
  }
}

}  // namespace sealpost::cli::bench
