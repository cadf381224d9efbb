#include "weather.hpp"

#include <algorithm>
#include <numeric>

namespace sealpost::sim {
namespace {

constexpr double absent = 0.25;  // of a kind of fault, in a seed

// Small is more likely than large; nothing at all now and then.
double rate(Dice& dice, double most) {
  if (dice.chance(absent)) return 0;
  const double share = dice.share();
  return most * share * share;
}

template <class Value, std::size_t count>
Value one_of(Dice& dice, const Value (&values)[count]) {
  return values[dice.below(count)];
}

}  // namespace

Weather::Weather(Dice dice) {
  clients = dice.chance(0.1) ? dice.below(14) + 7 : dice.below(5) + 2;
  devices_max = dice.below(3) + 1;
  messages = dice.below(160) + 60;
  to_clients = dice.share() * 0.8;
  to_nobody = rate(dice, 0.3);

  write_pause = dice.between(100, 6'000);
  clean_start = dice.share();
  from_first = dice.share();
  proves_again = dice.share();
  sends_again = rate(dice, 0.4);
  misbehaves = rate(dice, 0.6);
  lies = rate(dice, 0.15);
  slow_to_store = rate(dice, 0.5);
  session_expiry = one_of(dice, {0u, 5u, 60u, 604'800u});
  receive_maximum = one_of<std::uint16_t>(dice, {0, 1, 4, 16, 100});
  keep_alive = one_of<std::uint16_t>(dice, {5, 20, 60});

  session = one_of<Millis>(dice, {20'000, 120'000, 86'400'000});
  window = one_of<std::uint16_t>(dice, {1, 4, 16});
  inbox_messages = one_of<std::size_t>(dice, {3, 20, 1'000});
  outbox_messages = one_of<std::uint64_t>(dice, {12, 100, 100'000});
  broker = dice.chance(0.5);
  commit_max = one_of<Millis>(dice, {1, 10, 100, 1'000});
  read_max = one_of<Millis>(dice, {0, 5, 100});
  queue_max = one_of<std::size_t>(dice, {12, 4'096, 4'096});

  feed = dice.chance(0.5);
  answer_max = one_of<Millis>(dice, {0, 20, 500, 3'000});
  answer_slow = rate(dice, 0.2);
  answer_fails = rate(dice, 0.5);

  delay_max = one_of<Millis>(dice, {1, 20, 200, 1'000});
  splits = rate(dice, 0.5);

  safety = dice.between(60'000, 360'000);
  fault_gap = dice.between(500, 5'000);
  for (double& weight : weights) weight = dice.chance(absent) ? 0 : dice.share() * dice.share();
  const auto rare = [&](Fault fault, double by) { weights[static_cast<std::size_t>(fault)] *= by; };
  rare(Fault::key_renewed, 0.3);
  rare(Fault::server_restore, 0.5);
  rare(Fault::client_restore, 0.7);
  rare(Fault::server_crash, 3);
  rare(Fault::client_crash, 2);
  rare(Fault::come_twice, 2);
  rare(Fault::crowd, window > 32 ? 0.5 : 0);
}

Fault Weather::pick(Dice& dice) const {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double left = dice.share() * sum;
  for (std::size_t fault = 0; fault < weights.size(); ++fault) {
    left -= weights[fault];
    if (left < 0) return static_cast<Fault>(fault);
  }
  return Fault::cut_both;
}

}  // namespace sealpost::sim
