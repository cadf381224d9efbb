#pragma once
// One simulated client: a fresh identity, the handshake, and then its side of the load. It checks the order of the acks
// and of the replies, and their links, as they come. Anything that is not as it must be ends the run: Stop.

#include <optional>

#include "auth/handshake.hpp"
#include "cli/bench/lane.hpp"
#include "cli/bench/reply.hpp"
#include "cli/bench/socket.hpp"
#include "mqtt/framer.hpp"

namespace sealpost::cli::bench {

class Caller {
 public:
  Caller(World&, std::size_t number);

  int descriptor() const { return socket_->descriptor(); }
  bool waits_to_write() const { return socket_->waits_to_write(); }
  bool online() const { return step_ == Step::online; }
  // The socket is ready for what it waited for.
  void on_ready();

  // Before a round: signs its messages.
  void prepare(std::size_t count);
  // Of a round in the closed loop: keeps its messages in flight.
  void start();
  // Of one in the open loop: the next message is due now, or was at `due_us`.
  void release(std::int64_t due_us);
  // No more messages are begun.
  void hold_back() { limit_ = std::min(limit_, next_); }

  bool finished() const { return finished_count() == limit_; }
  std::size_t sent() const { return next_; }
  std::size_t acked() const { return acked_; }
  std::size_t replied() const { return replied_; }

  // Keys are needed no more: an idle connection that only listens.
  void forget_keys();

 private:
  enum class Step { connecting, hello, proof, subscribing, online };

  void introduce();
  void connect();
  void on_packet(BytesView);
  void on_handshake(BytesView);
  void answer_challenge(const mqtt::Properties&);
  void take_connack(const mqtt::Connack&);
  void on_puback(BytesView);
  void on_publish(BytesView);
  void on_ack_topic(std::string_view text);
  void on_inbox(const mqtt::Publish&);
  void pump();
  void send(const mqtt::Packet&);
  void write(std::span<const BytesView>);
  std::size_t finished_count() const { return world_.options.replies ? replied_ : acked_; }
  [[noreturn]] void fail(const std::string& what) const;

  World& world_;
  const std::size_t number_;
  std::optional<Socket> socket_;
  mqtt::Framer framer_;
  Step step_ = Step::connecting;
  std::optional<object::KeyPair> update_;
  std::optional<object::KeyPair> sign_;
  std::string identity_;
  Envelope envelope_;
  std::string inbox_;
  std::optional<auth::ClientHandshake> handshake_;

  Lane lane_;
  std::size_t window_ = 1;     // unacked messages
  std::size_t in_flight_ = 1;  // unfinished messages
  std::size_t released_ = 0;   // that are due
  std::size_t limit_ = 0;      // that will be
  std::size_t next_ = 0;       // to be sent
  std::size_t acked_ = 0;
  std::size_t replied_ = 0;
  std::size_t told_ = 0;  // on the ack topic
  std::vector<std::int64_t> due_us_;
  Bytes pubacks_;
  Seq last_reply_n_;
  Link last_reply_;
};

}  // namespace sealpost::cli::bench
