// The broker on two threads with everything at once: publishers, subscribers, takeovers, wills. For the sanitizers; and
// that whoever stays gets all.

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <thread>

#include "broker/client.hpp"
#include "mqtt/codec.hpp"
#include "net/wheel.hpp"

using namespace sealpost;
using namespace sealpost::broker;
using namespace sealpost::broker::test;

namespace {

class SteadyClock final : public Clock {
 public:
  Millis now() const override { return 1'790'000'000'000 + steady_us() / 1000; }
  std::int64_t steady_us() const override {
    const auto passed = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(passed).count();
  }
};

class SomeRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(++last_);
  }

 private:
  std::atomic<unsigned> last_{0};
};

class Silent final : public LogSink {
 public:
  bool wants(Level) const override { return false; }
  void write(Level, std::string_view, std::string_view) override {}
};

struct Server {
  Server() {
    mqtt_limits.maximum_qos = Qos::exactly_once;
    mqtt_limits.retain_available = mqtt_limits.wildcard_subscriptions = true;
    for (int i = 0; i < 2; ++i) threads.emplace_back([this] { io.run(); });
  }
  ~Server() {
    broker.dismiss_all(ReasonCode::server_shutting_down, {});
    for (int i = 0; i < 1'000 && buffers.on_loan() > 0; ++i) std::this_thread::yield();
    work.reset();
    wheel.stop();
    for (auto& thread : threads) thread.join();
  }

  asio::io_context io{2};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  SteadyClock clock;
  SomeRandom random;
  Silent sink;
  Counters counters;
  net::Wheel wheel{io.get_executor()};
  net::BufferPool buffers;
  log::MemoryLog log{clock, *Device::parse("log-1")};
  mqtt::Limits mqtt_limits;
  Broker broker{{io.get_executor(), log, clock, wheel, sink, counters}, Limits{}};
  const Door door{broker, mqtt_limits, random, [](const mqtt::Connect&, std::string_view client_id) {
                    return Admitted{"open/" + std::string(client_id), std::make_shared<OpenAccess>()};
                  }};
  std::vector<std::thread> threads;
};

// One connection, worked by one thread.
class Peer {
 public:
  Peer(Server& server, const std::string& id, const Terms& terms)
      : pipe_(std::make_shared<Pipe>(server.io.get_executor(), server.buffers)) {
    mqtt::Connect connect;
    connect.client_id = id;
    connect.clean_start = terms.clean_start;
    connect.will = terms.will;
    if (terms.expiry != 0) connect.properties.session_expiry = terms.expiry;
    Guest::serve(server.door, pipe_);
    send(connect);
  }

  void send(const mqtt::Packet& packet) {
    Bytes bytes;
    if (mqtt::encode(Version::v5, packet, bytes)) pipe_->give(bytes);
  }
  // Answers what came; the number of PUBLISH among it.
  int answer() {
    Bytes bytes = pipe_->take();
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    mqtt::Framer framer(1 << 24);
    framer.feed(held_);
    std::size_t used = 0;
    int count = 0;
    for (auto packet = framer.next(); packet && !packet->empty(); packet = framer.next()) {
      used += packet->size();
      if (const auto decoded = mqtt::decode(Version::v5, *packet)) count += answer(*decoded);
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(used));
    return count;
  }
  bool is_closed() const { return pipe_->is_closed(); }
  void hang_up() { pipe_->hang_up(); }
  int subacks() const { return subacks_; }
  int acks() const { return acks_; }

 private:
  int answer(const mqtt::Packet& packet) {
    if (std::holds_alternative<mqtt::Suback>(packet)) ++subacks_;
    if (std::holds_alternative<mqtt::Puback>(packet) || std::holds_alternative<mqtt::Pubcomp>(packet)) ++acks_;
    if (const auto* const pubrec = std::get_if<mqtt::Pubrec>(&packet)) send(mqtt::Pubrel{pubrec->packet_id, {}, {}});
    if (const auto* const pubrel = std::get_if<mqtt::Pubrel>(&packet)) send(mqtt::Pubcomp{pubrel->packet_id, {}, {}});
    const auto* const publish = std::get_if<mqtt::Publish>(&packet);
    if (publish == nullptr) return 0;
    if (publish->qos == Qos::at_least_once) send(mqtt::Puback{publish->packet_id, {}, {}});
    if (publish->qos == Qos::exactly_once) send(mqtt::Pubrec{publish->packet_id, {}, {}});
    return 1;
  }

  const std::shared_ptr<Pipe> pipe_;
  Bytes held_;
  int subacks_ = 0;
  int acks_ = 0;
};

constexpr int messages = 100;
constexpr std::chrono::seconds patience{30};

template <class Holds>
bool eventually(Holds holds) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    // The others, who bring it about, need the processor.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A few at a time, each acknowledged to the end.
bool publish_all(Server& server, int number) {
  Peer peer(server, "p" + std::to_string(number), number % 2 == 0 ? Terms{} : lasting());
  for (int i = 1; i <= messages; ++i) {
    const std::string text = std::to_string(i);
    mqtt::Publish publish;
    publish.topic = "t";
    publish.payload = as_bytes(text);
    publish.qos = number < 2 ? Qos::at_least_once : Qos::exactly_once;
    publish.packet_id = static_cast<PacketId>(i);
    publish.retain = i % 10 == 0;
    peer.send(publish);
    const bool heard = eventually([&] { return peer.answer(), peer.acks() > i - 8; });
    if (!heard) return false;
  }
  return eventually([&] { return peer.answer(), peer.acks() == messages; });
}

// Stays, and gets each message once.
int receive_all(Server& server, int number, std::atomic<int>& ready, int expected) {
  Peer peer(server, "s" + std::to_string(number), number % 2 == 0 ? Terms{} : lasting());
  peer.send(mqtt::Subscribe{1, {{"t", {.qos = Qos::exactly_once}}}, {}});
  int count = 0;
  eventually([&] { return count += peer.answer(), peer.subacks() == 1; });
  ++ready;
  eventually([&] { return count += peer.answer(), count >= expected; });
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // time for one too many to come, if there is one
    count += peer.answer();
  }
  return count;
}

// Takes its own session again and again, in every way.
void take_over(Server& server, const std::atomic<bool>& over, const std::string& id) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; !over; ++i) {
    Terms terms{.clean_start = i % 5 == 0, .expiry = i % 3 == 0 ? 0U : 60U, .will = will_at("wills", "gone")};
    peers.push_back(std::make_unique<Peer>(server, id, terms));
    peers.back()->send(mqtt::Subscribe{1, {{"#", {.qos = Qos::exactly_once}}}, {}});
    for (int turns = 0; turns < i % 4; ++turns) peers.back()->answer();
    if (i % 7 == 0) peers.back()->send(mqtt::Disconnect{});
    if (i % 11 == 0) peers.back()->hang_up();
    if (peers.size() > 3) peers.erase(peers.begin());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

TEST_CASE("on several threads at once everybody who stays gets everything") {
  Server server;
  std::atomic<int> ready{0};
  std::atomic<bool> over{false};
  std::atomic<bool> all_published{true};
  std::vector<int> counts(4);
  std::vector<std::thread> receivers, publishers, takers;
  for (int i = 0; i < 4; ++i)
    receivers.emplace_back(
        [&, i] { counts[static_cast<std::size_t>(i)] = receive_all(server, i, ready, 4 * messages); });
  REQUIRE(eventually([&] { return ready == 4; }));
  for (int i = 0; i < 2; ++i) takers.emplace_back([&] { take_over(server, over, "same"); });
  for (int i = 0; i < 4; ++i)
    publishers.emplace_back([&, i] {
      if (!publish_all(server, i)) all_published = false;
    });
  for (auto& thread : publishers) thread.join();
  for (auto& thread : receivers) thread.join();
  over = true;
  for (auto& thread : takers) thread.join();
  REQUIRE(all_published);
  REQUIRE(counts == std::vector<int>(4, 4 * messages));
}
