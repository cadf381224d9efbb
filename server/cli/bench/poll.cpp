#include "cli/bench/poll.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace sealpost::cli::bench {
namespace {

constexpr std::size_t handshakes_max = 32;
constexpr std::int64_t silence_us_max = 15'000'000;

void watch(int epoll, int operation, Caller& caller) {
  epoll_event event{};
  event.events = caller.waits_to_write() ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &caller;
  if (::epoll_ctl(epoll, operation, caller.descriptor(), &event) < 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
}

}  // namespace

Poll::Poll() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void Poll::add(Caller& caller) {
  watch(epoll_.get(), EPOLL_CTL_ADD, caller);
}

void Poll::look_again(Caller& caller) {
  if (caller.waits_to_write()) watch(epoll_.get(), EPOLL_CTL_MOD, caller);
}

bool Poll::once(std::int64_t wait_us) {
  std::array<epoll_event, 128> events;
  const timespec wait{wait_us / 1'000'000, wait_us % 1'000'000 * 1000};
  const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &wait, nullptr);
  for (int i = 0; i < count; ++i) {
    Caller& caller = *static_cast<Caller*>(events[static_cast<std::size_t>(i)].data.ptr);
    const bool waited = (events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0;
    caller.on_ready();
    if (waited || caller.waits_to_write()) watch(epoll_.get(), EPOLL_CTL_MOD, caller);
  }
  return count > 0;
}

std::vector<std::unique_ptr<Caller>> connect_all(World& world, Poll& poll, std::size_t count) {
  std::vector<std::unique_ptr<Caller>> callers;
  std::vector<Caller*> pending;
  std::int64_t heard_us = world.clock.steady_us();
  while (callers.size() < count || !pending.empty()) {
    while (callers.size() < count && pending.size() < handshakes_max) {
      callers.push_back(std::make_unique<Caller>(world, callers.size()));
      poll.add(*callers.back());
      pending.push_back(callers.back().get());
      if (world.server.empty()) break;  // the first one makes the server's acquaintance for all
    }
    const std::int64_t now = world.clock.steady_us();
    if (poll.once(100'000)) heard_us = now;
    if (now - heard_us > silence_us_max) {
      throw Stop(Exit::unreachable, fmt::format("{}: silent, with {} clients online", world.address.endpoint(),
                                                callers.size() - pending.size()));
    }
    std::erase_if(pending, [&](Caller* caller) {
      if (caller->online() && world.options.idle > 0) caller->forget_keys();
      return caller->online();
    });
    // Until the first is online no other begins.
    while (world.server.empty() && !pending.empty() && poll.once(1'000'000)) {
    }
  }
  return callers;
}

}  // namespace sealpost::cli::bench
