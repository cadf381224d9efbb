#include "client/address.hpp"

#include <catch2/catch.hpp>

namespace sealpost::client {

TEST_CASE("an address has a scheme, a host in lower case and a port, given or implied") {
  CHECK(Address::parse("mqtt://LocalHost")->endpoint() == "mqtt://localhost:1883");
  CHECK(Address::parse("mqtts://chat.example.org")->endpoint() == "mqtts://chat.example.org:8883");
  CHECK(Address::parse("MQTT://127.0.0.1:2000")->endpoint() == "mqtt://127.0.0.1:2000");
  CHECK(Address::parse("wss://chat.example.org")->endpoint() == "wss://chat.example.org:443");
  CHECK(Address::parse("ws://chat.example.org/elsewhere")->target == "/elsewhere");
  CHECK(Address::parse("ws://chat.example.org/")->target == "/mqtt");
  CHECK(Address::parse("mqtt://[::1]:1883")->endpoint() == "mqtt://[::1]:1883");
  CHECK(Address::parse("mqtt://[::1]:1883")->host == "::1");
  CHECK(Address::parse("unix:///run/sealpost.sock")->host == "/run/sealpost.sock");
  CHECK(Address::parse("unix://///run/sealpost.sock")->endpoint() == "unix:/run/sealpost.sock");
  CHECK(Address::parse("unix:/run/sealpost.sock")->scheme == net::Scheme::local);
}

TEST_CASE("what is no address of a server is refused") {
  for (const char* text : {"", "localhost", "localhost:1883", "http://localhost", "mqtt://", "mqtt://:1883",
                           "mqtt://user@host", "mqtt://host/path", "mqtt://host?x", "mqtt://host#x", "mqtt://host:0",
                           "mqtt://host:99999", "ws://h%40st", "ws://host:80x/y", "unix:relative", "unix:"}) {
    INFO(text);
    CHECK_FALSE(Address::parse(text).has_value());
  }
}

TEST_CASE("an address names its file without what a file system minds") {
  CHECK(Address::parse("mqtts://chat.example.org")->file_name() == "mqtts___chat.example.org_8883");
  CHECK(Address::parse("unix:/run/a.sock")->file_name() == "unix__run_a.sock");
}

}  // namespace sealpost::client
