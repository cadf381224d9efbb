// How many connections a second a server takes: dial, the handshake of TLS, CONNECT, CONNACK, DISCONNECT, and the
// server's closing, over and over, some at once. TLS sessions are not resumed.

#include <unistd.h>

#include <memory>
#include <vector>

#include "bench/broker/connection.hpp"
#include "bench/broker/measure.hpp"
#include "bench/broker/modes.hpp"

namespace sealpost::bench {

namespace {

struct Run {
  explicit Run(const Options& asked) : options(asked), endpoint(endpoint_of(asked.host, asked.port, asked.tls)) {}
  const Options& options;
  const Endpoint endpoint;
  Reactor reactor;
  bool dialling = true;
  bool measuring = false;
  std::uint64_t dialled = 0;
  std::uint64_t completed = 0;
  Histogram latency;  // from dialling to CONNACK
};

class Visitor final : public Connection {
 public:
  Visitor(Run& run, std::size_t index) : Connection(run.reactor), run_(run), index_(index) {}

  void visit() {
    dialled_ns_ = now_ns();
    ++run_.dialled;
    greeted_ = false;
    dial(run_.endpoint);
  }

 private:
  void on_open() override {
    const std::string id = fmt::format("visit-{}-{}-{}", ::getpid(), index_, visits_++);
    outgoing() += connect_packet(run_.options.protocol, id);
  }

  void on_packet(const Packet& packet) override {
    if (packet.kind != Kind::connack || reason_of(packet) != 0) give_up("a connection was refused");
    if (run_.measuring) run_.latency.add(received_ns() - dialled_ns_);
    greeted_ = true;
    outgoing() += disconnect_packet;
  }

  void on_end() override {
    if (!greeted_) give_up("the server closed a connection before its CONNACK");
    close();
    ++run_.completed;
    if (run_.dialling) visit();
  }

  Run& run_;
  const std::size_t index_;
  std::uint64_t visits_ = 0;
  std::int64_t dialled_ns_ = 0;
  bool greeted_ = false;
};

}  // namespace

bool run_connects(const Options& options) {
  Run run(options);
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (std::size_t i = 0; i < options.at_once; ++i) {
    visitors.push_back(std::make_unique<Visitor>(run, i));
    visitors.back()->visit();
  }
  const auto server_cpu_us = [&] { return options.pid > 0 ? cpu_us_of(options.pid) : 0; };
  run.reactor.run_until(now_ns() + ns_of(options.warm_up_seconds), [] { return false; });
  const std::int64_t start_ns = now_ns();
  const std::uint64_t before = run.completed;
  const double server_before = server_cpu_us(), own_before = own_cpu_us();
  run.measuring = true;
  run.reactor.run_until(start_ns + ns_of(options.seconds), [] { return false; });
  const double seconds = static_cast<double>(now_ns() - start_ns) / 1e9;
  const double count = static_cast<double>(run.completed - before);
  const double server_us = server_cpu_us() - server_before, own_us = own_cpu_us() - own_before;
  run.measuring = run.dialling = false;
  const bool ended = run.reactor.run_until(now_ns() + ns_of(10), [&] { return run.completed == run.dialled; });
  if (!ended) fmt::print(stderr, "broker_load: the server did not close all connections after DISCONNECT\n");

  JsonLine line;
  line.text("mode", "connects").truth("tls", options.tls).count("at_once", options.at_once);
  line.number("seconds", seconds).number("per_second", count / seconds);
  line.number("p50_us", run.latency.quantile_us(0.5)).number("p99_us", run.latency.quantile_us(0.99));
  line.number("p999_us", run.latency.quantile_us(0.999));
  line.number("server_cpu_us", server_us / count).number("server_cores", server_us / 1e6 / seconds);
  line.number("load_cpu_us", own_us / count).number("load_cores", own_us / 1e6 / seconds);
  line.count("connections", run.completed).truth("ok", ended && count > 0).print();
  return ended && count > 0;
}

}  // namespace sealpost::bench
