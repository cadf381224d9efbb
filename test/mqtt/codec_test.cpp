#include "mqtt/codec.hpp"

#include <set>

#include "exchange.hpp"
#include "told.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

constexpr auto v311 = Version::v311;
constexpr auto v5 = Version::v5;

// The packet is these bytes, and these bytes are the packet.
void golden(Version version, const Packet& packet, std::string_view script) {
  INFO(script);
  const auto bytes = wire(script);
  CHECK(encoded(version, packet) == bytes);
  CHECK(encoded_size(version, packet).value() == bytes.size());
  const auto read = decode(version, bytes);
  REQUIRE(read.has_value());
  CHECK(told(*read) == told(packet));
}

const Bytes two = {0xAB, 0xCD};

}  // namespace

TEST_CASE("3.1.1 packets are these bytes") {
  Connect connect{.version = v311, .client_id = "id"};
  connect.keep_alive = 60;
  golden(v311, connect, "10 0E 0004'MQTT' 04 02 003C 0002'id'");
  connect.clean_start = false;
  connect.will = Will{"w", two, Qos::at_least_once, true, {}};
  connect.user_name = "u";
  connect.password = two;
  golden(v311, connect, "10 1C 0004'MQTT' 04 EC 003C 0002'id' 0001'w' 0002ABCD 0001'u' 0002ABCD");

  golden(v311, Connack{true, ReasonCode::success, {}}, "20 02 01 00");
  golden(v311, Connack{false, ReasonCode::not_authorized, {}}, "20 02 00 05");
  golden(v311, Publish{"t", two, Qos::at_most_once, false, false, 0, {}}, "30 05 0001't' ABCD");
  golden(v311, Publish{"t", two, Qos::at_least_once, true, true, 10, {}}, "3B 07 0001't' 000A ABCD");
  golden(v311, Publish{"t", {}, Qos::exactly_once, false, false, 10, {}}, "34 05 0001't' 000A");
  golden(v311, Puback{10, {}, {}}, "40 02 000A");
  golden(v311, Pubrec{10, {}, {}}, "50 02 000A");
  golden(v311, Pubrel{10, {}, {}}, "62 02 000A");
  golden(v311, Pubcomp{10, {}, {}}, "70 02 000A");
  golden(v311, Subscribe{10, {{"a/b", {Qos::at_least_once}}, {"c", {Qos::exactly_once}}}, {}},
         "82 0C 000A 0003'a/b' 01 0001'c' 02");
  golden(v311, Suback{10, {ReasonCode::granted_qos_1, ReasonCode::unspecified_error}, {}}, "90 04 000A 01 80");
  golden(v311, Unsubscribe{10, {"a/b", "c"}, {}}, "A2 0A 000A 0003'a/b' 0001'c'");
  golden(v311, Unsuback{10, {}, {}}, "B0 02 000A");
  golden(v311, Pingreq{}, "C0 00");
  golden(v311, Pingresp{}, "D0 00");
  golden(v311, Disconnect{}, "E0 00");
}

TEST_CASE("5.0 packets are these bytes") {
  Connect connect{.client_id = "id"};
  connect.keep_alive = 60;
  golden(v5, connect, "10 0F 0004'MQTT' 05 02 003C 00 0002'id'");
  connect.properties.session_expiry = 300;
  connect.will = Will{"w", two, Qos::exactly_once, false, {}};
  connect.will->properties.will_delay = 1;
  connect.password = two;
  golden(v5, connect, "10 25 0004'MQTT' 05 56 003C 05 11 0000012C 0002'id' 05 18 00000001 0001'w' 0002ABCD 0002ABCD");

  Connack connack{true, ReasonCode::success, {}};
  connack.properties.receive_maximum = 32;
  golden(v5, connack, "20 06 01 00 03 21 0020");
  golden(v5, Connack{false, ReasonCode::bad_authentication_method, {}}, "20 03 00 8C 00");
  Publish publish{"t", two, Qos::at_least_once, false, true, 10, {}};
  golden(v5, publish, "3A 08 0001't' 000A 00 ABCD");
  publish.topic = "";
  publish.properties.topic_alias = 3;
  publish.properties.subscription_identifiers = {1, 128};
  golden(v5, publish, "3A 0F 0000 000A 08 0B01 0B8001 230003 ABCD");
  golden(v5, Puback{10, {}, {}}, "40 02 000A");
  golden(v5, Puback{10, ReasonCode::quota_exceeded, {}}, "40 03 000A 97");
  Puback rejected{10, ReasonCode::not_authorized, {}};
  rejected.properties.reason_string = "no";
  rejected.properties.user_properties = {{"code", "gap"}};
  golden(v5, rejected, "40 15 000A 87 11 1F 0002'no' 26 0004'code' 0003'gap'");
  golden(v5, Pubrec{10, ReasonCode::no_matching_subscribers, {}}, "50 03 000A 10");
  golden(v5, Pubrel{10, ReasonCode::packet_identifier_not_found, {}}, "62 03 000A 92");
  golden(v5, Pubcomp{10, {}, {}}, "70 02 000A");
  Subscribe subscribe{10, {{"a", {Qos::at_least_once, true, true, RetainHandling::do_not_send}}}, {}};
  subscribe.properties.subscription_identifiers = {200};
  golden(v5, subscribe, "82 0A 000A 03 0BC801 0001'a' 2D");
  golden(v5, Suback{10, {ReasonCode::granted_qos_2, ReasonCode::topic_filter_invalid}, {}}, "90 05 000A 00 02 8F");
  golden(v5, Unsubscribe{10, {"a"}, {}}, "A2 06 000A 00 0001'a'");
  golden(v5, Unsuback{10, {ReasonCode::no_subscription_existed}, {}}, "B0 04 000A 00 11");
  golden(v5, Pingreq{}, "C0 00");
  golden(v5, Pingresp{}, "D0 00");
  golden(v5, Disconnect{}, "E0 00");
  golden(v5, Disconnect{ReasonCode::session_taken_over, {}}, "E0 01 8E");
  golden(v5, Auth{}, "F0 00");
  Auth auth{ReasonCode::continue_authentication, {}};
  auth.properties.authentication_method = "m";
  auth.properties.authentication_data = two;
  golden(v5, auth, "F0 0B 18 09 15 0001'm' 16 0002ABCD");
}

TEST_CASE("each property is these bytes in a packet that carries it") {
  Publish publish{"t", {}, Qos::at_most_once, false, false, 0, {}};
  auto& p = publish.properties;
  p.payload_is_text = true;
  p.message_expiry = 1;
  p.content_type = "c";
  p.response_topic = "r";
  p.correlation_data = two;
  p.subscription_identifiers = {268'435'455};
  p.topic_alias = 9;
  p.user_properties = {{"a", "b"}, {"a", ""}};
  golden(v5, publish,
         "30 2D 0001't' 29 0101 02 00000001 03 0001'c' 08 0001'r' 09 0002ABCD 0B FFFFFF7F 23 0009"
         "26 0001'a' 0001'b' 26 0001'a' 0000");

  Connect connect{.client_id = ""};
  auto& c = connect.properties;
  c.session_expiry = session_never_expires;
  c.authentication_method = "m";
  c.authentication_data = two;
  c.request_problem_information = false;
  c.request_response_information = true;
  c.receive_maximum = 1;
  c.topic_alias_maximum = 2;
  c.maximum_packet_size = 3;
  golden(
      v5, connect,
      "10 2A 0004'MQTT' 05 02 0000 1D 11 FFFFFFFF 15 0001'm' 16 0002ABCD 1700 1901 21 0001 22 0002 27 00000003 0000");

  Connack connack;
  auto& k = connack.properties;
  k.assigned_client_id = "i";
  k.server_keep_alive = 5;
  k.response_information = "r";
  k.server_reference = "s";
  k.reason_string = "t";
  k.maximum_qos = Qos::at_least_once;
  k.retain_available = false;
  k.wildcard_subscription_available = true;
  k.subscription_identifiers_available = false;
  k.shared_subscription_available = true;
  golden(v5, connack, "20 20 00 00 1D 12 0001'i' 13 0005 1A 0001'r' 1C 0001's' 1F 0001't' 2401 2500 2801 2900 2A01");
}

TEST_CASE("the list of properties has the 27 of the standard") {
  Properties properties;
  std::set<int> identifiers;
  any_property(properties, [&](int identifier, PacketSet packets, auto&) {
    CHECK(packets != 0);
    CHECK(identifiers.insert(identifier).second);
    return false;
  });
  CHECK(identifiers.size() == 27);
}

namespace {

struct Fault {
  Version version;
  const char* script;
  Errc errc;
};

const Fault faults[] = {
    // Fixed header.
    {v5, "00 00", Errc::bad_packet_type},
    {v5, "02 00", Errc::bad_flags},
    {v5, "C1 00", Errc::bad_flags},
    {v5, "80 07 000A 00 0001'a' 00", Errc::bad_flags},
    {v5, "60 02 000A", Errc::bad_flags},
    {v5, "42 02 000A", Errc::bad_flags},
    {v311, "A0 05 000A 0001'a'", Errc::bad_flags},
    {v311, "E1 00", Errc::bad_flags},
    {v311, "F0 00", Errc::bad_packet_type},
    {v5, "C0 01", Errc::truncated},
    {v5, "C0 01 00", Errc::trailing_bytes},
    {v5, "C0 00 00", Errc::trailing_bytes},
    {v5, "40", Errc::truncated},
    // PUBLISH.
    {v5, "36 06 0001't' 000A 00", Errc::bad_qos},
    {v311, "38 03 0001't'", Errc::bad_qos},
    {v5, "30 03 0000 00", Errc::no_topic},
    {v311, "30 02 0000", Errc::bad_topic_name},
    {v5, "30 06 0003'a/#' 00", Errc::bad_topic_name},
    {v311, "30 05 0003'+/a'", Errc::bad_topic_name},
    {v5, "30 04 0002't'", Errc::truncated},
    {v5, "32 06 0001't' 0000 00", Errc::zero_packet_id},
    {v311, "32 03 0001't'", Errc::truncated},
    {v5, "30 05 0002 6100 00", Errc::bad_utf8},
    {v5, "30 06 0003 EDA080 00", Errc::bad_utf8},
    {v311, "30 04 0002 C080", Errc::bad_utf8},
    {v5, "30 08 0001't' 04 23 0001 00", Errc::unknown_property},
    {v5, "30 07 0001't' 03 23 0000", Errc::topic_alias_invalid},
    {v5, "30 0A 0001't' 06 23 0001 23 0001", Errc::duplicate_property},
    {v5, "30 06 0001't' 02 0102", Errc::bad_property_value},
    {v5, "30 06 0001't' 02 0B00", Errc::bad_property_value},
    {v5, "30 08 0001't' 04 08 0001'#'", Errc::bad_topic_name},
    {v5, "30 09 0001't' 05 11 00000001", Errc::property_not_allowed},
    {v5, "30 06 0001't' 02 7F00", Errc::unknown_property},
    {v5, "30 06 0001't' 05 0100", Errc::truncated},
    {v5, "30 05 0001't' 8000", Errc::bad_remaining_length},
    // PUBACK and its like.
    {v5, "40 02 0000", Errc::zero_packet_id},
    {v311, "40 03 000A 00", Errc::trailing_bytes},
    {v5, "40 01 00", Errc::truncated},
    {v5, "40 03 000A 92", Errc::bad_reason_code},
    {v5, "62 03 000A 10", Errc::bad_reason_code},
    {v5, "40 05 000A 00 00 00", Errc::trailing_bytes},
    {v5, "40 06 000A 00 02 0101", Errc::property_not_allowed},
    // SUBSCRIBE and UNSUBSCRIBE.
    {v5, "82 03 000A 00", Errc::no_filters},
    {v311, "82 02 000A", Errc::no_filters},
    {v311, "A2 02 000A", Errc::no_filters},
    {v5, "82 07 0000 00 0001'a' 00", Errc::zero_packet_id},
    {v5, "82 07 000A 00 0001'a' 03", Errc::bad_subscription},
    {v311, "82 06 000A 0001'a' 03", Errc::bad_qos},
    {v311, "82 06 000A 0001'a' 04", Errc::bad_flags},
    {v5, "82 07 000A 00 0001'a' 40", Errc::bad_flags},
    {v5, "82 07 000A 00 0001'a' 30", Errc::bad_subscription},
    {v5, "82 10 000A 00 000A'$share/g/a' 04", Errc::bad_subscription},
    {v5, "82 08 000A 00 0002'a#' 00", Errc::bad_topic_filter},
    {v5, "82 06 000A 00 0000 00", Errc::bad_topic_filter},
    {v5, "82 06 000A 00 0001'a'", Errc::truncated},
    {v5, "82 0B 000A 04 0B01 0B02 0001'a' 00", Errc::duplicate_property},
    {v5, "A2 08 000A 02 0B01 0001'a'", Errc::property_not_allowed},
    {v311, "A2 06 000A 0002'#a'", Errc::bad_topic_filter},
    // Answers.
    {v5, "20 03 02 00 00", Errc::bad_flags},
    {v5, "20 03 01 87 00", Errc::bad_flags},
    {v5, "20 03 00 8E 00", Errc::bad_reason_code},
    {v311, "20 02 00 06", Errc::bad_reason_code},
    {v5, "20 05 00 00 02 2402", Errc::bad_property_value},
    {v311, "90 03 000A 87", Errc::bad_reason_code},
    {v5, "90 04 000A 00 92", Errc::bad_reason_code},
    {v5, "B0 03 000A 00", Errc::no_filters},
    {v311, "B0 03 000A 00", Errc::trailing_bytes},
    // DISCONNECT and AUTH.
    {v5, "E0 01 01", Errc::bad_reason_code},
    {v311, "E0 01 00", Errc::trailing_bytes},
    {v5, "F0 01 87", Errc::bad_reason_code},
    {v5, "F0 05 18 03 16 0000", Errc::bad_authentication},
    // CONNECT.
    {v5, "10 0D 0004'MQTT' 05 03 0000 00 0000", Errc::bad_flags},
    {v311, "10 0C 0004'MQTT' 04 03 0000 0000", Errc::bad_flags},
    {v311, "10 0C 0004'MQTT' 04 0A 0000 0000", Errc::bad_flags},
    {v311, "10 0C 0004'MQTT' 04 22 0000 0000", Errc::bad_flags},
    {v311, "10 0E 0004'MQTT' 04 42 0000 0000 0000", Errc::bad_flags},
    {v5, "10 13 0004'MQTT' 05 1E 0000 00 0000 00 0001'w' 0000", Errc::bad_qos},
    {v5, "10 13 0004'MQTT' 05 06 0000 00 0000 00 0001'+' 0000", Errc::bad_topic_name},
    {v5, "10 0D 0004'MQTX' 05 02 0000 00 0000", Errc::not_mqtt},
    {v5, "10 0D 0004'MQTT' 06 02 0000 00 0000", Errc::unsupported_version},
    {v5, "10 0E 0006'MQIsdp' 03 02 0000 0000", Errc::unsupported_version},
    {v5, "10 0C 0004'MQTT' 05 02 0000 00 00", Errc::truncated},
    {v5, "10 0E 0004'MQTT' 05 02 0000 00 0000 00", Errc::trailing_bytes},
    {v5, "10 10 0004'MQTT' 05 02 0000 03 21 0000 0000", Errc::bad_property_value},
    {v5, "10 12 0004'MQTT' 05 02 0000 05 27 00000000 0000", Errc::bad_property_value},
    {v5, "10 10 0004'MQTT' 05 02 0000 03 13 0001 0000", Errc::property_not_allowed},
    {v5, "10 11 0004'MQTT' 05 02 0000 04 1701 1701 0000", Errc::duplicate_property},
    {v5, "10 0F 0004'MQTT' 05 02 0000 02 1702 0000", Errc::bad_property_value},
};

}  // namespace

TEST_CASE("a malformed packet is refused for what is wrong with it") {
  for (const auto& fault : faults) {
    INFO((fault.version == v5 ? "5.0 " : "3.1.1 ") << fault.script);
    const auto read = decode(fault.version, wire(fault.script));
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().message() == make_error_code(fault.errc).message());
  }
}

TEST_CASE("a packet may not make its reader allocate beyond the bounds") {
  const DecodeBounds bounds{.user_properties_max = 2, .filters_max = 2};
  Publish publish{"t", {}, Qos::at_most_once, false, false, 0, {}};
  publish.properties.user_properties.assign(2, {"a", "b"});
  publish.properties.subscription_identifiers.assign(2, 1);
  CHECK(decode(v5, encoded(v5, publish), bounds).has_value());
  publish.properties.user_properties.emplace_back("a", "b");
  CHECK(decode(v5, encoded(v5, publish), bounds).error() == Errc::too_many);
  Subscribe subscribe{1, {{"a", {}}, {"b", {}}}, {}};
  CHECK(decode(v311, encoded(v311, subscribe), bounds).has_value());
  subscribe.requests.push_back({"c", {}});
  CHECK(decode(v311, encoded(v311, subscribe), bounds).error() == Errc::too_many);
}

TEST_CASE("what has no encoding leaves the output as it was") {
  Bytes out = {1, 2, 3};
  const std::string long_text(65'536, 'x');
  Publish publish{long_text, {}, Qos::at_most_once, false, false, 0, {}};
  CHECK(encode(v5, publish, out).error() == Errc::not_encodable);
  Puback misplaced{1, ReasonCode::success, {}};
  misplaced.properties.topic_alias = 1;
  CHECK(encode(v5, misplaced, out).error() == Errc::not_encodable);
  CHECK(encode(v5, Puback{1, ReasonCode::banned, {}}, out).error() == Errc::not_encodable);
  CHECK(encode(v311, Auth{}, out).error() == Errc::not_encodable);
  CHECK(encode(v311, Connack{false, ReasonCode::packet_too_large, {}}, out).error() == Errc::not_encodable);
  CHECK(out == Bytes{1, 2, 3});
}

TEST_CASE("every reason code has a name, and 3.1.1 return codes go both ways") {
  CHECK(name_of(ReasonCode::not_authorized) == "Not authorized");
  for (std::uint8_t code = 0; code <= 5; ++code) CHECK(return_code_of(*reason_of_return_code(code)) == code);
  CHECK_FALSE(reason_of_return_code(6));
}
