#pragma once
// What has been met, and how often: rows of the decision table, lights and positions, crash points, faults. A run of
// many seeds that does not meet everything often enough has not proven what it seems to.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sealpost::sim {

// name, group, sentence
#define SEALPOST_SIM_ROWS(X)                                                    \
  X(accept, decision, "accepted")                                               \
  X(malformed, decision, "reject malformed")                                    \
  X(too_large, decision, "reject too_large")                                    \
  X(unknown_author, decision, "reject unknown_author")                          \
  X(bad_signature, decision, "reject bad_signature")                            \
  X(taken_over, decision, "taken over: the older connection is ended")          \
  X(shut, decision, "reject shut")                                              \
  X(duplicate_durable, decision, "duplicate of a durable message")              \
  X(duplicate_pending, decision, "duplicate of a pending message")              \
  X(duplicate_old, decision, "duplicate that the log answers")                  \
  X(fork_taken, decision, "reject fork: n taken by another link")               \
  X(fork_old, decision, "reject fork: n taken long ago by another link")        \
  X(gap, decision, "reject gap")                                                \
  X(fork_previous, decision, "reject fork: q is not the head")                  \
  X(clock_behind, decision, "reject clock: not after the last")                 \
  X(clock_ahead, decision, "reject clock: beyond the tolerance")                \
  X(drain_first, decision, "reject drain_first")                                \
  X(light_green, position, "light green")                                       \
  X(light_drain, position, "light drain")                                       \
  X(light_shut, position, "light shut")                                         \
  X(no_position_new, position, "no position, a new device")                     \
  X(no_position_known, position, "no position, a known device")                 \
  X(from_first, position, "a new device from the first message on")             \
  X(sent_equal, position, "sent as the server has it")                          \
  X(sent_behind, position, "sent behind the server")                            \
  X(sent_ahead, position, "sent ahead of the server")                           \
  X(received_equal, position, "received as acknowledged")                       \
  X(received_behind, position, "received behind acknowledged")                  \
  X(received_ahead, position, "received ahead of acknowledged")                 \
  X(earlier_log, position, "an earlier log named after a restore")              \
  X(shut_before, position, "shut: it was before")                               \
  X(sent_mismatch, position, "shut: sent differs")                              \
  X(received_mismatch, position, "shut: received differs")                      \
  X(received_beyond_head, position, "shut: received beyond the head")           \
  X(received_of_no_log, position, "shut: received of an unknown log")           \
  X(message_arrived, crash, "server: message arrived, not read")                \
  X(message_queued, crash, "server: message queued, not committed")             \
  X(message_committed, crash, "server: message committed, not acknowledged")    \
  X(ack_sent, crash, "server: ack on its way")                                  \
  X(bot_asked, crash, "server: bot asked, no answer")                           \
  X(bot_answered, crash, "server: bot answered, reply not queued")              \
  X(reply_queued, crash, "server: reply queued, not committed")                 \
  X(reply_committed, crash, "server: reply committed, not delivered")           \
  X(intent_committed, crash, "server: intent committed, not carried out")       \
  X(relay_queued, crash, "server: relayed message queued, not committed")       \
  X(delivery_sent, crash, "server: delivery on its way")                        \
  X(position_noted, crash, "server: delivery acknowledged, position in memory") \
  X(challenge_sent, crash, "server: challenge sent, no proof")                  \
  X(epoch_queued, crash, "server: proven, epoch not committed")                 \
  X(epoch_committed, crash, "server: epoch committed, no Welcome")              \
  X(welcome_sent, crash, "server: Welcome on its way")                          \
  X(stopping, crash, "server: while it stops in good order")                    \
  X(starting, crash, "server: while it goes on with unfinished work")           \
  X(full_disk, crash, "server: while the disk is full")                         \
  X(entry_stored, crash, "client: message stored, not sent")                    \
  X(entry_sent, crash, "client: message sent, no ack")                          \
  X(delivery_arrived, crash, "client: delivery arrived, not stored")            \
  X(delivery_stored, crash, "client: delivery stored, not acknowledged")        \
  X(welcome_arrived, crash, "client: Welcome arrived, not stored")              \
  X(hang_up, fault, "connections closed")                                       \
  X(cut_both, fault, "connections cut, both sides notice")                      \
  X(cut_half, fault, "connections cut, one side notices")                       \
  X(stall, fault, "connections stalled")                                        \
  X(older_bytes, fault, "bytes of an older connection behind a newer one")      \
  X(second_connection, fault, "second connections of a device")                 \
  X(packet_again, fault, "packets sent twice")                                  \
  X(server_clock, fault, "jumps of the server's clock")                         \
  X(client_clock, fault, "jumps of a client's clock")                           \
  X(client_restore, fault, "clients restored from older copies")                \
  X(server_restore, fault, "servers restored from older copies")                \
  X(server_stop, fault, "servers stopped in good order")                        \
  X(disk_full, fault, "full disks")                                             \
  X(disk_error, fault, "I/O errors that end the process")                       \
  X(disk_error_durable, fault, "I/O errors after all was on disk")              \
  X(disk_slow, fault, "slow commits")                                           \
  X(bot_failure, fault, "answers that the bot failed to give")                  \
  X(bot_slow, fault, "answers that took long")                                  \
  X(session_expired, fault, "sessions that expired")                            \
  X(proven_again, fault, "re-authentications")                                  \
  X(session_resumed, fault, "MQTT sessions resumed")                            \
  X(session_lost, fault, "MQTT sessions that had expired")                      \
  X(key_renewed, fault, "identities with a new version")                        \
  X(garbage, fault, "strangers with garbage")                                   \
  X(impostor, fault, "strangers with a wrong key")                              \
  X(replay, fault, "connections replayed by a stranger")                        \
  X(stale_proof, fault, "proofs that came after a newer one")                   \
  X(not_deliverable, fault, "messages to nobody, with a notice")                \
  X(inbox_full, fault, "messages refused while the bot is behind")

enum class Row : std::uint8_t {
#define SEALPOST_SIM_ROW(name, group, sentence) name,
  SEALPOST_SIM_ROWS(SEALPOST_SIM_ROW)
#undef SEALPOST_SIM_ROW
      count
};
enum class Group : std::uint8_t { decision, position, crash, fault };

std::string_view sentence(Row);
Group group(Row);

class Coverage {
 public:
  using Counts = std::array<std::uint64_t, static_cast<std::size_t>(Row::count)>;

  void add(Row row, std::uint64_t by = 1) { counts_[static_cast<std::size_t>(row)] += by; }
  std::uint64_t of(Row row) const { return counts_[static_cast<std::size_t>(row)]; }
  void add(const Coverage& other);
  const Counts& counts() const { return counts_; }
  Counts& counts() { return counts_; }

  // For people: a line for each row, by group.
  std::string table() const;

 private:
  Counts counts_{};
};

// Who counts what the library's own decisions are (rows.cpp): the simulation that runs. Null: nobody.
extern Coverage* counting;

}  // namespace sealpost::sim
