// sealpost bench: what a running server bears, measured from outside (docs/performance.md).

#include <fmt/format.h>

#include "cli/bench/process.hpp"
#include "cli/bench/report.hpp"

namespace sealpost::cli {
namespace {

constexpr double verify_seconds = 0.5;
constexpr double append_seconds = 1;
constexpr std::uint64_t descriptors_beside = 64;

using bench::Options;

Exit idle(bench::World& world, const Globals& globals) {
  bench::print_idle(world.address.endpoint(), globals.json, bench::hold_idle(world));
  return Exit::ok;
}

Exit load(bench::World& world, const Globals& globals) {
  const Options& options = world.options;
  bench::Load load(world);
  std::vector<bench::Round> rounds;
  std::size_t lost = 0;
  while (rounds.size() < options.rounds) {
    bench::Round& round = rounds.emplace_back();
    if (options.ceiling) {
      round.verify = bench::verify_only(world.random, world.clock, verify_seconds);
      round.append = bench::append_only(options, world.random, world.clock, append_seconds);
    }
    round.loaded = load.round();
    lost += round.loaded.lost(options.replies);
    bench::print_round(options, rounds.size(), round);
  }
  bench::print_report(options, world.address.endpoint(), globals.json, rounds);
  if (lost == 0) return Exit::ok;
  throw Stop(Exit::failed, fmt::format("{} messages were not answered. No figure counts.", lost));
}

Exit run_bench(const Globals& globals, Options options) {
  if (options.in_flight == 0) options.in_flight = options.rate > 0 ? 16 : 1;
  bench::World world(globals, options);
  bench::allow_descriptors(std::max(options.clients, options.idle) + descriptors_beside);
  return options.idle > 0 ? idle(world, globals) : load(world, globals);
}

void add_options(CLI::App& bench, Options& options) {
  bench.add_option("--clients", options.clients, "Clients, each with an identity of its own")
      ->capture_default_str()
      ->check(CLI::Range(1, 60'000));
  bench.add_option("--messages", options.messages, "Messages of each client in a round")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000'000));
  bench.add_option("--seconds", options.seconds, "Length of a round; without --rate it ends early if all are sent")
      ->check(CLI::Range(0.1, 86'400.0));
  bench
      .add_option("--in-flight", options.in_flight,
                  "Closed loop: unanswered messages of a client (default 1). With --rate: unacknowledged ones (16)")
      ->check(CLI::Range(1, 1'000));
  bench
      .add_option("--rate", options.rate,
                  "Open loop: messages a second of all clients together, due whether the server keeps up or not")
      ->check(CLI::Range(0.1, 10'000'000.0));
  bench.add_option("--rounds", options.rounds, "Rounds, of which medians are given")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000));
  bench.add_option("--payload", options.payload_bytes, "Bytes of a message's payload")
      ->capture_default_str()
      ->check(CLI::Range(32, 1'000'000));
  bench.add_flag("!--no-reply", options.replies, "The server has no bot: a message is done when it is acknowledged");
  bench.add_flag("--ack-topic", options.ack_topic, "Subscribe to the acks with link and event number, too");
  bench.add_flag("--verify-all", options.verify_all, "Check the signature of every reply, not of 2000 in each round");
}

void add_surroundings(CLI::App& bench, Options& options) {
  bench.add_option("--pid", options.pid, "Process of the server on this machine: its CPU and memory are reported")
      ->check(CLI::PositiveNumber);
  bench.add_option("--idle", options.idle, "Open so many connections that prove themselves and then only listen")
      ->check(CLI::Range(1, 60'000));
  bench.add_flag("!--no-ceiling", options.ceiling,
                 "Without the loops that, in each round, measure signatures alone and the event log alone");
  bench.add_option(
      "--folder", options.folder,
      "Where the loop of the event log makes it (default: the temporary folder); best on the server's disk");
}

}  // namespace

void add_bench(CLI::App& app, Globals& globals, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* const bench = add_command(app, "bench", "Measure a running server from outside",
                                      "  sealpost bench --clients 100 --rate 100 --seconds 10\n"
                                      "  sealpost bench --in-flight 16 --pid $(pidof sealpostd)");
  add_options(*bench, *options);
  add_surroundings(*bench, *options);
  bench->callback([&globals, &run, options] { run = [&globals, options] { return run_bench(globals, *options); }; });
}

}  // namespace sealpost::cli
