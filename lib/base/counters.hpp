#pragma once
// Counters and gauges of the whole server, read by /metrics. Plain atomics: counting costs a nanosecond and no lock.

#include <atomic>
#include <cstdint>

namespace sealpost {

class Counter {
 public:
  void add(std::int64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// name, kind (counter or gauge), sentence. The one list from which the struct and the metrics text are made.
#define SEALPOST_COUNTERS(X)                                                                               \
  X(connections_open, gauge, "Connections that are open now")                                              \
  X(connections_total, counter, "Connections accepted since the start")                                    \
  X(connections_refused_total, counter, "Connections refused by a limit before authentication")            \
  X(proxy_headers_refused_total, counter, "Proxies' connections without a good header")                    \
  X(tls_refused_total, counter, "TLS handshakes that failed")                                              \
  X(handshakes_total, counter, "Handshakes that ended in a Welcome")                                       \
  X(handshakes_failed_total, counter, "Handshakes that failed")                                            \
  X(messages_in_total, counter, "Inbound messages accepted and durable")                                   \
  X(messages_duplicate_total, counter, "Inbound duplicates answered with the same ack")                    \
  X(messages_rejected_total, counter, "Inbound messages rejected")                                         \
  X(messages_out_total, counter, "Outbound messages numbered, signed and durable")                         \
  X(deliveries_total, counter, "Outbound messages sent to a device")                                       \
  X(deliveries_acked_total, counter, "Outbound messages that a device acknowledged")                       \
  X(bot_failures_total, counter, "Answers that a bot failed to give and was asked for again")              \
  X(mqtt_received_total, counter, "MQTT messages published by clients, outside the protocol's own topics") \
  X(mqtt_sent_total, counter, "MQTT messages sent to subscribers")                                         \
  X(mqtt_dropped_total, counter, "MQTT messages dropped for a subscriber that did not take them")          \
  X(mqtt_sessions, gauge, "MQTT sessions, with and without a connection")                                  \
  X(commits_total, counter, "Transactions committed by the log writer")                                    \
  X(events_total, counter, "Events appended to the log")                                                   \
  X(commit_microseconds_total, counter, "Time the log writer spent in commits, in microseconds")           \
  X(clients_live, gauge, "Client actors in memory")

struct Counters {
#define SEALPOST_DECLARE(name, kind, help) Counter name;
  SEALPOST_COUNTERS(SEALPOST_DECLARE)
#undef SEALPOST_DECLARE
};

}  // namespace sealpost
