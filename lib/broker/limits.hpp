#pragma once
// What the broker's memory and the patience of its peers are bounded by. The operator's choice ([mqtt] in the
// configuration).

#include <cstddef>
#include <cstdint>

#include "base/ids.hpp"
#include "mqtt/deliveries.hpp"
#include "mqtt/retained.hpp"

namespace sealpost::broker {

struct Limits {
  std::size_t sessions_max = 100'000;      // with and without a connection
  std::size_t subscriptions_max = 10'000;  // of one session; together of no more than so many bytes each:
  std::size_t subscription_bytes = 2048;   // long and deep filters cost (see cost_of in broker_subscriptions.cpp)
  mqtt::DeliveryLimits deliveries;         // that wait for one session; one more is dropped, and counted
  mqtt::RetainedLimits retained;
  std::uint16_t in_flight_max = 100;            // QoS 1 and 2 messages sent to one client and not acknowledged
  Millis session_max = 604'800'000;             // how long a session outlives its connection at most
  Millis unproven = 10'000;                     // for a peer to send its CONNECT
  std::size_t unsent_before_pausing = 262'144;  // bytes that a peer does not take: above, it is sent and asked no more
  Millis pause_max = 60'000;                    // for it to take some of them; then it is cut
};

}  // namespace sealpost::broker
