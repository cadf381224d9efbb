#pragma once
// One round of load on the server, and what it gave.

#include "cli/bench/poll.hpp"

namespace sealpost::cli::bench {

struct Latencies {
  double p50_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double max_ms = 0;
};

struct Loaded {
  double seconds = 0;  // until the last answer
  std::size_t sent = 0;
  std::size_t accepted = 0;
  std::size_t answered = 0;
  std::size_t signatures_checked = 0;
  double server_cpu_us = 0;  // a message; 0 without --pid
  double own_cpu_us = 0;     // a message, of this program
  Latencies ack;
  Latencies reply;

  double accepted_per_second() const { return static_cast<double>(accepted) / seconds; }
  double answered_per_second() const { return static_cast<double>(answered) / seconds; }
  std::size_t lost(bool replies) const { return sent - (replies ? answered : accepted); }
};

class Load {
 public:
  explicit Load(World&);

  // Signs, sends, waits for what is still to come, and then checks the signatures. Throws Stop if anything is wrong.
  Loaded round();

 private:
  void prepare();
  void run_closed();
  void run_open();
  void drain();
  bool all_finished() const;
  std::size_t check_signatures() const;
  Loaded measured(std::int64_t start_us);

  World& world_;
  Poll poll_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

}  // namespace sealpost::cli::bench
