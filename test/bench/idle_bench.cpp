// What an idle connection costs the server's side of lib/net: resident memory per connection, measured in a process of
// its own while another holds the connections open.
//
//   idle_bench [connections] [tcp|tls|ws|wss]        default: 10000 tcp
//
// Reports bytes of resident memory per connection after every connection has sent one small packet and got one back,
// so that each has been busy once. Needs 2 * connections descriptors in all: raise `ulimit -n` for more.

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <fstream>
#include <thread>
#include <vector>

#include "net/certificate.hpp"
#include "net/dial.hpp"
#include "net/listener.hpp"
#include "net/wheel.hpp"

using namespace sealpost;
using namespace sealpost::net;

namespace {

class Quiet : public LogSink {
 public:
  bool wants(Level level) const override { return level >= Level::warn; }
  void write(Level level, std::string_view, std::string_view line) override {
    if (wants(level)) fmt::print(stderr, "{}\n", line);
  }
};

struct World {
  BufferPool buffers;
  Quiet log;
  Counters counters;
  asio::io_context context;
  Wheel wheel{context.get_executor()};
  Ports ports() { return {context.get_executor(), buffers, wheel, log, counters}; }
};

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages_total = 0, pages_resident = 0;
  statm >> pages_total >> pages_resident;
  return pages_resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void raise_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

asio::awaitable<void> serve_one(std::shared_ptr<Channel> channel, std::atomic<int>* answered) {
  for (;;) {
    Result<Lease> received = co_await channel->receive();
    if (!received) co_return;
    *received = Lease();
    channel->send(std::string("pong"));
    ++*answered;
  }
}

// Makes `count` connections, one after the other, and keeps them.
asio::awaitable<void> dial_some(World* world, DialOptions options, int count,
                                std::vector<std::shared_ptr<Channel>>* kept) {
  for (int i = 0; i < count; ++i) {
    Result<std::shared_ptr<Channel>> channel = co_await dial(world->ports(), options);
    if (!channel) {
      fmt::print(stderr, "cannot dial: {}\n", channel.error().message());
      std::exit(1);
    }
    (*channel)->send(std::string("ping"));
    Result<Lease> received = co_await (*channel)->receive();
    if (!received) std::exit(1);
    kept->push_back(*channel);
  }
}

// The other process: dials, and holds what it has until its input ends.
[[noreturn]] void hold_connections(int connections, DialOptions options, int from_server) {
  std::uint16_t port = 0;
  if (::read(from_server, &port, sizeof port) != sizeof port) ::_exit(1);
  options.port = port;
  World world;
  std::vector<std::shared_ptr<Channel>> kept[8];
  for (auto& some : kept) {
    auto work = dial_some(&world, options, connections / 8, &some);
    asio::co_spawn(world.context, std::move(work), [](std::exception_ptr) {});
  }
  std::thread runner([&world] { world.context.run(); });
  char end = 0;
  while (::read(from_server, &end, 1) > 0) {
  }
  ::_exit(0);
}

struct Measured {
  std::size_t before = 0;
  std::size_t after = 0;
};

Measured measure(Scheme scheme, const Certificate& certificate, int connections, int to_client) {
  World world;
  ListenerOptions options;
  options.name = "bench";
  const std::string prefix = fmt::format("/tmp/sealpost-idle-bench-{}", ::getpid());
  if (scheme == Scheme::mqtts || scheme == Scheme::wss) {
    const TlsOptions files{prefix + ".crt", prefix + ".key"};
    std::ofstream(files.certificate) << certificate.certificate;
    std::ofstream(files.key) << certificate.key;
    std::filesystem::permissions(files.key, std::filesystem::perms::owner_read);
    options.tls = std::make_shared<TlsContext>(files, world.log);
    std::filesystem::remove(files.certificate);
    std::filesystem::remove(files.key);
  }
  if (scheme == Scheme::ws || scheme == Scheme::wss) options.service = Service::web;
  std::atomic<int> answered{0};
  const OnChannel on_channel = [&](std::shared_ptr<Channel> channel) {
    channel->proven();
    auto strand = asio::make_strand(world.context);
    auto work = serve_one(std::move(channel), &answered);
    asio::co_spawn(strand, std::move(work), [](std::exception_ptr) {});
  };
  const auto admission = std::make_shared<Admission>(AdmissionLimits{1'000'000, 1'000'000, 1'000'000});
  Listener listener(world.ports(), options, admission, {on_channel, nullptr});
  listener.start();
  Measured measured{resident_bytes(), 0};
  const std::uint16_t port = listener.port();
  if (::write(to_client, &port, sizeof port) != sizeof port) std::exit(1);
  std::thread runners[2] = {std::thread([&] { world.context.run(); }), std::thread([&] { world.context.run(); })};
  // The other process sets the pace: there is nothing here to be woken by.
  while (answered < connections / 8 * 8) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  // The last to be answered become idle: memory is read when nothing happens any more.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  ::malloc_trim(0);
  measured.after = resident_bytes();
  world.context.stop();
  for (std::thread& runner : runners) runner.join();
  world.wheel.stop();
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  const int connections = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const std::string_view kind = argc > 2 ? argv[2] : "tcp";
  DialOptions options;
  options.scheme = kind == "tls"   ? Scheme::mqtts
                   : kind == "ws"  ? Scheme::ws
                   : kind == "wss" ? Scheme::wss
                                   : Scheme::mqtt;
  options.host = "127.0.0.1";
  const Certificate certificate = make_self_signed({"127.0.0.1"});
  options.trust.pin = fingerprint(certificate.certificate);
  options.timeout = std::chrono::seconds(60);
  raise_descriptors();

  int to_client[2];
  if (::pipe(to_client) != 0) return 1;
  const pid_t client = ::fork();
  if (client == 0) {
    ::close(to_client[1]);
    hold_connections(connections, options, to_client[0]);
  }
  ::close(to_client[0]);
  const Measured measured = measure(options.scheme, certificate, connections, to_client[1]);
  ::close(to_client[1]);
  ::waitpid(client, nullptr, 0);
  const auto held = static_cast<std::size_t>(connections / 8 * 8);
  fmt::print("{}: {} connections, resident before {} KiB, with them {} KiB: {} bytes each\n", kind, held,
             measured.before / 1024, measured.after / 1024, (measured.after - measured.before) / held);
  return 0;
}
