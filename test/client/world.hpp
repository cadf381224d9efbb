#pragma once
// A folder of its own, identities, ports, and a small server on a loopback socket: what a client needs to be tested.
// The server keeps its lanes in memory, and does what a test tells it to.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <random>

#include "auth/handshake.hpp"
#include "client/session.hpp"
#include "mqtt/connection.hpp"
#include "net/wheel.hpp"
#include "object/message.hpp"
#include "temporary_folder.hpp"

namespace sealpost::client {

using Folder = sealpost::test::TemporaryFolder;

class TestRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(numbers_());
  }

 private:
  std::mt19937 numbers_{20'261'125};
};

class TestClock final : public Clock {
 public:
  Millis now() const override { return 1'764'000'000'000 + skew + steady_us() / 1000; }
  std::int64_t steady_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  Millis skew = 0;
};

class NoLog final : public LogSink {
 public:
  bool wants(Level) const override { return false; }
  void write(Level, std::string_view, std::string_view) override {}
};

// An identity with its keys.
struct Person {
  explicit Person(Random& random, const char* name = "somebody")
      : update(object::KeyPair::generate(random)), sign(object::KeyPair::generate(random)) {
    object::IdentityDraft draft;
    draft.name = name;
    draft.keys = {{object::purpose_update, &update}, {object::purpose_sign, &sign}};
    draft.time = 1'764'000'000'000;
    versions.push_back(object::make_first(draft, update));
  }
  Permalink permalink() const { return versions.front().permalink(); }
  Self self() const {
    std::vector<std::string> texts;
    for (const object::Identity& version : versions) texts.emplace_back(version.stored());
    return {permalink(), texts, &sign};
  }
  // A new version with a new `sign` key.
  void rotate(Random& random) {
    sign = object::KeyPair::generate(random);
    object::IdentityDraft draft;
    draft.name = versions.back().name();
    draft.keys = {{object::purpose_update, &update}, {object::purpose_sign, &sign}};
    draft.time = *versions.back().object().time() + 1;
    versions.push_back(object::make_next(versions.back(), draft, update));
  }

  object::KeyPair update, sign;
  std::vector<object::Identity> versions;
};

inline Device device(std::string_view label) {
  return *Device::parse(label);
}

// The next message of a lane, signed.
inline object::Signed message(const Person& author, const Permalink& to, const Device& from, const lane::Mark& head,
                              Millis time, std::string_view payload, std::optional<Link> answers = std::nullopt) {
  object::OutMessage out;
  out.author = author.permalink();
  out.recipient = to;
  out.device = from;
  out.n = head.n.next();
  out.previous = head.link;
  out.time = time;
  out.payload = payload;
  out.in_reply_to = answers;
  return out.prepare().sign(author.sign);
}

namespace asio = boost::asio;

// One client at a time; answers every message it accepts like an echo bot.
class FakeServer {
 public:
  FakeServer(asio::io_context&, Clock&, Random&);

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string address() const { return "mqtt://127.0.0.1:" + std::to_string(port()); }
  std::string endpoint() const { return address(); }

  // What the tests set and look at -----------------------------------------------------------------------------------
  Person who;
  Device log = device("log-one");
  bool echo = true;
  int close_before_puback = 0;  // so many messages are taken, and the connection closed instead of an answer
  int close_before_acked = 0;   // so many deliveries are sent, and the connection closed at their PUBACK
  std::string reject_next;      // the code with which the next message is rejected
  std::int64_t message_max = 256 * 1024;
  bool shut_device = false;                    // Welcome says `shut`, once
  bool refuse = false;                         // CONNACK 0x87
  Millis session_ms = 3'600'000;               // until reauth_after
  Millis time_ahead = 0;                       // the server's clock against the client's
  std::vector<std::string> accepted;           // stored texts, in order
  std::map<std::string, lane::Mark> in_heads;  // by device
  std::vector<object::Signed> out;             // out[n - 1]
  std::size_t acked = 0;
  int connections = 0;
  int reauthentications = 0;
  std::vector<std::string> devices;  // that have come, each time

  // Appends to the out-lane, and delivers if a client is there.
  void say(std::string_view payload, std::optional<Link> answers = std::nullopt);
  void drop();  // the connection
  void disconnect(mqtt::ReasonCode);
  void forget_identities() { known_.clear(); }
  void know(const std::vector<object::Identity>& versions) { known_[versions.front().permalink()] = versions; }

 private:
  struct Live;
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(std::shared_ptr<Live>);
  void handle(Live&, const mqtt::Event&);
  void challenge(Live&, BytesView hello, std::optional<std::string_view> client_id);
  void welcome(Live&, BytesView proof);
  void take(Live&, const mqtt::PublishReceived&);
  bool accept_message(Live&, const object::Message&);
  void deliver(Live&);
  void flush(std::shared_ptr<Live>);

  asio::io_context& context_;
  Clock& clock_;
  Random& random_;
  asio::ip::tcp::acceptor acceptor_;
  std::shared_ptr<Live> live_;
  Permalink client_;
  std::map<Permalink, std::vector<object::Identity>> known_;  // by client
  std::uint64_t epochs_ = 0;
};

// A client with its store, and a record of what its watcher was told.
struct Recorder final : Watcher {
  void on_online(const Connection&, bool first_meeting) override {
    ++online;
    first_meetings += first_meeting;
  }
  void on_offline(const ErrorCode& error, const std::string&, std::chrono::milliseconds) override {
    offline.push_back(error);
  }
  void on_message(const Entry& entry) override { messages.push_back(entry); }
  void on_answered(const Entry& entry) override { answered.push_back(entry); }
  void on_signed_again(const Entry& before, const Entry& after) override {
    signed_again.emplace_back(before.link, after.link);
  }
  void on_new_device(const std::string&) override { ++new_devices; }

  int online = 0, first_meetings = 0, new_devices = 0;
  std::vector<ErrorCode> offline;
  std::vector<Entry> messages, answered;
  std::vector<std::pair<Link, Link>> signed_again;
};

struct World {
  World() = default;
  ~World();
  net::Ports ports() { return {context->get_executor(), buffers, *wheel, log, counters}; }
  void start();  // opens the store and spawns a session
  void stop();   // ends the session, and closes the store
  // Runs until it holds; a failed test if that takes too long.
  void until(const std::function<bool()>& holds);
  Entry submit(std::string_view text, std::optional<Permalink> to = std::nullopt);

  Folder folder;
  TestClock clock;
  TestRandom random;
  NoLog log;
  Counters counters;
  net::BufferPool buffers;
  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
  std::unique_ptr<net::Wheel> wheel = std::make_unique<net::Wheel>(context->get_executor());
  Person anna{random, "Anna"};
  std::unique_ptr<FakeServer> server = std::make_unique<FakeServer>(*context, clock, random);
  std::optional<Store> store;
  Recorder told;
  std::optional<Permalink> server_expected;
  std::unique_ptr<Session> session;
  std::optional<Result<void>> ended;
};

}  // namespace sealpost::client
