// The PROXY protocol: its header as bytes, and what a listener makes of it.

#include "net/proxy_header.hpp"

#include <arpa/inet.h>
#include <rapidcheck.h>

#include "net/grumble.hpp"
#include "net/network.hpp"

namespace sealpost::net {
namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string v4("\xc0\x00\x02\x07\x0a\x00\x00\x01\x30\x39\x07\x5b", 12);  // 192.0.2.7:12345 to 10.0.0.1:1883
const std::string v6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x07" + std::string(15, '\0') +
                       "\x01" + std::string("\x30\x39\x07\x5b", 4);

std::string header(int command, int family, const std::string& rest) {
  return signature + static_cast<char>(command) + static_cast<char>(family) + static_cast<char>(rest.size() >> 8) +
         static_cast<char>(rest.size()) + rest;
}

const std::string from_client = header(0x21, 0x11, v4);
const std::string from_proxy = header(0x20, 0x00, "");

ErrorCode fault(const std::string& text) {
  const auto parsed = parse_proxy_header(as_bytes(text));
  return parsed ? ErrorCode() : parsed.error();
}

ProxyHeader parsed(const std::string& text) {
  return parse_proxy_header(as_bytes(text)).value();
}

using Source = ProxyHeader::Source;

TEST_CASE("a header names the client that the proxy speaks for") {
  const ProxyHeader four = parsed(from_client);
  CHECK(four.source == Source::client);
  CHECK(four.address == "192.0.2.7");
  CHECK(four.port == 12345);
  const ProxyHeader six = parsed(header(0x21, 0x21, v6));
  CHECK(six.source == Source::client);
  CHECK(six.address == "2001:db8::7");
  CHECK(six.port == 12345);
  CHECK(parsed(header(0x21, 0x31, std::string(216, 'p'))).source == Source::local);
}

TEST_CASE("an IPv4 client in IPv6 clothes is IPv4") {
  const std::string mapped = std::string(10, '\0') + "\xff\xff\xc0" + std::string("\x00\x02\x07", 3);
  CHECK(parsed(header(0x21, 0x21, mapped + v6.substr(16))).address == "192.0.2.7");
}

TEST_CASE("a proxy may speak for itself, whatever family it names, or for somebody it does not know") {
  CHECK(parsed(from_proxy).source == Source::proxy);
  CHECK(parsed(header(0x20, 0x11, v4)).source == Source::proxy);
  CHECK(parsed(header(0x20, 0xff, "x")).source == Source::proxy);
  CHECK(parsed(header(0x21, 0x00, "")).source == Source::unknown);
  CHECK(parsed(header(0x21, 0x00, "anything")).source == Source::unknown);
}

TEST_CASE("what follows the addresses is skipped, up to the bound of the header") {
  CHECK(parsed(header(0x21, 0x11, v4 + std::string("\x04\x00\x01x", 4))).address == "192.0.2.7");
  CHECK(parsed(header(0x21, 0x11, v4 + std::string(520 - 12, 't'))).address == "192.0.2.7");
  CHECK(fault(header(0x21, 0x11, v4 + std::string(521 - 12, 't'))) == Errc::proxy_header_too_large);
  CHECK(fault(header(0x20, 0x00, std::string(521, 't'))) == Errc::proxy_header_too_large);
  CHECK(fault(header(0x20, 0x00, std::string(65535, 't'))) == Errc::proxy_header_too_large);
}

TEST_CASE("every version, command and family that is not of this protocol is refused") {
  const std::string enough(300, 'a');
  for (int command = 0; command < 256; ++command) {
    CAPTURE(command);
    const ErrorCode expected = command == 0x20 || command == 0x21 ? ErrorCode() : Errc::proxy_header_malformed;
    CHECK(fault(header(command, 0x11, enough)) == expected);
  }
  for (int family = 0; family < 256; ++family) {
    CAPTURE(family);
    const bool known = family == 0x00 || family == 0x11 || family == 0x21 || family == 0x31;
    CHECK(fault(header(0x21, family, enough)) == (known ? ErrorCode() : Errc::proxy_header_malformed));
  }
}

TEST_CASE("addresses that are shorter than their family says are refused, at every length") {
  for (const auto& [family, size] : {std::pair(0x11, 12), std::pair(0x21, 36), std::pair(0x31, 216)}) {
    for (int length = 0; length <= size; ++length) {
      CAPTURE(family, length);
      const std::string rest(static_cast<std::size_t>(length), 'a');
      CHECK(fault(header(0x21, family, rest)) == (length == size ? ErrorCode() : Errc::proxy_header_malformed));
    }
  }
}

TEST_CASE("a header is asked for to its last byte, and not one more") {
  const std::string whole = header(0x21, 0x11, v4 + "tail");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    const auto needs = proxy_header_needs(as_bytes(whole).first(size));
    CHECK(needs.value() == (size < 16 ? 16 - size : whole.size() - size));
    if (size < whole.size()) CHECK(fault(whole.substr(0, size)) == Errc::proxy_header_malformed);
  }
  CHECK(fault(whole + "x") == Errc::proxy_header_malformed);
}

TEST_CASE("what is no header is known by its first wrong byte, and one of version 1 by its name") {
  for (std::size_t at = 0; at < signature.size(); ++at) {
    std::string wrong = signature.substr(0, at + 1);
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    CHECK(proxy_header_needs(as_bytes(wrong)).error() == Errc::proxy_header_missing);
  }
  CHECK(proxy_header_needs(as_bytes("\x10")).error() == Errc::proxy_header_missing);
  CHECK(proxy_header_needs(as_bytes("POST")).error() == Errc::proxy_header_missing);
  CHECK(proxy_header_needs(as_bytes("PROXY")).has_value());
  CHECK(proxy_header_needs(as_bytes("PROXY UNKNOWN\r\n")).error() == Errc::proxy_header_old);
}

TEST_CASE("any bytes are a header or are refused") {
  CHECK(rc::check([](const std::string& noise, std::uint8_t command, std::uint8_t family) {
    const bool fits = noise.size() <= 520;
    RC_ASSERT(parse_proxy_header(as_bytes(header(command, family, noise))).has_value() <= fits);
    RC_ASSERT(!parse_proxy_header(as_bytes(noise)));
  }));
}

// A listener with a proxy on this machine.
struct Behind {
  explicit Behind(ListenerOptions options = {}, AdmissionLimits limits = {})
      : admission(std::make_shared<Admission>(limits)),
        listener(network.ports(), trusting(std::move(options)), admission, {accepted.receiver(), nullptr}) {
    listener.start();
  }
  static ListenerOptions trusting(ListenerOptions options) {
    options.name = "test";
    if (options.proxies.empty()) options.proxies = {*AddressRange::parse("127.0.0.0/8")};
    return options;
  }
  std::unique_ptr<RawClient> proxy(const std::string& says) {
    auto client = std::make_unique<RawClient>(listener.port());
    client->send(says);
    return client;
  }
  std::int64_t refused() { return network.counters.proxy_headers_refused_total.value(); }

  Network network;
  Accepted accepted;
  std::shared_ptr<Admission> admission;
  Listener listener;
};

TEST_CASE("a peer behind a proxy has its own address, and what follows the header is not lost") {
  Behind behind;
  const auto client = behind.proxy(from_client + "hello");
  const auto channel = behind.accepted.next();
  CHECK(channel->peer().address == "192.0.2.7");
  CHECK(channel->peer().port == 12345);
  CHECK_FALSE(channel->peer().loopback);
  CHECK(channel->peer().near);
  CHECK(behind.network.await(read_from(channel, 5)) == "hello");
  channel->send(std::string("there"));
  CHECK(client->read(5) == "there");
}

TEST_CASE("a proxy on this machine may speak for a client on this machine, for itself, or for it knows not whom") {
  Behind behind;
  const auto peer_after = [&](const std::string& says) {
    const auto client = behind.proxy(says);
    return behind.accepted.next()->peer();
  };
  const std::string here("\x7f\x00\x00\x01\x7f\x00\x00\x01\x30\x39\x07\x5b", 12);
  const Peer neighbour = peer_after(header(0x21, 0x11, here));
  CHECK(neighbour.loopback);
  CHECK(neighbour.port == 12345);
  const Peer itself = peer_after(from_proxy);
  CHECK(itself.address == "127.0.0.1");
  CHECK(itself.loopback);
  CHECK(itself.port != 12345);
  const Peer unknown = peer_after(header(0x21, 0x00, ""));
  CHECK(unknown.address == "127.0.0.1");
  CHECK_FALSE(unknown.loopback);
  const Peer local = peer_after(header(0x21, 0x31, std::string(216, 'p')));
  CHECK(local.address == "unix");
  CHECK(local.loopback);
  CHECK_FALSE(local.uid);
}

TEST_CASE("a header may come byte by byte") {
  Behind behind;
  RawClient client(behind.listener.port());
  const std::string text = header(0x21, 0x11, v4 + "tail") + "x";
  for (const char byte : text) client.send({&byte, 1});
  const auto channel = behind.accepted.next();
  CHECK(channel->peer().address == "192.0.2.7");
  CHECK(behind.network.await(read_from(channel, 1)) == "x");
}

TEST_CASE("a proxy whose connection begins otherwise is cut, counted and named with what is wrong") {
  Behind behind;
  const auto cut = [&](const std::string& says, const std::string& complaint) {
    const std::int64_t before = behind.refused();
    const auto client = behind.proxy(says);
    client->finish();
    CHECK(client->read_all().empty());
    CHECK(eventually([&] { return behind.refused() == before + 1; }));
    INFO(behind.network.log.text());
    CHECK(eventually([&] { return behind.network.log.count(complaint) > 0; }));
  };
  cut("\x10\x0c", "test: 127.0.0.1: turned away a connection from this proxy: it does not begin with a PROXY header");
  cut("PROXY TCP4 192.0.2.7 10.0.0.1 12345 1883\r\n", "of version 1");
  cut(header(0x21, 0x12, v4), "malformed");
  cut(header(0x20, 0x00, std::string(521, 't')), "longer than 536 bytes");
  cut(from_client.substr(0, 20), "malformed");
  CHECK(behind.accepted.waiting() == 0);
}

TEST_CASE("who sends half a header is cut when its time is over") {
  ListenerOptions options;
  options.handshake = 200ms;
  Behind behind(options);
  const auto client = behind.proxy(from_client.substr(0, 20));
  CHECK(client->read_all().empty());
  CHECK(eventually([&] { return behind.listener.connections() == 0; }));
  CHECK(eventually([&] { return behind.network.log.count("the peer took too long") == 1; }));
  CHECK(behind.refused() == 1);
}

TEST_CASE("a proxy that only looks whether somebody listens is no fault") {
  Behind behind;
  const auto client = behind.proxy("");
  client->finish();
  CHECK(client->read_all().empty());
  CHECK(eventually([&] { return behind.listener.connections() == 0; }));
  CHECK(behind.refused() == 0);
  CHECK(behind.network.log.text().empty());
}

TEST_CASE("of many lines about strangers a few are written, and the next says how many were left out") {
  Grumble grumble;
  const Grumble::Time now;
  for (int i = 0; i < Grumble::lines_max; ++i) CHECK(grumble.about("line", now) == "line");
  CHECK_FALSE(grumble.about("line", now));
  CHECK_FALSE(grumble.about("line", now + 999ms));
  CHECK(grumble.about("line", now + 1s) == "line (before this, 2 such lines were left out)");
  CHECK(grumble.about("line", now + 1s) == "line");
}

TEST_CASE("a header from who is no proxy is only a bad first packet") {
  ListenerOptions options;
  options.proxies = {*AddressRange::parse("192.0.2.0/24"), *AddressRange::parse("::1")};
  Behind behind(options);
  const auto client = behind.proxy(from_client);
  const auto channel = behind.accepted.next();
  CHECK(channel->peer().address == "127.0.0.1");
  CHECK(channel->peer().loopback);
  CHECK(behind.network.await(read_from(channel, from_client.size())) == from_client);
}

TEST_CASE("strangers behind a proxy are counted each by its own address, so that none shuts out the others") {
  Behind behind({}, {100, 100, 2});
  const auto a = behind.proxy(from_client), b = behind.proxy(from_client);
  const auto first = behind.accepted.next(), second = behind.accepted.next();
  const auto c = behind.proxy(from_client);
  CHECK(c->read_all().empty());
  CHECK(behind.network.counters.connections_refused_total.value() == 1);
  const auto other = behind.proxy(header(0x21, 0x21, v6));
  const auto third = behind.accepted.next();
  CHECK(third->peer().address == "2001:db8::7");
  const auto itself = behind.proxy(from_proxy);
  behind.accepted.next();
  first->proven();
  const auto d = behind.proxy(from_client);
  CHECK(behind.accepted.next()->peer().address == "192.0.2.7");
}

std::string header_of_v6(const std::string& source) {
  in6_addr address{};
  REQUIRE(inet_pton(AF_INET6, source.c_str(), &address) == 1);
  return header(0x21, 0x21, std::string(reinterpret_cast<const char*>(&address), sizeof address) + v6.substr(16));
}

TEST_CASE("strangers of one IPv6 network of 64 bits share a place, and those of the next have their own") {
  Behind behind({}, {100, 100, 2});
  const auto a = behind.proxy(header_of_v6("2001:db8:0:1::1")), b = behind.proxy(header_of_v6("2001:db8:0:1:f::2"));
  const auto first = behind.accepted.next(), second = behind.accepted.next();
  CHECK(behind.proxy(header_of_v6("2001:db8:0:1::3"))->read_all().empty());
  const auto c = behind.proxy(header_of_v6("2001:db8:0:2::1"));
  CHECK(behind.accepted.next()->peer().address == "2001:db8:0:2::1");
}

TEST_CASE("a proxy that tells nothing takes half of the places, and leaves the others") {
  ListenerOptions options;
  options.proxies = {*AddressRange::parse("127.0.0.1")};
  options.host = "::";
  Behind behind(options, {100, 8, 1});
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(behind.proxy(""));
  CHECK(eventually([&] { return behind.admission->strangers() == 4; }));
  CHECK(behind.proxy("")->read_all().empty());
  CHECK(behind.network.counters.connections_refused_total.value() == 1);
  DialOptions dialled;
  dialled.scheme = Scheme::mqtt;
  dialled.host = "::1";
  dialled.port = behind.listener.port();
  const auto direct = behind.network.dial(dialled);
  CHECK(behind.accepted.next()->peer().address == "::1");
  silent[0]->send(from_client);
  CHECK(behind.accepted.next()->peer().address == "192.0.2.7");
  silent.clear();
  CHECK(eventually([&] { return behind.admission->strangers() == 0; }));
}

TEST_CASE("the header comes before TLS, and before HTTP") {
  Network network;
  Folder folder;
  Accepted accepted;
  ListenerOptions options;
  options.proxies = {*AddressRange::parse("127.0.0.1")};
  const Served web = serve(network, folder, Scheme::ws, accepted, options);
  RawClient client(web.listener->port());
  client.send(from_client +
              "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
              "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  CHECK(accepted.next()->peer().address == "192.0.2.7");
}

TEST_CASE("ranges of addresses hold what they say, and slips are refused") {
  const auto holds = [](const char* range, const char* address) {
    return AddressRange::parse(range).value().contains(address);
  };
  CHECK(holds("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
  CHECK(holds("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(holds("127.0.0.1", "127.0.0.2"));
  CHECK(holds("192.0.2.128/25", "192.0.2.200"));
  CHECK_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
  CHECK(holds("0.0.0.0/0", "255.255.255.255"));
  CHECK(holds("2001:db8::/32", "2001:db8:ffff::1"));
  CHECK_FALSE(holds("2001:db8::/32", "2001:db9::1"));
  CHECK(holds("::/0", "::1"));
  CHECK_FALSE(holds("::/0", "127.0.0.1"));
  CHECK_FALSE(holds("0.0.0.0/0", "::1"));
  CHECK_FALSE(holds("0.0.0.0/0", "unix"));
  for (const char* slip : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8", "10.0.0",
                           "::/129", "2001:db8::1/32", "::ffff:10.0.0.0/104", "localhost", "10.0.0.0/8/8"}) {
    CAPTURE(slip);
    CHECK_FALSE(AddressRange::parse(slip));
  }
}

}  // namespace
}  // namespace sealpost::net
