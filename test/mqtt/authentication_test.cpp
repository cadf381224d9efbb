// Enhanced authentication, 5.0 section 4.12.

#include "exchange.hpp"

using namespace sealpost;
using namespace sealpost::mqtt;
using namespace sealpost::mqtt::test;

namespace {

Auth auth(ReasonCode reason, std::string_view data, std::string_view method = "SEALPOST-1") {
  Auth made{reason, {}};
  made.properties.authentication_method = method;
  made.properties.authentication_data = as_bytes(data);
  return made;
}

constexpr auto go_on = ReasonCode::continue_authentication;
constexpr auto again = ReasonCode::reauthenticate;

struct Handshake : Exchange {
  Handshake() {
    Connect connect{.client_id = "c"};
    connect.properties.authentication_method = "SEALPOST-1";
    connect.properties.authentication_data = as_bytes("hello");
    client_sends(connect);
    CHECK(as_text(*owner_sees<ConnectReceived>().properties.authentication_data) == "hello");
  }
  void challenged() {
    REQUIRE(connection.authenticate(go_on, as_bytes("challenge")).has_value());
    server_sends(Packet(auth(go_on, "challenge")));
  }
  void proven() {
    client_sends(auth(go_on, "proof"));
    CHECK(as_text(*owner_sees<AuthReceived>().properties.authentication_data) == "proof");
  }
  void welcomed() {
    session.attach(true, 0, 0);
    ConnackOptions options;
    options.authentication_data = as_bytes("welcome");
    REQUIRE(connection.accept(session, options).has_value());
    const auto connack = server_answers<Connack>();
    CHECK(connack.properties.authentication_method == "SEALPOST-1");
    CHECK(as_text(*connack.properties.authentication_data) == "welcome");
  }
};

}  // namespace

TEST_CASE("CONNECT, AUTH, AUTH, CONNACK") {
  Handshake x;
  CHECK_FALSE(x.connection.wants_input());
  x.challenged();
  CHECK(x.connection.wants_input());
  x.proven();
  CHECK_FALSE(x.connection.wants_input());
  x.welcomed();
  CHECK(x.connection.wants_input());
}

TEST_CASE("a proof that does not hold is refused by CONNACK") {
  Handshake x;
  x.challenged();
  x.proven();
  REQUIRE(x.connection.refuse(ReasonCode::not_authorized).has_value());
  x.server_sends(wire("20 03 00 87 00"));
}

TEST_CASE("in a handshake a client may send AUTH and DISCONNECT only") {
  Handshake x;
  x.challenged();
  SECTION("PINGREQ") {
    x.client_sends(Pingreq{});
    x.server_closes();
    CHECK(x.server_answers<Connack>().reason == ReasonCode::protocol_error);
  }
  SECTION("DISCONNECT") {
    x.client_sends(Disconnect{});
    x.owner_sees<DisconnectReceived>();
    x.server_sends_nothing();
  }
}

TEST_CASE("the method does not change, and the turn is kept") {
  Handshake x;
  x.challenged();
  SECTION("another method") {
    x.client_sends(auth(go_on, "proof", "OTHER"));
  }
  SECTION("no method") {
    x.client_sends(wire("F0 02 18 00"));
  }
  SECTION("success is the server's to say") {
    x.client_sends(auth(ReasonCode::success, "proof"));
  }
  SECTION("re-authentication before authentication") {
    x.client_sends(auth(again, "proof"));
  }
  x.server_closes();
  CHECK(x.server_answers<Connack>().reason == ReasonCode::protocol_error);
}

TEST_CASE("a client authenticates again while traffic flows") {
  Handshake x;
  x.challenged();
  x.proven();
  x.welcomed();
  x.client_sends(auth(again, "hello"));
  x.owner_sees<AuthReceived>();
  x.client_sends(Publish{"t", {}, Qos::at_least_once, false, false, 1, {}});
  x.owner_sees<PublishReceived>();
  x.challenged();
  x.proven();
  REQUIRE(x.connection.authenticate(ReasonCode::success, as_bytes("welcome")).has_value());
  x.server_sends(Packet(auth(ReasonCode::success, "welcome")));

  SECTION("and once more") {
    x.client_sends(auth(again, "hello"));
    x.owner_sees<AuthReceived>();
    SECTION("but not twice at once") {
      x.client_sends(auth(again, "hello"));
      x.server_closes_saying(ReasonCode::protocol_error);
    }
    SECTION("and is refused by DISCONNECT") {
      x.connection.disconnect(ReasonCode::not_authorized);
      x.server_sends(wire("E0 01 87"));
    }
  }
  SECTION("but does not go on with what has not begun") {
    x.client_sends(auth(go_on, "proof"));
    x.server_closes_saying(ReasonCode::protocol_error);
  }
}

TEST_CASE("the server does not authenticate who asked for no method, nor out of turn") {
  Exchange plain;
  plain.client_sends(Connect{.client_id = "c"});
  plain.owner_sees<ConnectReceived>();
  CHECK(plain.connection.authenticate(go_on, {}).error() == Errc::out_of_state);

  Handshake x;
  CHECK(x.connection.authenticate(ReasonCode::success, {}).error() == Errc::out_of_state);
  x.challenged();
  CHECK(x.connection.authenticate(go_on, {}).error() == Errc::out_of_state);
  x.proven();
  x.welcomed();
  CHECK(x.connection.authenticate(go_on, {}).error() == Errc::out_of_state);
}
