#pragma once
// What all simulated clients share: where the server is, who it is, and where the measurements go.

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <vector>

#include "app/ports.hpp"
#include "cli/bench/options.hpp"
#include "cli/globals.hpp"
#include "net/sockets.hpp"
#include "object/identity.hpp"

namespace sealpost::cli::bench {

// A reply's signature, to be checked after the clock has stopped.
struct Unchecked {
  Link link;
  PublicKey key;
  object::Signature signature;
};

// Of one round. Times in microseconds, from when a message was due to be sent.
struct Tally {
  std::vector<std::uint32_t> ack_us;
  std::vector<std::uint32_t> reply_us;
  std::vector<Unchecked> unchecked;
  std::int64_t last_us = 0;  // when the last of them came, by the steady clock
};

struct World {
  // Finds the server's addresses. Throws Stop.
  World(const Globals&, const Options&);

  const Options options;
  const client::Address address;
  const net::Trust trust;
  const std::optional<Permalink> server_expected;
  std::vector<net::Address> addresses;
  app::SystemClock clock;
  app::SystemRandom random;
  boost::asio::io_context context;       // never run: the sockets are polled by Poll
  std::vector<object::Identity> server;  // its versions; empty until the first handshake has verified them
  Tally tally;
};

}  // namespace sealpost::cli::bench
