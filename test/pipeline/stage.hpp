#pragma once
// A server without sockets, threads and time: every coroutine runs in run(), a commit happens when the test flushes the
// log, a timer expires when the test moves the clock. Clients speak MQTT 5 and SEALPOST-1 to it, byte for byte.

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/stage.hpp"
#include "log/memory_log.hpp"
#include "mqtt/framer.hpp"
#include "mqtt/packet.hpp"
#include "object/message.hpp"
#include "pipeline/authenticate.hpp"
#include "pipeline/clients.hpp"
#include "pipeline/ports.hpp"

namespace sealpost::pipeline::test {

// The server's end of a pipe whose other end is the test.
class FakeChannel final : public net::Channel {
 public:
  explicit FakeChannel(net::BufferPool& buffers) : buffers_(buffers) { peer_.address = "192.0.2.7"; }

  std::optional<Result<net::Lease>> try_receive() override;
  void when_input(std::function<void()> on_input) override;
  void send(net::Chunk chunk) override;
  std::size_t unsent() const override { return unsent_; }
  asio::awaitable<Result<void>> drained(std::size_t below) override;
  void close() override { hang_up(); }
  void abort() override { hang_up(); }
  std::optional<Digest> exporter() const override { return std::nullopt; }
  const net::Peer& peer() const override { return peer_; }
  void proven() override {}

  // The test's end.
  void give(BytesView bytes);
  Bytes take() { return std::exchange(sent_, {}); }
  void hang_up();
  bool is_closed() const { return closed_; }
  // The server sees so many bytes as not taken by the peer yet, whatever the test has read.
  void hold_unsent(std::size_t bytes);
  // As when the process ends: who waits is forgotten.
  void drop() {
    on_input_ = nullptr;
    taken_ = Gate();
    stranger = {};
  }
  asio::any_io_executor stranger;  // on which it is authenticated

 private:
  void tell_receiver();

  net::BufferPool& buffers_;
  net::Peer peer_;
  Bytes given_;
  Bytes sent_;
  std::function<void()> on_input_;
  std::size_t unsent_ = 0;
  Gate taken_;
  bool closed_ = false;
};

// A bot that answers when the test does.
class HeldBot final : public Bot {
 public:
  const std::string& consumer() const override { return consumer_; }
  asio::awaitable<Result<Answer>> answer(Update update) override;

  struct Asked {
    Update update;
    Resume<Result<Answer>> resume;
  };
  // The oldest question, whose answer is now on its way.
  Update reply(Answer answer);
  Update reply(std::string_view text);
  Update fail();
  std::string text(std::size_t at = 0) const;  // of the message that waits

  std::deque<Asked> asked;

 private:
  Update take(Result<Answer>);
  const std::string consumer_ = "bot";
};

std::string say(std::string_view text);              // the canonical payload
std::string said(std::string_view payload_or_text);  // what say() was given; looks into a relayed message
Reply reply_of(std::string_view text);

class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Everything that can happen without the log.
  void run();
  bool run_one();  // a single handler; false if there is none
  // One round: the log commits and answers what waits, and what that brings about runs until it asks the log again.
  void step();
  // Until nothing moves any more.
  void settle();
  void until(const std::function<bool()>& holds);
  void advance(Millis by);  // the clock; then run()
  // The process ends and starts again over what the log has; resume() goes on with what is unfinished there.
  void restart();
  void resume();
  void crash() {
    restart();
    resume();
  }

  // On the strand of a client that is known.
  std::optional<Result<log::Appended>> send(const auth::Party& to, std::string_view text);
  std::vector<log::StoredEvent> events(log::Kind);
  std::size_t queued() const { return log.health().queued_events; }

  HeldClock clock;
  auth::Counting random;
  KeptLines sink;
  HeldTimers timers{clock};
  Counters counters;
  net::BufferPool buffers;
  HeldBot bot;
  log::MemoryLog log{clock, *Device::parse("log-1"), log::MemoryLog::Completion::on_flush};
  auth::Party server = auth::Party::make(random, "server");
  auth::Party anna = auth::Party::make(random, "Anna");
  auth::Party ben = auth::Party::make(random, "Ben");
  auth::Party carl = auth::Party::make(random, "Carl");
  std::map<Permalink, std::size_t> confirmed;  // versions that a Welcome has confirmed
  Limits limits;                               // in force from the next crash() on, as from the start

 private:
  friend class Phone;
  struct Process;
  std::shared_ptr<FakeChannel> dial();
  void end();

  ServerIdentity identity_;
  RegistrationPolicy registration_{auth::Registration{}};
  mqtt::Limits mqtt_limits_;
  std::vector<std::shared_ptr<FakeChannel>> channels_;
  std::unique_ptr<Process> process_;
};

}  // namespace sealpost::pipeline::test
