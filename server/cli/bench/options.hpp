#pragma once
// What `sealpost bench` is asked for.

#include <cstddef>
#include <string>

namespace sealpost::cli::bench {

struct Options {
  std::size_t clients = 100;
  std::size_t messages = 1'000;  // of each client, in each round
  double seconds = 0;            // of a round, at most; with a rate it takes the place of `messages`. 0: no bound
  std::size_t in_flight = 0;     // of each client; 0: 1, and with a rate 16
  double rate = 0;               // messages a second of all clients together; 0: as fast as the answers come
  bool replies = true;           // a bot answers every message once
  bool ack_topic = false;        // take the acks with link and event number too
  bool verify_all = false;       // check the signature of every reply, not of a sample
  std::size_t payload_bytes = 512;
  std::size_t rounds = 3;
  int pid = 0;           // of the server, if it is on this machine; 0: unknown
  std::size_t idle = 0;  // connections to hold open instead of sending
  bool ceiling = true;   // in each round, what no such server can do without is measured alone
  std::string folder;    // of the append-only loop; empty: the temporary folder
};

}  // namespace sealpost::cli::bench
