#include "exchange.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

constexpr auto v311 = Version::v311;
constexpr auto v5 = Version::v5;

Publish message(PacketId id, std::string_view topic = "t") {
  return {topic, as_bytes("hello"), id == 0 ? Qos::at_most_once : Qos::at_least_once, false, false, id, {}};
}

}  // namespace

TEST_CASE("a 5.0 client connects and is told the terms") {
  Exchange x;
  x.client_sends(wire("10 0E 0004'MQTT' 05 02 003C 00 0001'c'"));
  const auto connect = x.owner_sees<ConnectReceived>();
  CHECK(connect.client_id == "c");
  CHECK(connect.keep_alive == 60);
  x.session.attach(true, 0, 0);
  ConnackOptions options;
  options.assigned_client_id = "i";
  options.session_expiry = 7;
  REQUIRE(x.connection.accept(x.session, options).has_value());
  x.server_sends(wire("20 1E 00 00 1B 11 00000007 12 0001'i' 21 0020 2401 2500 27 00100000 2800 2900 2A00"));
  CHECK(x.connection.accepted());
}

TEST_CASE("a 3.1.1 client connects with two bytes of answer") {
  Exchange x(v311);
  x.client_sends(wire("10 0D 0004'MQTT' 04 02 003C 0001'c'"));
  CHECK(x.owner_sees<ConnectReceived>().session_expiry() == 0);
  x.session.attach(true, 0, 0);
  REQUIRE(x.connection.accept(x.session).has_value());
  x.server_sends(wire("20 02 00 00"));
}

TEST_CASE("a resumed session is announced") {
  Exchange x;
  x.session.detach(x.session.attach(false, 100, 0), 0);
  Connect connect{.client_id = "c", .clean_start = false};
  connect.properties.session_expiry = 100;
  x.client_sends(connect);
  x.owner_sees<ConnectReceived>();
  x.session.attach(false, 100, 1);
  REQUIRE(x.connection.accept(x.session).has_value());
  CHECK(x.server_answers<Connack>().session_present);
}

TEST_CASE("a message at QoS 1 is acknowledged when the owner says so") {
  const auto version = GENERATE(v311, v5);
  Exchange x(version);
  x.connected();
  x.client_sends(message(10));
  const auto publish = x.owner_sees<PublishReceived>();
  CHECK(publish.topic == "t");
  CHECK(as_text(publish.payload) == "hello");
  x.owner_sees_nothing();
  x.server_sends_nothing();
  CHECK(x.connection.puback(11).error() == Errc::unknown_packet_id);
  REQUIRE(x.connection.puback(10).has_value());
  x.server_sends(wire("40 02 000A"));
  CHECK(x.connection.puback(10).error() == Errc::unknown_packet_id);
}

TEST_CASE("several packets in a chunk become events in order, and their answers one output") {
  Exchange x;
  x.connected();
  Bytes chunk;
  for (const PacketId id : {1, 0, 2}) REQUIRE(encode(v5, message(id), chunk).has_value());
  REQUIRE(encode(v5, Pingreq{}, chunk).has_value());
  x.client_sends(chunk);
  for (const PacketId id : {1, 0, 2}) CHECK(x.owner_sees<PublishReceived>().packet_id == id);
  x.owner_sees_nothing();
  REQUIRE(x.connection.puback(1).has_value());
  REQUIRE(x.connection.puback(2, ReasonCode::quota_exceeded).has_value());
  x.server_sends(wire("D000 40 02 0001 40 03 0002 97"));
}

TEST_CASE("a conversation is the same however its bytes are split") {
  const auto version = GENERATE(v311, v5);
  Bytes stream = encoded(version, Connect{.version = version, .client_id = "client"});
  for (const PacketId id : {1, 2}) REQUIRE(encode(version, message(id, "a/topic"), stream).has_value());
  REQUIRE(encode(version, Subscribe{3, {{"f", {}}}, {}}, stream).has_value());
  REQUIRE(encode(version, Pingreq{}, stream).has_value());
  REQUIRE(encode(version, Disconnect{}, stream).has_value());
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Exchange x(version);
    std::string seen;
    for (const auto& part : {BytesView(stream).first(cut), BytesView(stream).subspan(cut)}) {
      const Bytes chunk(part.begin(), part.end());
      x.connection.receive(chunk, 0);
      for (;;) {
        const auto event = x.connection.next();
        if (!event) break;
        if (std::holds_alternative<ConnectReceived>(*event)) {
          seen += "C";
          x.session.attach(true, 0, 0);
          REQUIRE(x.connection.accept(x.session).has_value());
        } else if (const auto* publish = std::get_if<PublishReceived>(&*event)) {
          seen += "P";
          REQUIRE(publish->topic == "a/topic");
          REQUIRE(x.connection.puback(publish->packet_id).has_value());
        } else {
          seen += std::holds_alternative<SubscribeReceived>(*event) ? "S" : "D";
        }
      }
    }
    CHECK(seen == "CPPSD");
    CHECK(x.connection.closing());
    CHECK(x.connection.heap_bytes() < 256);
  }
}

TEST_CASE("what a client sends before it is accepted waits") {
  Exchange x;
  Bytes chunk = encoded(v5, Connect{.client_id = "c"});
  REQUIRE(encode(v5, message(1), chunk).has_value());
  x.client_sends(chunk);
  x.owner_sees<ConnectReceived>();
  x.owner_sees_nothing();
  CHECK_FALSE(x.connection.wants_input());
  x.session.attach(true, 0, 0);
  REQUIRE(x.connection.accept(x.session).has_value());
  CHECK(x.connection.wants_input());
  CHECK(x.owner_sees<PublishReceived>().packet_id == 1);
}

TEST_CASE("and is thrown away if it is refused") {
  Exchange x;
  Bytes chunk = encoded(v5, Connect{.client_id = "c"});
  REQUIRE(encode(v5, message(1), chunk).has_value());
  x.client_sends(chunk);
  x.owner_sees<ConnectReceived>();
  x.owner_sees_nothing();
  REQUIRE(x.connection.refuse(ReasonCode::not_authorized, "who are you").has_value());
  CHECK(x.server_answers<Connack>().reason == ReasonCode::not_authorized);
  x.server_closes();
  CHECK_FALSE(x.connection.failure());
}

TEST_CASE("a refusal is told a 3.1.1 client by its return codes, or by closing") {
  const auto [reason, script] = GENERATE(table<ReasonCode, const char*>({
      {ReasonCode::unsupported_protocol_version, "20 02 00 01"},
      {ReasonCode::client_identifier_not_valid, "20 02 00 02"},
      {ReasonCode::server_busy, "20 02 00 03"},
      {ReasonCode::server_unavailable, "20 02 00 03"},
      {ReasonCode::bad_user_name_or_password, "20 02 00 04"},
      {ReasonCode::not_authorized, "20 02 00 05"},
      {ReasonCode::malformed_packet, ""},
  }));
  Exchange x(v311);
  x.client_sends(Connect{.version = v311, .client_id = "c"});
  x.owner_sees<ConnectReceived>();
  REQUIRE(x.connection.refuse(reason).has_value());
  x.server_sends(wire(script));
  x.server_closes();
}

TEST_CASE("disconnecting before accept is said by CONNACK, with a code that CONNACK may carry") {
  Exchange x;
  x.client_sends(Connect{.client_id = "c"});
  x.owner_sees<ConnectReceived>();
  x.connection.disconnect(ReasonCode::server_shutting_down);
  CHECK(x.server_answers<Connack>().reason == ReasonCode::server_unavailable);
  CHECK(x.connection.closing());
}

TEST_CASE("after closing nothing goes out and nothing comes in") {
  Exchange x;
  x.connected();
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  x.connection.disconnect(ReasonCode::session_taken_over);
  CHECK(x.server_answers<Disconnect>().reason == ReasonCode::session_taken_over);
  CHECK(x.connection.puback(1).error() == Errc::closed);
  CHECK(x.connection.publish({.topic = "t"}).error() == Errc::closed);
  CHECK(x.connection.accept(x.session).error() == Errc::closed);
  x.connection.disconnect(ReasonCode::server_busy);
  x.client_sends(message(2));
  x.owner_sees_nothing();
  x.server_sends_nothing();
}

TEST_CASE("calls out of state are refused") {
  Exchange x;
  CHECK(x.connection.accept(x.session).error() == Errc::out_of_state);
  CHECK(x.connection.refuse(ReasonCode::banned).error() == Errc::out_of_state);
  CHECK(x.connection.puback(1).error() == Errc::out_of_state);
  CHECK(x.connection.publish({.topic = "t"}).error() == Errc::out_of_state);
  CHECK(x.connection.authenticate(ReasonCode::continue_authentication, {}).error() == Errc::out_of_state);
  x.server_sends_nothing();
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE are answered by the owner, one code for each filter") {
  const auto version = GENERATE(v311, v5);
  Exchange x(version);
  x.connected();
  x.client_sends(Subscribe{7, {{"a", {Qos::exactly_once}}, {"b", {}}}, {}});
  CHECK(x.owner_sees<SubscribeReceived>().requests.size() == 2);
  REQUIRE(x.connection.suback(7, {ReasonCode::granted_qos_1, ReasonCode::not_authorized}).has_value());
  x.server_sends(version == v5 ? wire("90 05 0007 00 01 87") : wire("90 04 0007 01 80"));
  x.client_sends(Unsubscribe{8, {"a"}, {}});
  CHECK(x.owner_sees<UnsubscribeReceived>().filters.front() == "a");
  REQUIRE(x.connection.unsuback(8, {ReasonCode::success}).has_value());
  x.server_sends(version == v5 ? wire("B0 04 0008 00 00") : wire("B0 02 0008"));
}

TEST_CASE("the client's goodbye closes without an answer") {
  const auto version = GENERATE(v311, v5);
  Exchange x(version);
  x.connected();
  x.client_sends(Disconnect{});
  x.owner_sees<DisconnectReceived>();
  x.server_closes();
  x.server_sends_nothing();
  CHECK_FALSE(x.connection.failure());
}

TEST_CASE("the server's messages at QoS 1 have a packet id until the client answers") {
  Exchange x;
  x.connected();
  const auto id =
      x.connection.publish({.topic = "t", .payload = as_bytes("m"), .qos = Qos::at_least_once, .token = 99});
  REQUIRE(id.has_value());
  x.server_sends(wire("32 07 0001't' 0001 00 'm'"));
  CHECK(x.session.in_flight().size() == 1);
  x.client_sends(Puback{1, ReasonCode::quota_exceeded, {}});
  const auto answer = x.owner_sees<PubackReceived>();
  CHECK(answer.token == 99);
  CHECK(answer.reason == ReasonCode::quota_exceeded);
  CHECK(x.session.in_flight().empty());
  CHECK(x.connection.publish({.topic = "t"}).value() == 0);
}

TEST_CASE("a PUBACK for nothing says nothing") {
  Exchange x;
  x.connected();
  x.client_sends(Puback{1, {}, {}});
  x.owner_sees_nothing();
  CHECK_FALSE(x.connection.closing());
}

TEST_CASE("the client's receive maximum is kept") {
  Exchange x;
  Connect connect;
  connect.properties.receive_maximum = 2;
  x.connected(connect);
  const OutPublish out{.topic = "t", .qos = Qos::at_least_once};
  CHECK(x.connection.window() == 2);
  CHECK(x.connection.publish(out).value() == 1);
  CHECK(x.connection.publish(out).value() == 2);
  CHECK(x.connection.publish(out).error() == Errc::window_full);
  CHECK(x.connection.publish({.topic = "t"}).has_value());
  x.client_sends(Puback{1, {}, {}});
  x.owner_sees<PubackReceived>();
  CHECK(x.connection.publish(out).value() == 3);
}

TEST_CASE("the client's maximum packet size is kept, and what is optional gives way") {
  Exchange x;
  Connect connect;
  connect.properties.maximum_packet_size = 60;
  x.connected(connect);
  const std::string payload(60, 'x');
  CHECK(x.connection.publish({.topic = "t", .payload = as_bytes(payload), .qos = Qos::at_least_once}).error() ==
        Errc::packet_too_large);
  CHECK(x.session.in_flight().empty());
  CHECK(x.connection.window() == 65'535);
  x.server_sends_nothing();

  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  Properties properties;
  properties.reason_string = "short";
  properties.user_properties = {{"code", payload}};
  REQUIRE(x.connection.puback(1, ReasonCode::not_authorized, properties).has_value());
  x.server_sends(wire("40 03 0001 87"));
}

TEST_CASE("a client too small for CONNACK is closed") {
  Exchange x;
  Connect connect{.client_id = "c"};
  connect.properties.maximum_packet_size = 5;
  x.client_sends(connect);
  x.owner_sees<ConnectReceived>();
  x.session.attach(true, 0, 0);
  CHECK(x.connection.accept(x.session).error() == Errc::packet_too_large);
  x.server_sends_nothing();
  x.server_closes();
}

TEST_CASE("without request problem information only the code is sent") {
  Exchange x;
  Connect connect;
  connect.properties.request_problem_information = false;
  x.connected(connect);
  x.client_sends(message(1));
  x.owner_sees<PublishReceived>();
  Properties properties;
  properties.reason_string = "because";
  REQUIRE(x.connection.puback(1, ReasonCode::not_authorized, properties).has_value());
  x.server_sends(wire("40 03 0001 87"));
  x.connection.disconnect(ReasonCode::server_busy, "later");
  CHECK(x.server_answers<Disconnect>().properties.reason_string == "later");
}

TEST_CASE("a resume sends what was in flight once more, under the same id and marked") {
  Exchange x;
  x.connected();
  REQUIRE(x.connection.publish({.topic = "t", .qos = Qos::at_least_once, .token = 5}).has_value());
  x.session.set_expiry(100);
  x.session.detach(x.attachment, 1);

  Connection second(x.limits, 2);
  const auto connect = encoded(v5, Connect{.client_id = "c", .clean_start = false});
  second.receive(connect, 2);
  REQUIRE(second.next().has_value());
  x.session.attach(false, 100, 2);
  REQUIRE(second.accept(x.session).has_value());
  Bytes out;
  second.take_output(out);
  out.clear();
  const auto waiting = x.session.in_flight().front();
  CHECK(waiting.token == 5);
  const OutPublish again{.topic = "t", .qos = Qos::at_least_once, .packet_id = waiting.packet_id};
  CHECK(second.publish(again).value() == waiting.packet_id);
  second.take_output(out);
  CHECK(out == wire("3A 06 0001't' 0001 00"));
  CHECK(second.publish(again).error() == Errc::out_of_state);
  CHECK(second.publish({.topic = "t", .qos = Qos::at_least_once, .packet_id = PacketId{9}}).error() ==
        Errc::unknown_packet_id);
}

TEST_CASE("a silent client is closed after one and a half keep-alives") {
  const auto version = GENERATE(v311, v5);
  Exchange x(version);
  Connect connect;
  connect.keep_alive = 10;
  x.connected(connect);
  CHECK(x.connection.deadline() == 15'000);
  x.now = 9'000;
  x.client_sends(Pingreq{});
  x.owner_sees_nothing();
  x.server_sends(wire("D000"));
  CHECK(x.connection.deadline() == 24'000);
  // Part of a packet is no sign of life [MQTT-3.1.2-22].
  x.now = 20'000;
  x.client_sends(wire("30"));
  x.owner_sees_nothing();
  CHECK_FALSE(x.connection.expire(23'999));
  CHECK(x.connection.expire(24'000));
  x.server_sends(version == v5 ? wire("E0 01 8D") : Bytes{});
  CHECK(x.connection.failure() == Errc::keep_alive_timeout);
}

TEST_CASE("without keep-alive there is no deadline, unless the server sets one") {
  Exchange x;
  x.connected();
  CHECK_FALSE(x.connection.deadline());
  Limits limits;
  limits.keep_alive_max = 60;
  Exchange y(v5, limits);
  y.client_sends(Connect{.client_id = "c"});
  y.owner_sees<ConnectReceived>();
  y.session.attach(true, 0, 0);
  REQUIRE(y.connection.accept(y.session).has_value());
  CHECK(y.server_answers<Connack>().properties.server_keep_alive == 60);
  CHECK(y.connection.deadline() == 90'000);
}

TEST_CASE("a 3.1.1 client that sends more than the receive maximum is made to wait") {
  Limits limits;
  limits.receive_maximum = 1;
  Exchange x(v311, limits);
  Connect connect;
  connect.keep_alive = 1;
  x.connected(connect);
  Bytes chunk = encoded(v311, message(1));
  REQUIRE(encode(v311, message(2), chunk).has_value());
  x.client_sends(chunk);
  CHECK(x.owner_sees<PublishReceived>().packet_id == 1);
  x.owner_sees_nothing();
  CHECK_FALSE(x.connection.wants_input());
  CHECK_FALSE(x.connection.expire(1'000'000));  // nobody listens to it, so it is not silent
  REQUIRE(x.connection.puback(1).has_value());
  CHECK(x.owner_sees<PublishReceived>().packet_id == 2);
}

TEST_CASE("a client that its owner has not read from is not said to be silent") {
  Exchange x;
  Connect connect;
  connect.keep_alive = 10;
  x.connected(connect);
  x.connection.excuse_silence(14'000);
  CHECK_FALSE(x.connection.expire(15'000));
  CHECK(x.connection.deadline() == 29'000);
  CHECK(x.connection.expire(29'000));
}

TEST_CASE("an owner that reads on while a client must wait runs into a bound") {
  Exchange x;
  x.client_sends(Connect{.client_id = "c"});
  x.owner_sees<ConnectReceived>();
  for (int i = 0; i < 4; ++i) {
    x.client_sends(Bytes(60 * 1024, 0));
    x.owner_sees_nothing();
  }
  CHECK(x.connection.failure() == Errc::too_many);
  CHECK(x.server_answers<Connack>().reason == ReasonCode::quota_exceeded);
  CHECK(x.connection.heap_bytes() < 1024);
}

TEST_CASE("a connection that is held gives nothing until it is let go, and loses nothing") {
  const auto version = GENERATE(v311, v5);
  Exchange x(version);
  Connect connect;
  connect.keep_alive = 1;
  x.connected(connect);
  Bytes chunk;
  for (PacketId id = 1; id <= 3; ++id) REQUIRE(encode(version, message(id), chunk).has_value());
  x.client_sends(chunk);
  CHECK(x.owner_sees<PublishReceived>().packet_id == 1);
  x.connection.hold(true);
  x.owner_sees_nothing();
  CHECK_FALSE(x.connection.wants_input());
  CHECK_FALSE(x.connection.expire(1'000'000));
  REQUIRE(x.connection.puback(1).has_value());  // its answers go out
  x.owner_sees_nothing();
  x.connection.hold(false);
  CHECK(x.connection.wants_input());
  CHECK(x.owner_sees<PublishReceived>().packet_id == 2);
  CHECK(x.owner_sees<PublishReceived>().packet_id == 3);
  x.owner_sees_nothing();
}
