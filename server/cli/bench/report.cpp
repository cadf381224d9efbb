#include "cli/bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <functional>

namespace sealpost::cli::bench {
namespace {

namespace json = boost::json;

double median(const std::vector<Round>& rounds, const std::function<double(const Round&)>& of) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const Round& round : rounds) values.push_back(of(round));
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Medians {
  double accepted = 0;
  double answered = 0;
  double server_cpu_us = 0;
  double own_cpu_us = 0;
  double verify_us = 0;
  double append_per_second = 0;
  double append_cpu_us = 0;
  Latencies ack;
  Latencies reply;
  std::size_t sent = 0;  // of all rounds, like the two below
  std::size_t lost = 0;
  std::size_t signatures_checked = 0;

  double floor_us() const { return verify_us + append_cpu_us; }
};

Latencies median_latencies(const std::vector<Round>& rounds, Latencies Loaded::*which) {
  const auto of = [&](double Latencies::*field) {
    return median(rounds, [&](const Round& round) { return round.loaded.*which.*field; });
  };
  return {of(&Latencies::p50_ms), of(&Latencies::p99_ms), of(&Latencies::p999_ms), of(&Latencies::max_ms)};
}

Medians medians_of(const Options& options, const std::vector<Round>& rounds) {
  Medians medians;
  medians.accepted = median(rounds, [](const Round& round) { return round.loaded.accepted_per_second(); });
  medians.answered = median(rounds, [](const Round& round) { return round.loaded.answered_per_second(); });
  medians.server_cpu_us = median(rounds, [](const Round& round) { return round.loaded.server_cpu_us; });
  medians.own_cpu_us = median(rounds, [](const Round& round) { return round.loaded.own_cpu_us; });
  medians.verify_us = median(rounds, [](const Round& round) { return round.verify.us; });
  medians.append_per_second = median(rounds, [](const Round& round) { return round.append.per_second; });
  medians.append_cpu_us = median(rounds, [](const Round& round) { return round.append.cpu_us; });
  medians.ack = median_latencies(rounds, &Loaded::ack);
  medians.reply = median_latencies(rounds, &Loaded::reply);
  for (const Round& round : rounds) {
    medians.sent += round.loaded.sent;
    medians.lost += round.loaded.lost(options.replies);
    medians.signatures_checked += round.loaded.signatures_checked;
  }
  return medians;
}

json::object json_of(const Latencies& latencies) {
  return {
      {"p50", latencies.p50_ms}, {"p99", latencies.p99_ms}, {"p99_9", latencies.p999_ms}, {"max", latencies.max_ms}};
}

void print_json(const Options& options, const std::string& server, std::size_t rounds, const Medians& medians) {
  json::object out{{"server", server},
                   {"clients", options.clients},
                   {"in_flight", options.in_flight},
                   {"rate", options.rate},
                   {"payload_bytes", options.payload_bytes},
                   {"rounds", rounds},
                   {"sent", medians.sent},
                   {"lost", medians.lost},
                   {"accepted_per_second", medians.accepted},
                   {"ack_ms", json_of(medians.ack)},
                   {"bench_cpu_us", medians.own_cpu_us}};
  if (options.replies) {
    out["answered_per_second"] = medians.answered;
    out["reply_ms"] = json_of(medians.reply);
    out["signatures_checked"] = medians.signatures_checked;
  }
  if (options.pid > 0) out["server_cpu_us"] = medians.server_cpu_us;
  if (options.ceiling) {
    out["verify_and_sign_us"] = medians.verify_us;
    out["appends_per_second"] = medians.append_per_second;
    out["append_cpu_us"] = medians.append_cpu_us;
  }
  fmt::print("{}\n", json::serialize(out));
}

void print_latencies(const char* what, const Latencies& latencies) {
  fmt::print("{}  p50 {:.2f} ms, p99 {:.2f}, p99.9 {:.2f}, max {:.2f}\n", what, latencies.p50_ms, latencies.p99_ms,
             latencies.p999_ms, latencies.max_ms);
}

void print_ceiling(const Options& options, const Medians& medians) {
  fmt::print("verify-only    {:.1f} us to check a signature and make one\n", medians.verify_us);
  fmt::print("append-only    {:.0f} messages with a reply a second, {:.1f} us of CPU each: accepted is {:.0f}% of it\n",
             medians.append_per_second, medians.append_cpu_us, 100 * medians.accepted / medians.append_per_second);
  if (options.pid > 0) {
    fmt::print("of the server's CPU, signatures and log alone would take {:.0f}%\n",
               100 * medians.floor_us() / medians.server_cpu_us);
  }
}

}  // namespace

void print_round(const Options& options, std::size_t number, const Round& round) {
  const Loaded& loaded = round.loaded;
  fmt::print(stderr, "-- round {}: {:.0f} accepted/s, {:.0f} answered/s in {:.1f} s, {} lost", number,
             loaded.accepted_per_second(), loaded.answered_per_second(), loaded.seconds, loaded.lost(options.replies));
  if (options.pid > 0) fmt::print(stderr, ", server CPU {:.0f} us", loaded.server_cpu_us);
  if (options.ceiling)
    fmt::print(stderr, ", verify-only {:.1f} us, append-only {:.0f}/s", round.verify.us, round.append.per_second);
  fmt::print(stderr, "\n");
}

void print_report(const Options& options, const std::string& server, bool json, const std::vector<Round>& rounds) {
  const Medians medians = medians_of(options, rounds);
  if (json) return print_json(options, server, rounds.size(), medians);
  fmt::print("{}: {} clients, {} in flight each, {}; payload {} bytes; medians of {} rounds\n", server, options.clients,
             options.in_flight, options.rate > 0 ? fmt::format("{} messages/s offered", options.rate) : "closed loop",
             options.payload_bytes, rounds.size());
  fmt::print("accepted       {:.0f}/s\n", medians.accepted);
  if (options.replies) fmt::print("answered       {:.0f}/s\n", medians.answered);
  print_latencies("to the ack   ", medians.ack);
  if (options.replies) print_latencies("to the reply ", medians.reply);
  if (options.pid > 0) fmt::print("server CPU     {:.0f} us a message\n", medians.server_cpu_us);
  fmt::print("bench CPU      {:.1f} us a message\n", medians.own_cpu_us);
  if (options.ceiling) print_ceiling(options, medians);
  fmt::print("sent           {}, lost {}", medians.sent, medians.lost);
  if (options.replies) fmt::print("; {} signatures of replies checked", medians.signatures_checked);
  fmt::print("\n");
}

void print_idle(const std::string& server, bool json, const Idle& idle) {
  const bool known = idle.resident_after > 0;
  if (json) {
    json::object out{{"server", server}, {"idle", idle.connections}, {"connect_seconds", idle.connect_seconds}};
    if (known) out["resident_bytes"] = idle.resident_after;
    if (known) out["bytes_each"] = idle.bytes_each();
    fmt::print("{}\n", json::serialize(out));
    return;
  }
  fmt::print("{}: {} idle connections, made in {:.1f} s", server, idle.connections, idle.connect_seconds);
  if (known) {
    fmt::print("; the server holds {:.1f} MiB, {:.2f} KiB more for each",
               static_cast<double>(idle.resident_after) / 1048576, idle.bytes_each() / 1024);
  }
  fmt::print("\n");
}

}  // namespace sealpost::cli::bench
