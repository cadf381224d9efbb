// Two clients talk through a small broker made of the parts of lib/mqtt: bytes split anywhere, connections lost and
// taken over, acknowledgements and commits late, both versions. What is asserted: the server keeps every rule that an
// honest client can see (honest_client.hpp), never turns one away, holds bounded memory, and a QoS 2 message is taken
// exactly once by whoever it was accepted for. One of the clients may turn wild: then that holds for the other.
// The input is a script: a byte that says what to do, then what that takes.

#include "honest_client.hpp"
#include "script.hpp"
#include "small_broker.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;
using sealpost::test::Script;

namespace {

constexpr std::array<std::string_view, 8> filters = {"a", "a/#", "a/+", "#", "+/+", "+", "/#", "$s/#"};

class Play {
 public:
  explicit Play(Script script) : script_(script) {}

  void run() {
    while (!script_.empty()) {
      const auto what = script_.byte();
      act(what % 16, what & 0x80 ? 1u : 0u);
      broker_.check();
    }
    end();
  }

 private:
  // A client and the ways to it: the newest one, and the one before as long as the server has not seen its end.
  struct Side {
    HonestClient client;
    std::unique_ptr<Wire> newest{}, older{};
    Bytes up{}, older_up{};  // on their way to the server
  };

  void act(unsigned what, std::size_t who) {
    Side& side = sides_[who];
    switch (what) {
      case 0:
      case 1:
        return open(who, terms());
      case 2:
      case 3:
        return publish(side.client);
      case 4:
        return ask(side.client);
      case 5:
      case 6:
        return up(who, side.newest.get(), side.up, script_.byte());
      case 7:
        return up(who, side.older.get(), side.older_up, script_.byte());
      case 8:
      case 9:
        return down(who, script_.byte());
      case 10:
        return side.client.answer(script_.byte() % 4 + 1u);
      case 11:
        return broker_.commit(who, script_.byte() % 4 + 1u);
      case 12:
        return cut(who);
      case 13:
        now_ += 250 * script_.byte();
        return;
      case 14:
        return who == 1 ? go_wild() : side.client.refuse_next();
      default:
        return settle(4);
    }
  }

  HonestClient::Terms terms() {
    const auto choice = script_.byte(), numbers = script_.byte();
    HonestClient::Terms terms;
    if (choice & 1) terms.version = Version::v311;
    terms.clean_start = (choice & 0x0E) == 0x0E;
    terms.expiry = choice & 0x10 ? 0 : 60;
    terms.receive_maximum = static_cast<std::uint16_t>(numbers % 4 + 1);
    terms.aliases = numbers >> 2 & 3;
    if (numbers & 0x80) terms.packet_size_max = 80;
    return terms;
  }

  void open(std::size_t who, const HonestClient::Terms& terms) {
    Side& side = sides_[who];
    drop_older(who);
    if (side.client.connected()) take_output(side);
    side.older = std::move(side.newest);
    side.older_up = std::move(side.up);
    side.newest = std::make_unique<Wire>(broker_.limits(), now_);
    side.client.open(terms);
    side.up = side.client.take_output();
  }

  void publish(HonestClient& client) {
    const auto choice = script_.byte(), size = script_.byte();
    const auto qos = static_cast<Qos>(choice % 3);
    if (!client.may_publish(qos) || next_ == wild_number_min) return;
    const Numbered message{next_++,
                           static_cast<std::uint8_t>(choice / 3 % topics.size()),
                           static_cast<std::uint8_t>(4 + size % 64),
                           qos,
                           (size & 0x80) != 0,
                           (size & 0x40) != 0};
    client.publish(published_[message.number] = message);
  }

  void ask(HonestClient& client) {
    const auto choice = script_.byte();
    if (!client.may_ask()) return;
    const auto filter = filters[choice % 8];
    const auto qos = static_cast<Qos>(std::min(choice >> 3 & 3, 2));
    if ((choice & 0xE0) == 0xE0) return client.ping();
    if ((choice & 0xE0) == 0xC0) return client.unsubscribe(filter);
    if ((choice & 0xE0) == 0xA0) return client.goodbye();
    client.subscribe(filter, {.qos = qos, .no_local = (choice & 0x20) != 0});
  }

  void take_output(Side& side) {
    const auto output = side.client.take_output();
    side.up.insert(side.up.end(), output.begin(), output.end());
  }

  // Some of what is on its way arrives, if the server reads.
  void up(std::size_t who, Wire* link, Bytes& bytes, std::size_t count) {
    Side& side = sides_[who];
    if (link == side.newest.get() && !broker_.place(who).wild) take_output(side);
    if (link == nullptr || !link->connection.wants_input()) return;
    count = std::min(count, bytes.size());
    const Bytes chunk(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    broker_.receive(who, *link, chunk, ++now_);
    SEALPOST_ASSERT(!link->connection.failure() || broker_.place(who).wild);
    if (link->connection.closing()) broker_.cut(who, *link, now_);
  }

  // What the server is stalled by may be answered; then it goes on with what it has.
  void down(std::size_t who, std::size_t count) {
    Side& side = sides_[who];
    if (!side.newest) return;
    broker_.receive(who, *side.newest, {}, now_);
    Bytes& bytes = side.newest->down;
    count = std::min(count, bytes.size());
    const Bytes chunk(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    if (!broker_.place(who).wild && !saying_goodbye(side)) side.client.read(chunk);
    Place& place = broker_.place(who);
    if (side.client.connected() && place.link == side.newest.get()) place.untold = false;
  }

  // It reads no more once it has said goodbye; before CONNACK it reads.
  static bool saying_goodbye(const Side& side) { return side.newest->connection.closing(); }

  void cut(std::size_t who) {
    Side& side = sides_[who];
    drop_older(who);
    if (!side.newest) return;
    broker_.cut(who, *side.newest, now_);
    side.newest.reset();
    side.up.clear();
    side.client.lose();
  }

  void drop_older(std::size_t who) {
    Side& side = sides_[who];
    if (side.older) broker_.cut(who, *side.older, now_);
    side.older.reset();
    side.older_up.clear();
  }

  // From here on it sends whatever the script says, and what comes is not looked at.
  void go_wild() {
    broker_.place(1).wild = true;
    if (!sides_[1].newest) open(1, {});
    const auto bytes = script_.bytes(script_.byte());
    Bytes& up_bytes = sides_[1].up;
    up_bytes.insert(up_bytes.end(), bytes.begin(), bytes.end());
    if (!sides_[1].newest->connection.wants_input() && sides_[1].newest->connection.closing()) open(1, {});
  }

  // Everything moves, in both directions.
  void settle(int rounds) {
    for (; rounds > 0; --rounds) {
      for (std::size_t who = 0; who < clients; ++who) {
        Side& side = sides_[who];
        up(who, side.newest.get(), side.up, 4'096);
        broker_.commit(who, 100);
        down(who, 4'096);
        side.client.answer(100);
      }
    }
  }

  // Both come back once more, and in the end nothing is owed to anybody.
  void end() {
    for (std::size_t who = 0; who < clients; ++who) {
      if (broker_.place(who).wild) continue;
      cut(who);
      open(who, {});
    }
    for (int rounds = 0; !at_rest(); ++rounds) {
      SEALPOST_ASSERT(rounds < 100);
      settle(1);
    }
    for (std::size_t who = 0; who < clients; ++who)
      for (const auto& [number, left] : broker_.place(who).owed) SEALPOST_ASSERT(left == 0 || broker_.place(who).wild);
  }

  // No flow is under way at either end.
  bool at_rest() {
    for (std::size_t who = 0; who < clients; ++who) {
      const Place& place = broker_.place(who);
      if (place.wild) continue;
      const bool served = place.session.in_flight().empty() && place.session.received().empty() &&
                          !place.deliveries.has_waiting() && place.deliveries.bytes() == 0;
      if (!served || !sides_[who].client.idle()) return false;
    }
    return true;
  }

  void taken(std::size_t who, std::uint32_t number, Qos qos) {
    if (qos != Qos::exactly_once) return;
    auto& left = broker_.place(who).owed[number];
    SEALPOST_ASSERT(left > 0);
    --left;
  }

  Script script_;
  SmallBroker broker_;
  std::map<std::uint32_t, Numbered> published_;
  std::array<Side, clients> sides_{
      Side{HonestClient(published_, [this](std::uint32_t number, Qos qos) { taken(0, number, qos); })},
      Side{HonestClient(published_, [this](std::uint32_t number, Qos qos) { taken(1, number, qos); })}};
  std::uint32_t next_ = 1;
  Millis now_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size > 4'096) return 0;
  Play(Script({bytes, size})).run();
  return 0;
}
