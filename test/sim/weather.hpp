#pragma once
// What kind of world a seed makes: how many there are, how fast and how reliable everything is, and which faults come
// how often. Whole kinds of faults are missing in many seeds, so that the others get further.

#include <array>
#include <cstdint>

#include "base/ids.hpp"
#include "dice.hpp"

namespace sealpost::sim {

enum class Fault : std::uint8_t {
  hang_up,
  cut_both,
  cut_half,
  stall,
  second_connection,
  client_crash,
  client_restore,
  client_clock,
  server_crash,
  server_stop,
  server_restore,
  server_clock,
  disk_full,
  disk_error,
  disk_slow,
  key_renewed,
  garbage,
  impostor,
  replay,
  prove_late,
  straddle,
  crowd,
  come_twice,
  count
};

struct Weather {
  explicit Weather(Dice dice);

  // Who is there.
  std::size_t clients = 2;
  std::size_t devices_max = 2;  // of a client
  std::size_t messages = 0;     // in all
  double to_clients = 0;        // share of messages that are relayed
  double to_nobody = 0;         // of those, to an identity that is not known

  // What they do.
  Millis write_pause = 0;  // between two messages of a device, on average
  double clean_start = 0;
  double from_first = 0;
  double proves_again = 0;           // instead of letting its session expire
  double sends_again = 0;            // a packet that was sent
  double misbehaves = 0;             // beside each message
  double lies = 0;                   // in a Proof, about its position
  double slow_to_store = 0;          // takes its time before it acknowledges
  std::uint32_t session_expiry = 0;  // of MQTT, s
  std::uint16_t receive_maximum = 0;
  std::uint16_t keep_alive = 0;  // s

  // The server.
  Millis session = 0;  // from a proof to its `expires`
  std::uint16_t window = 16;
  std::size_t inbox_messages = 0;
  std::uint64_t outbox_messages = 0;
  bool broker = false;  // clients have ordinary MQTT
  Millis commit_max = 0;
  Millis read_max = 0;
  std::size_t queue_max = 0;  // events that wait for the writer

  // The bot.
  bool feed = false;  // works over the updates feed
  Millis answer_max = 0;
  double answer_slow = 0;
  double answer_fails = 0;

  // The network.
  Millis delay_max = 0;
  double splits = 0;

  // Faults.
  Millis safety = 0;     // how long there are any
  Millis fault_gap = 0;  // on average between two
  std::array<double, static_cast<std::size_t>(Fault::count)> weights{};
  Fault pick(Dice&) const;
};

}  // namespace sealpost::sim
