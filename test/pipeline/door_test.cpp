// The door gives a ticket to whoever has proven itself over REST, and takes it back from a CONNECT.

#include "pipeline/door.hpp"

#include "pipeline/stage.hpp"

using namespace sealpost;
using namespace sealpost::pipeline;
using namespace sealpost::pipeline::test;

TEST_CASE("a ticket that was got over TLS is taken in the clear from this machine only") {
  HeldClock clock;
  auth::Counting random;
  Door door(clock, random, {});
  Credentials who;
  who.device = *Device::parse("phone");
  const std::string id = who.client.hex() + ".phone";
  const auto taken = [&](const std::string& endpoint, net::Transport transport, bool near) {
    net::Peer peer;
    peer.transport = transport;
    peer.near = near;
    const auto ticket = door.issue(who, endpoint);
    REQUIRE(ticket);
    return door.redeem(id, *ticket, peer).has_value();
  };
  const std::string endpoint = GENERATE("mqtts://chat.example.org", "wss://chat.example.org/mqtt", "https://a.example");
  CHECK_FALSE(taken(endpoint, net::Transport::tcp, false));
  CHECK_FALSE(taken(endpoint, net::Transport::websocket, false));
  CHECK(taken(endpoint, net::Transport::tls, false));
  CHECK(taken(endpoint, net::Transport::websocket_tls, false));
  CHECK(taken(endpoint, net::Transport::tcp, true));  // a TLS proxy stands there
  CHECK(taken("mqtt://chat.example.org", net::Transport::tcp, false));
}
