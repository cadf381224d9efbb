#include "net/listener.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <unordered_set>

#include "net/deadline.hpp"
#include "net/grumble.hpp"
#include "net/socket_channel.hpp"
#include "net/sockets.hpp"
#include "net/tls_wire.hpp"
#include "net/web.hpp"

namespace sealpost::net {
namespace {

constexpr int accepts_max = 64;                  // in a row, then others have their turn
constexpr std::chrono::milliseconds pause{200};  // when there are no descriptors or no memory

bool is_exhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

Descriptor listen_as(const ListenerOptions& options) {
  return options.unix_path.empty() ? listen_on_tcp(options.name, options.host, options.port)
                                   : listen_on_unix(options.name, options.unix_path, options.unix_mode);
}

bool comes_from(const std::vector<AddressRange>& ranges, const Peer& peer) {
  return std::ranges::any_of(ranges, [&](const AddressRange& range) { return range.contains(peer.address); });
}

}  // namespace

class Listener::State : public std::enable_shared_from_this<State> {
 public:
  State(Ports ports, ListenerOptions options, std::shared_ptr<Admission> admission, Receivers receivers);
  void start();
  void stop();
  std::uint16_t port() const { return port_; }
  std::size_t connections() const;

 private:
  static asio::awaitable<void> accept_peers(std::shared_ptr<State> self);
  static asio::awaitable<void> receive(std::shared_ptr<State> self, std::shared_ptr<Visit> visit);
  static asio::awaitable<std::shared_ptr<Channel>> open(std::shared_ptr<State> self, std::shared_ptr<Visit> visit);
  static asio::awaitable<bool> shake(std::shared_ptr<State> self, std::shared_ptr<Visit> visit);
  static asio::awaitable<bool> begin_tls(std::shared_ptr<State> self, std::shared_ptr<Visit> visit);
  static asio::awaitable<bool> hear_proxy(std::shared_ptr<State> self, std::shared_ptr<Visit> visit);
  bool accept_some();
  bool try_to_welcome(Descriptor accepted, const Address& from);
  void welcome(Descriptor accepted, const Address& from);
  std::shared_ptr<Wire> make_wire(Descriptor accepted, Peer peer, Ticket ticket);
  bool enter(const std::shared_ptr<Visit>& visit);
  void leave(const std::shared_ptr<Visit>& visit);
  void complain(std::string_view why);
  void turn_away(const Wire& wire, Level level, const std::string& why);

  const std::shared_ptr<Site> site_;
  const std::shared_ptr<const ChannelTerms> terms_;
  const std::shared_ptr<Admission> admission_;
  std::shared_ptr<Wire> listening_;
  std::uint16_t port_ = 0;
  bool complained_ = false;  // of exhaustion, since the last connection that was accepted
  Grumble grumble_;

  mutable std::mutex mutex_;  // a leaf
  bool started_ = false;
  std::unordered_set<std::shared_ptr<Visit>> visits_;
};

Listener::State::State(Ports ports, ListenerOptions options, std::shared_ptr<Admission> admission, Receivers receivers)
    : site_(std::make_shared<Site>(std::move(ports), std::move(options), std::move(receivers))),
      terms_(std::make_shared<ChannelTerms>(ChannelTerms{site_->ports, site_->options.channel})),
      admission_(std::move(admission)) {
  Descriptor descriptor = listen_as(site_->options);
  port_ = bound_port(descriptor.get());
  listening_ = std::make_shared<Wire>(site_->ports.executor, std::move(descriptor), nullptr, Peer{}, Ticket());
}

void Listener::State::start() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(started_, true)) return;
  }
  auto accepting = accept_peers(shared_from_this());
  auto strand = asio::make_strand(site_->ports.executor);
  asio::co_spawn(strand, std::move(accepting), [self = shared_from_this()](std::exception_ptr failure) {
    if (failure)
      self->site_->ports.log.write(Level::error, "net", self->site_->options.name + ": accepting has failed");
  });
}

void Listener::State::stop() {
  if (site_->stopping.exchange(true)) return;
  listening_->abort();
  if (!site_->options.unix_path.empty()) ::unlink(site_->options.unix_path.c_str());
  const std::lock_guard lock(mutex_);
  for (const auto& visit : visits_) {
    if (!visit->busy) visit->wire->abort();
  }
}

std::size_t Listener::State::connections() const {
  const std::lock_guard lock(mutex_);
  return visits_.size();
}

asio::awaitable<void> Listener::State::accept_peers(std::shared_ptr<State> self) {
  asio::steady_timer timer(self->site_->ports.executor);
  while (!self->site_->stopping) {
    co_await ready(*self->listening_, Ready::read);
    const bool exhausted = !self->accept_some();
    if (!exhausted) continue;
    ErrorCode error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    timer.expires_after(pause);
    co_await timer.async_wait(token);
  }
}

// False if there is no room for another now.
bool Listener::State::accept_some() {
  for (int i = 0; i < accepts_max; ++i) {
    Address from;
    from.size = sizeof from.storage;
    Descriptor accepted(listening_->accept(from.storage, from.size));
    const int error = errno;
    if (accepted) {
      if (!try_to_welcome(std::move(accepted), from)) return false;
      complained_ = false;
    } else if (is_exhaustion(error)) {
      complain(std::strerror(error));
      return false;
    } else if (error != ECONNABORTED && error != EINTR) {
      return true;
    }
  }
  return true;
}

// One peer that cannot be taken (the io_context has no room, or memory is short) must not end the accepting.
bool Listener::State::try_to_welcome(Descriptor accepted, const Address& from) {
  try {
    welcome(std::move(accepted), from);
    return true;
  } catch (const std::exception& thrown) {
    complain(thrown.what());
    return false;
  }
}

void Listener::State::complain(std::string_view why) {
  if (std::exchange(complained_, true)) return;
  site_->ports.log.write(Level::error, "net",
                         fmt::format("{}: cannot accept connections: {}. Those that wait are accepted when others end; "
                                     "to have more at once raise the limit (LimitNOFILE, ulimit -n)",
                                     site_->options.name, why));
}

void Listener::State::welcome(Descriptor accepted, const Address& from) {
  Peer peer = peer_of(accepted.get(), from);
  peer.listener = site_->options.name;
  if (site_->options.tls) peer.transport = Transport::tls;
  const bool proxied = comes_from(site_->options.proxies, peer);
  Ticket ticket;
  const Refusal refusal = proxied ? admission_->admit_untold(peer.address, ticket)
                                  : admission_->admit(peer.transport == Transport::local ? "" : peer.address, ticket);
  if (refusal != Refusal::none) return site_->ports.counters.connections_refused_total.add();
  auto visit = std::make_shared<Visit>();
  visit->proxied = proxied;
  visit->wire = make_wire(std::move(accepted), std::move(peer), std::move(ticket));
  if (!visit->wire) return;
  site_->ports.counters.connections_total.add();
  const bool at_once = site_->options.service == Service::mqtt && !site_->options.tls && !proxied;
  if (at_once && !site_->stopping) return site_->receivers.on_channel(make_socket_channel(visit->wire, terms_));
  if (!enter(visit)) return;
  auto receiving = receive(shared_from_this(), visit);
  auto strand = asio::make_strand(site_->ports.executor);
  asio::co_spawn(strand, std::move(receiving), [self = shared_from_this(), visit](std::exception_ptr failure) {
    self->leave(visit);
    if (failure) self->site_->ports.log.write(Level::error, "net", self->site_->options.name + ": a connection failed");
  });
}

std::shared_ptr<Wire> Listener::State::make_wire(Descriptor accepted, Peer peer, Ticket ticket) {
  Tls tls;
  if (site_->options.tls) {
    const auto context = site_->options.tls->current();
    tls = tls_server(context.get(), accepted.get());
    if (!tls) return nullptr;
  }
  auto wire = std::make_shared<Wire>(site_->ports.executor, std::move(accepted), std::move(tls), std::move(peer),
                                     std::move(ticket));
  wire->count_in(site_->ports.counters.connections_open);
  return wire;
}

bool Listener::State::enter(const std::shared_ptr<Visit>& visit) {
  const std::lock_guard lock(mutex_);
  if (site_->stopping) return false;
  visits_.insert(visit);
  return true;
}

void Listener::State::leave(const std::shared_ptr<Visit>& visit) {
  const std::lock_guard lock(mutex_);
  visits_.erase(visit);
}

// Everybody who sends rubbish would have a line in the log otherwise.
void Listener::State::turn_away(const Wire& wire, Level level, const std::string& why) {
  const auto line = grumble_.about(fmt::format("{}: {}: {}", site_->options.name, wire.peer().address, why),
                                   std::chrono::steady_clock::now());
  if (line) site_->ports.log.write(level, "net", *line);
}

// False if the proxy has not said for whom it speaks, or that client may not have one more connection.
asio::awaitable<bool> Listener::State::hear_proxy(std::shared_ptr<State> self, std::shared_ptr<Visit> visit) {
  Counters& counters = self->site_->ports.counters;
  const Result<ProxyHeader> header = co_await read_proxy_header(*visit->wire);
  const bool only_looked = !header && header.error() == Errc::end_of_stream;  // whether somebody listens
  if (only_looked || self->site_->stopping) co_return false;
  if (!header) {
    counters.proxy_headers_refused_total.add();
    self->turn_away(*visit->wire, Level::warn, "turned away a connection from this proxy: " + header.error().message());
    co_return false;
  }
  const bool admitted = visit->wire->introduce(*header) == Refusal::none;
  if (!admitted) counters.connections_refused_total.add();
  co_return admitted;
}

// A peer that is refused is told so by an alert, which a reset would overtake: so its connection ends in good order.
asio::awaitable<bool> Listener::State::begin_tls(std::shared_ptr<State> self, std::shared_ptr<Visit> visit) {
  const Ports& ports = self->site_->ports;
  const ErrorCode error = co_await shake_hands(*visit->wire);
  if (!error) co_return true;
  if (error != Errc::tls_failed) co_return false;  // it has gone, as one that only looks whether somebody listens
  ports.counters.tls_refused_total.add();
  self->turn_away(*visit->wire, Level::info, "the TLS handshake failed: " + visit->wire->handshake_failure());
  co_await linger(visit->wire, ports, self->site_->options.channel.linger);
  co_return false;
}

asio::awaitable<bool> Listener::State::shake(std::shared_ptr<State> self, std::shared_ptr<Visit> visit) {
  const Site& site = *self->site_;
  if (!visit->proxied && !site.options.tls) co_return true;
  const Deadline deadline(site.ports.timers, site.options.handshake, [visit] { visit->wire->abort(); });
  bool goes_on = true;
  if (visit->proxied) goes_on = co_await hear_proxy(self, visit);
  if (goes_on && site.options.tls) goes_on = co_await begin_tls(self, visit);
  co_return goes_on;
}

asio::awaitable<std::shared_ptr<Channel>> Listener::State::open(std::shared_ptr<State> self,
                                                                std::shared_ptr<Visit> visit) {
  const bool shaken = co_await shake(self, visit);
  if (!shaken) co_return nullptr;
  if (self->site_->options.service == Service::mqtt) {
    co_return make_socket_channel(visit->wire, self->terms_);
  }
  std::shared_ptr<Channel> channel = co_await serve_web(self->site_, visit);
  co_return channel;
}

asio::awaitable<void> Listener::State::receive(std::shared_ptr<State> self, std::shared_ptr<Visit> visit) {
  std::shared_ptr<Channel> channel = co_await open(self, visit);
  self->leave(visit);
  if (channel && !self->site_->stopping) {
    self->site_->receivers.on_channel(std::move(channel));
  } else {
    visit->wire->abort();
  }
}

Listener::Listener(Ports ports, ListenerOptions options, std::shared_ptr<Admission> admission, Receivers receivers)
    : state_(
          std::make_shared<State>(std::move(ports), std::move(options), std::move(admission), std::move(receivers))) {}

Listener::~Listener() {
  state_->stop();
}

void Listener::start() {
  state_->start();
}

void Listener::stop() {
  state_->stop();
}

std::uint16_t Listener::port() const {
  return state_->port();
}

std::size_t Listener::connections() const {
  return state_->connections();
}

}  // namespace sealpost::net
