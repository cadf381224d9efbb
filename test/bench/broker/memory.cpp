// What a server's memory grows by: for connections that do nothing after a ping, and for subscriptions.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/broker/connection.hpp"
#include "bench/broker/measure.hpp"
#include "bench/broker/modes.hpp"

namespace sealpost::bench {

namespace {

constexpr std::size_t filters_in_packet = 100;

struct Run {
  explicit Run(const Options& asked) : options(asked) {}
  const Options& options;
  Reactor reactor;
  std::size_t ready = 0;      // connections that had their ping answered
  std::size_t granted = 0;    // SUBACKs
  std::size_t delivered = 0;  // of the messages that try the subscriptions
};

std::string filter_of(std::size_t connection, std::size_t number) {
  return fmt::format("site/{:03}/device/{:06}/state", connection, number);
}

class Resident final : public Connection {
 public:
  Resident(Run& run, std::size_t index) : Connection(run.reactor), run_(run), index_(index) {}

  void subscribe() {
    for (std::size_t first = 0; first < run_.options.filters; first += filters_in_packet) {
      std::vector<std::string> filters;
      for (std::size_t i = 0; i < filters_in_packet; ++i) filters.push_back(filter_of(index_, first + i));
      const auto id = static_cast<std::uint16_t>(first / filters_in_packet + 1);
      outgoing() += subscribe_packet(run_.options.protocol, id, filters, 0);
    }
  }

  // To its own last filter.
  void publish() {
    const std::string topic = filter_of(index_, run_.options.filters - 1);
    outgoing() += publish_form(run_.options.protocol, topic, 0, 32).packet;
  }

 private:
  void on_open() override {
    const std::string id = fmt::format("resident-{}-{}", ::getpid(), index_);
    outgoing() += connect_packet(run_.options.protocol, id);
  }

  void on_packet(const Packet& packet) override {
    if (packet.kind == Kind::connack && reason_of(packet) == 0) {
      outgoing() += pingreq_packet;
    } else if (packet.kind == Kind::pingresp) {
      ++run_.ready;
    } else if (packet.kind == Kind::suback && granted(packet, run_.options.protocol, filters_in_packet, 0)) {
      ++run_.granted;
    } else if (packet.kind == Kind::publish) {
      ++run_.delivered;
    } else {
      give_up("refused: packet {} with reason {}", static_cast<int>(packet.kind), reason_of(packet));
    }
  }

  Run& run_;
  const std::size_t index_;
};

using Residents = std::vector<std::unique_ptr<Resident>>;

Residents settle_in(Run& run) {
  Residents residents;
  std::vector<Connection*> all;
  for (std::size_t i = 0; i < run.options.connections; ++i) {
    residents.push_back(std::make_unique<Resident>(run, i));
    all.push_back(residents.back().get());
  }
  const Endpoint endpoint = endpoint_of(run.options.host, run.options.port, run.options.tls);
  dial_all(run.reactor, endpoint, all, 50, [&run] { return run.ready; });
  return residents;
}

// Once it has been the same for half a second, or after ten.
Memory settled_memory(Run& run) {
  const std::int64_t deadline_ns = now_ns() + ns_of(10);
  Memory last = memory_of(run.options.pid);
  std::int64_t since_ns = now_ns();
  while (now_ns() < deadline_ns && now_ns() - since_ns < ns_of(0.5)) {
    run.reactor.run_until(now_ns() + ns_of(0.05), [] { return false; });
    const Memory now = memory_of(run.options.pid);
    if (now.resident_bytes != last.resident_bytes) since_ns = now_ns();
    last = now;
  }
  return last;
}

void report(const Options& options, double count, const Memory& before, const Memory& after) {
  JsonLine line;
  line.text("mode", options.mode).truth("tls", options.tls).number("count", count);
  line.number("resident_bytes_each", (after.resident_bytes - before.resident_bytes) / count);
  line.number("proportional_bytes_each", (after.proportional_bytes - before.proportional_bytes) / count);
  line.number("resident_kib_before", before.resident_bytes / 1024);
  line.number("resident_kib_after", after.resident_bytes / 1024);
  line.truth("ok", true).print();
}

}  // namespace

bool run_idle(const Options& options) {
  if (options.pid == 0) give_up("idle needs --pid");
  Run run(options);
  const Memory before = memory_of(options.pid);
  const Residents residents = settle_in(run);
  report(options, static_cast<double>(residents.size()), before, settled_memory(run));
  return true;
}

bool run_subscriptions(const Options& options) {
  if (options.pid == 0) give_up("subscriptions needs --pid");
  Run run(options);
  const Residents residents = settle_in(run);
  const Memory before = settled_memory(run);
  const std::int64_t deadline_ns = now_ns() + ns_of(60);
  for (std::size_t i = 0; i < residents.size(); ++i) {
    const std::size_t wanted = (i + 1) * options.filters / filters_in_packet;
    residents[i]->subscribe();
    if (!run.reactor.run_until(deadline_ns, [&] { return run.granted == wanted; })) {
      give_up("{} packets of {} filters were granted in 60 s", run.granted, filters_in_packet);
    }
  }
  const Memory after = settled_memory(run);
  for (const auto& resident : residents) resident->publish();
  if (!run.reactor.run_until(now_ns() + ns_of(10), [&] { return run.delivered == residents.size(); })) {
    give_up("{} of {} subscriptions that were tried work", run.delivered, residents.size());
  }
  report(options, static_cast<double>(residents.size() * options.filters), before, after);
  return true;
}

}  // namespace sealpost::bench
