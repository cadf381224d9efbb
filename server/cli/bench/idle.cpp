#include "cli/bench/idle.hpp"

#include "cli/bench/poll.hpp"
#include "cli/bench/process.hpp"

namespace sealpost::cli::bench {
namespace {

constexpr std::size_t acquaintances = 8;
constexpr std::int64_t settle_us = 5'000'000;  // what the last handshakes left behind is cleared away

std::int64_t resident(const World& world) {
  return world.options.pid > 0 ? resident_bytes_of(world.options.pid) : 0;
}

void poll_for(World& world, Poll& poll, std::int64_t time_us) {
  const std::int64_t end_us = world.clock.steady_us() + time_us;
  while (world.clock.steady_us() < end_us) poll.once(100'000);
}

}  // namespace

Idle hold_idle(World& world) {
  Idle idle;
  idle.connections = world.options.idle;
  Poll poll;
  // The first few bring the server to where it has done everything once.
  const auto first = connect_all(world, poll, acquaintances);
  poll_for(world, poll, settle_us / 5);
  idle.resident_before = resident(world);
  const std::int64_t start_us = world.clock.steady_us();
  const auto callers = connect_all(world, poll, idle.connections);
  idle.connect_seconds = static_cast<double>(world.clock.steady_us() - start_us) / 1e6;
  poll_for(world, poll, settle_us);
  idle.resident_after = resident(world);
  return idle;
}

}  // namespace sealpost::cli::bench
