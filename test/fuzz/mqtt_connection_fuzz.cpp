// Any chunks and any answers of the owner, on one connection after the other of a session: memory stays bounded,
// nothing goes out after closing, and whatever goes out is a sequence of packets that a client can read. The input is a
// script: a byte that says what to do, then what that takes.

#include <string>

#include "base/assert.hpp"
#include "mqtt/connection.hpp"
#include "script.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using sealpost::test::Script;

namespace {

constexpr Limits limits{.packet_size_before_accept = 512,
                        .packet_size = 1024,
                        .receive_maximum = 4,
                        .maximum_qos = Qos::exactly_once,
                        .topic_alias_maximum = 4,
                        .retain_available = true,
                        .wildcard_subscriptions = true,
                        .keep_alive_max = 60,
                        .bounds = {.user_properties_max = 4, .filters_max = 4}};
constexpr std::size_t chunk_max = 255;

class Owner {
 public:
  explicit Owner(Script script) : script_(script) {}

  void run() {
    while (!script_.empty()) {
      act(script_.byte());
      check();
    }
  }

 private:
  void act(std::uint8_t what) {
    const auto reason = ReasonCode(script_.byte());
    switch (what % 18) {
      case 0:
      case 1:
      case 2:
        return receive();
      case 3:
        return drain(3);
      case 4:
        return accept();
      case 5:
        return void(connection_.refuse(reason, "refused").has_value());
      case 6:
        return void(connection_.authenticate(reason, script_.bytes(3)).has_value());
      case 7:
        return void(connection_.puback(script_.byte(), reason).has_value());
      case 8:
        return void(connection_.suback(1, {reason}).has_value());
      case 9:
        return void(connection_.unsuback(1, {reason}).has_value());
      case 10:
        return publish();
      case 11:
        return void(connection_.expire(now_ += 1000 * script_.byte()));
      case 12:
        return flush();
      case 13:
        return connection_.disconnect(reason, "goodbye");
      case 14:
        return void(connection_.pubrec(script_.byte(), reason).has_value());
      case 15:
        return void(connection_.pubcomp(static_cast<PacketId>(script_.byte() + 1)).has_value());
      case 16:
        return void(connection_.pubrel(script_.byte()).has_value());
      default:
        return reconnect();
    }
  }

  // The chunk is gone after the drain, as a pooled buffer would be.
  void receive() {
    const auto bytes = script_.bytes(script_.byte());
    Bytes chunk(bytes.begin(), bytes.end());
    connection_.receive(chunk, ++now_);
    drain(1000);
  }

  void drain(int most) {
    for (; most > 0; --most) {
      const auto event = connection_.next();
      if (!event) return;
      seen_.push_back(static_cast<char>('0' + event->index()));
      if (const auto* publish = std::get_if<PublishReceived>(&*event)) view(*publish);
      if (seen_.size() > 64) seen_.clear();
    }
    while (connection_.next()) continue;
  }

  // Touches every viewed byte, so that a stale view is found.
  void view(const Publish& publish) {
    for (const char c : publish.topic) sum_ += static_cast<unsigned char>(c);
    for (const auto byte : publish.payload) sum_ += byte;
  }

  void accept() {
    attachment_ = session_.attach(script_.byte() & 1, 60, now_);
    if (connection_.accept(session_).has_value()) SEALPOST_ASSERT(connection_.accepted());
  }

  void reconnect() {
    flush();
    connection_.disconnect(ReasonCode::session_taken_over);
    session_.detach(attachment_, now_);
    connection_ = Connection(limits, now_);
    was_closing_ = false;
  }

  void publish() {
    const auto choice = script_.byte();
    const auto topic = choice & 0x10 ? "t" : "another/topic/than/that";
    OutPublish message{
        .topic = topic, .payload = script_.bytes(choice & 15), .qos = Qos(choice / 32 % 3), .token = choice};
    if (choice & 0x80) message.packet_id = static_cast<PacketId>((choice & 7) + (choice & 8 ? 60'000 : 0));
    const auto window = connection_.window();
    const auto sent = connection_.publish(message);
    const bool counted = sent && *sent != 0;
    SEALPOST_ASSERT(!counted || window > 0);
    SEALPOST_ASSERT(connection_.window() == window - (counted ? 1 : 0));
  }

  void flush() {
    const bool closing = connection_.closing();
    Bytes out;
    connection_.take_output(out);
    if (was_closing_) SEALPOST_ASSERT(out.empty());
    was_closing_ = closing;
    Framer framer(packet_size_limit);
    framer.feed(out);
    for (;;) {
      const auto packet = framer.next();
      SEALPOST_ASSERT(packet.has_value());
      if (packet->empty()) break;
      SEALPOST_ASSERT(packet->size() <= connection_.client_packet_size_max());
      SEALPOST_ASSERT(decode(connection_.version(), *packet).has_value());
    }
    SEALPOST_ASSERT(framer.waiting() == 0);
  }

  void check() {
    if (connection_.has_output()) flush();
    if (connection_.closing()) {
      was_closing_ = true;
      SEALPOST_ASSERT(!connection_.next().has_value());
    }
    SEALPOST_ASSERT(connection_.heap_bytes() < 2 * (limits.packet_size + 64 * 1024 + chunk_max) + 128 * 1024);
  }

  Script script_;
  Session session_;
  Session::Attachment attachment_ = 0;
  Connection connection_{limits, 0};
  Millis now_ = 0;
  bool was_closing_ = false;
  std::string seen_;
  unsigned sum_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Owner(Script({bytes, size})).run();
  return 0;
}
