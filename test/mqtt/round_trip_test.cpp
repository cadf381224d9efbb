#include <rapidcheck.h>

#include "exchange.hpp"
#include "mqtt/reasons_of_packets.hpp"
#include "told.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

// Makes packets of both versions; what they view lives as long as the maker.
class Maker {
 public:
  explicit Maker(Version version) : version_(version) {}

  Packet packet() {
    switch (*rc::gen::inRange(1, version_ == Version::v5 ? 16 : 15)) {
      case 1:
        return connect();
      case 2:
        return connack();
      case 3:
        return publish();
      case 4:
        return acknowledgement<PacketType::puback>();
      case 5:
        return acknowledgement<PacketType::pubrec>();
      case 6:
        return acknowledgement<PacketType::pubrel>();
      case 7:
        return acknowledgement<PacketType::pubcomp>();
      case 8:
        return subscribe();
      case 9:
        return Suback{id(), reasons(carried_by::suback), properties(carried_by::suback)};
      case 10:
        return Unsubscribe{id(), filters(), properties(set_of(PacketType::unsubscribe))};
      case 11:
        return unsuback();
      case 12:
        return Pingreq{};
      case 13:
        return Pingresp{};
      case 14:
        return Disconnect{reason(carried_by::disconnect), properties(carried_by::disconnect)};
      default:
        return Auth{reason(carried_by::auth), properties(carried_by::auth)};
    }
  }

 private:
  bool v5() const { return version_ == Version::v5; }
  bool flip() { return *rc::gen::arbitrary<bool>(); }
  std::uint32_t number(std::uint32_t low, std::uint32_t high) { return *rc::gen::inRange<std::uint32_t>(low, high); }
  PacketId id() { return static_cast<PacketId>(number(1, 65'536)); }
  Qos qos(std::uint32_t most = 2) { return static_cast<Qos>(number(0, most + 1)); }

  std::string_view text(std::size_t least = 0) {
    static const std::vector<std::string> letters = {"a", "/", "Z", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                                     " "};
    std::string made;
    for (auto n = number(0, 20); n > 0 || made.size() < least; n -= n > 0) made += *rc::gen::elementOf(letters);
    return texts_.emplace_back(std::move(made));
  }
  BytesView bytes() {
    return as_bytes(texts_.emplace_back(*rc::gen::container<std::string>(rc::gen::arbitrary<char>())));
  }
  std::string_view filter() {
    return *rc::gen::elementOf(std::vector<const char*>{"a/#", "+/b", "c", "$share/g/d", "/"});
  }
  std::vector<std::string_view> filters() {
    std::vector<std::string_view> made(number(1, 4));
    for (auto& each : made) each = filter();
    return made;
  }

  ReasonCode reason(PacketSet packet) {
    if (!v5() && packet != carried_by::suback) return ReasonCode::success;
    for (;;) {
      const auto made = static_cast<ReasonCode>(number(0, 256));
      if (may_carry(packet, made) && (v5() || !is_failure(made) || made == ReasonCode::unspecified_error)) return made;
    }
  }
  std::vector<ReasonCode> reasons(PacketSet packet) {
    std::vector<ReasonCode> made(number(1, 4));
    for (auto& each : made) each = reason(packet);
    return made;
  }

  struct Fill {
    Maker& make;
    void operator()(std::optional<bool>& field) { field = make.flip(); }
    void operator()(std::optional<Qos>& field) { field = make.qos(1); }
    void operator()(std::optional<std::uint16_t>& field) { field = make.id(); }
    void operator()(std::optional<std::uint32_t>& field) { field = make.number(1, 0xFFFFFFFF); }
    void operator()(std::optional<std::string_view>& field) { field = make.text(1); }
    void operator()(std::optional<BytesView>& field) { field = make.bytes(); }
    void operator()(std::vector<std::uint32_t>& field) { field.assign(1, make.number(1, 268'435'456)); }
    void operator()(std::vector<UserProperty>& field) { field.assign(make.number(1, 4), {make.text(), make.text()}); }
  };
  Properties properties(PacketSet packet) {
    Properties made;
    if (!v5() || flip()) return made;
    any_property(made, [&](int, PacketSet packets, auto& field) {
      if ((packets & packet) && flip()) Fill{*this}(field);
      return false;
    });
    if (!made.authentication_method) made.authentication_data.reset();
    return made;
  }

  Connect connect() {
    Connect made{version_, text(), flip(), id(), {}, {}, {}, properties(carried_by::connect)};
    if (flip()) made.will = Will{text(1), bytes(), qos(), flip(), properties(carried_by::will)};
    if (flip()) made.user_name = text();
    if (flip() && (v5() || made.user_name)) made.password = bytes();
    return made;
  }
  Connack connack() {
    const auto code =
        v5() ? reason(carried_by::connack) : *reason_of_return_code(static_cast<std::uint8_t>(number(0, 6)));
    return {code == ReasonCode::success && flip(), code, properties(carried_by::connack)};
  }
  Publish publish() {
    Publish made{text(1), bytes(), qos(), flip(), false, 0, properties(carried_by::publish)};
    if (made.qos == Qos::at_most_once) return made;
    made.dup = flip();
    made.packet_id = id();
    return made;
  }
  template <PacketType type>
  Acknowledgement<type> acknowledgement() {
    return {id(), reason(set_of(type)), properties(set_of(type))};
  }
  Subscribe subscribe() {
    Subscribe made{id(), {}, properties(carried_by::subscribe)};
    for (const auto each : filters()) {
      SubscriptionOptions options{qos()};
      if (v5()) options = {qos(), flip() && !each.starts_with("$"), flip(), static_cast<RetainHandling>(number(0, 3))};
      made.requests.push_back({each, options});
    }
    return made;
  }
  Unsuback unsuback() {
    if (!v5()) return {id(), {}, {}};
    return {id(), reasons(carried_by::unsuback), properties(carried_by::unsuback)};
  }

  Version version_;
  std::deque<std::string> texts_;
};

}  // namespace

TEST_CASE("every packet of both versions is read back as it was written") {
  CHECK(rc::check([] {
    const auto version = *rc::gen::elementOf(std::vector{Version::v311, Version::v5});
    Maker make(version);
    const auto packet = make.packet();
    const auto bytes = encoded(version, packet);
    const auto read = decode(version, bytes);
    RC_ASSERT(read.has_value());
    RC_ASSERT(told(*read) == told(packet));
    RC_ASSERT(encoded_size(version, packet).value() == bytes.size());
  }));
}

TEST_CASE("no packet that lacks its last byte can be read") {
  CHECK(rc::check([] {
    const auto version = *rc::gen::elementOf(std::vector{Version::v311, Version::v5});
    Maker make(version);
    auto bytes = encoded(version, make.packet());
    bytes.pop_back();
    RC_ASSERT(!decode(version, bytes).has_value());
  }));
}
