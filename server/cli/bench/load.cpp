#include "cli/bench/load.hpp"

#include <algorithm>
#include <cmath>

#include "cli/bench/process.hpp"

namespace sealpost::cli::bench {
namespace {

constexpr std::int64_t silence_us_max = 10'000'000;  // nothing for so long: what is still to come is lost
constexpr std::size_t signatures_sampled = 2'000;    // of a round

Latencies latencies_of(std::vector<std::uint32_t>& us) {
  if (us.empty()) return {};
  std::ranges::sort(us);
  const auto at = [&](double share) {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(us.size()));
    return us[std::min(rank, us.size() - 1)] / 1000.0;
  };
  return {at(0.5), at(0.99), at(0.999), us.back() / 1000.0};
}

std::size_t messages_of_each(const Options& options) {
  if (options.rate == 0 || options.seconds == 0) return options.messages;
  return static_cast<std::size_t>(std::ceil(options.rate * options.seconds / static_cast<double>(options.clients)));
}

}  // namespace

Load::Load(World& world) : world_(world), callers_(connect_all(world, poll_, world.options.clients)) {}

Loaded Load::round() {
  prepare();
  const std::int64_t server_cpu = world_.options.pid > 0 ? cpu_us_of(world_.options.pid) : 0;
  const std::int64_t own_cpu = thread_cpu_us();
  const std::int64_t start_us = world_.clock.steady_us();
  if (world_.options.rate > 0) {
    run_open();
  } else {
    run_closed();
  }
  drain();
  Loaded loaded = measured(start_us);
  const double messages = static_cast<double>(std::max<std::size_t>(loaded.accepted, 1));
  loaded.own_cpu_us = static_cast<double>(thread_cpu_us() - own_cpu) / messages;
  if (world_.options.pid > 0) {
    loaded.server_cpu_us = static_cast<double>(cpu_us_of(world_.options.pid) - server_cpu) / messages;
  }
  loaded.signatures_checked = check_signatures();
  return loaded;
}

void Load::prepare() {
  const std::size_t each = messages_of_each(world_.options);
  world_.tally = Tally();
  world_.tally.ack_us.reserve(each * callers_.size());
  world_.tally.reply_us.reserve(each * callers_.size());
  world_.tally.unchecked.reserve(each * callers_.size());
  for (const auto& caller : callers_) caller->prepare(each);
}

bool Load::all_finished() const {
  return std::ranges::all_of(callers_, [](const auto& caller) { return caller->finished(); });
}

void Load::run_closed() {
  for (const auto& caller : callers_) {
    caller->start();
    poll_.look_again(*caller);
  }
  if (world_.options.seconds == 0) return;
  const std::int64_t end_us =
      world_.clock.steady_us() + static_cast<std::int64_t>(world_.options.seconds * 1'000'000.0);
  while (world_.clock.steady_us() < end_us && !all_finished()) poll_.once(10'000);
  for (const auto& caller : callers_) caller->hold_back();
}

// Message k is due k intervals after the start, and belongs to client k modulo their number. Latency counts from then,
// also where the message goes out later, because this program or the window held it up.
void Load::run_open() {
  const double interval_us = 1'000'000.0 / world_.options.rate;
  const std::size_t total = messages_of_each(world_.options) * callers_.size();
  const std::int64_t start_us = world_.clock.steady_us();
  std::size_t next = 0;
  while (next < total) {
    const std::int64_t now = world_.clock.steady_us();
    std::int64_t due = start_us + static_cast<std::int64_t>(interval_us * static_cast<double>(next));
    for (; due <= now && next < total;) {
      Caller& caller = *callers_[next % callers_.size()];
      caller.release(due);
      poll_.look_again(caller);
      due = start_us + static_cast<std::int64_t>(interval_us * static_cast<double>(++next));
    }
    poll_.once(std::max<std::int64_t>(due - world_.clock.steady_us(), 0));
  }
}

void Load::drain() {
  std::int64_t heard_us = world_.clock.steady_us();
  while (!all_finished()) {
    // Looking at every caller costs more than serving a few.
    for (std::size_t i = 0; i < callers_.size() / 4 + 1; ++i) {
      const bool heard = poll_.once(10'000);
      const std::int64_t now = world_.clock.steady_us();
      if (heard) heard_us = now;
      if (now - heard_us > silence_us_max) return;
      if (!heard) break;
    }
  }
}

Loaded Load::measured(std::int64_t start_us) {
  Loaded loaded;
  loaded.seconds = std::max(static_cast<double>(world_.tally.last_us - start_us) / 1e6, 1e-6);
  for (const auto& caller : callers_) {
    loaded.sent += caller->sent();
    loaded.accepted += caller->acked();
    loaded.answered += caller->replied();
  }
  loaded.ack = latencies_of(world_.tally.ack_us);
  loaded.reply = latencies_of(world_.tally.reply_us);
  return loaded;
}

std::size_t Load::check_signatures() const {
  const auto& unchecked = world_.tally.unchecked;
  const std::size_t step =
      world_.options.verify_all ? 1 : std::max<std::size_t>(unchecked.size() / signatures_sampled, 1);
  std::size_t checked = 0;
  for (std::size_t i = 0; i < unchecked.size(); i += step, ++checked) {
    const Unchecked& one = unchecked[i];
    const bool of_server = world_.server.back().has_key(object::purpose_sign, one.key);
    if (!of_server || !object::verify(one.key, one.link.view(), one.signature)) {
      throw Stop(Exit::failed, "the signature of reply " + one.link.hex() + " does not hold");
    }
  }
  return checked;
}

}  // namespace sealpost::cli::bench
