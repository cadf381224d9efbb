#include "net/network.hpp"

namespace sealpost::net {
namespace {

const std::string good_upgrade =
    "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

std::string replaced(std::string text, const std::string& part, const std::string& with) {
  const std::size_t at = text.find(part);
  REQUIRE(at != text.npos);
  return text.replace(at, part.size(), with);
}

// A frame from a client (RFC 6455, section 5.2), masked with zeros unless told otherwise.
std::string frame(int opcode, const std::string& payload, bool final = true,
                  const std::string& mask = std::string(4, '\0')) {
  std::string text{static_cast<char>((final ? 0x80 : 0) | opcode)};
  if (payload.size() < 126) {
    text += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    text += {static_cast<char>(0x80 | 126), static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
  } else {
    text += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(payload.size() >> shift);
  }
  text += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) text += static_cast<char>(payload[i] ^ mask[i % 4]);
  return text;
}

enum { continuation = 0, text_frame = 1, binary = 2, close_frame = 8, ping = 9, pong = 10 };

struct Upgraded {
  explicit Upgraded(ListenerOptions options = {})
      : served(serve(network, folder, Scheme::ws, accepted, std::move(options))), client(served.listener->port()) {
    client.send(good_upgrade);
    answer = client.read_until("\r\n\r\n");
    server = accepted.next();
  }
  Network network;
  Folder folder;
  Accepted accepted;
  Served served;
  RawClient client;
  std::string answer;
  std::shared_ptr<Channel> server;
};

TEST_CASE("an upgrade is answered with the sub-protocol mqtt and the accept key of RFC 6455") {
  Upgraded upgraded;
  CHECK(upgraded.answer.starts_with("HTTP/1.1 101 "));
  CHECK(upgraded.answer.find("Sec-WebSocket-Protocol: mqtt\r\n") != std::string::npos);
  CHECK(upgraded.answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  CHECK(upgraded.answer.find("permessage-deflate") == std::string::npos);
}

std::string answer_to(const std::string& request, ListenerOptions options = {}) {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::ws, accepted, std::move(options));
  RawClient client(served.listener->port());
  client.send(request);
  return client.read_until("\r\n\r\n");
}

TEST_CASE("an upgrade of another path, without mqtt, of another version or method is refused with a reason") {
  CHECK(answer_to(replaced(good_upgrade, "/mqtt", "/other")).starts_with("HTTP/1.1 404 "));
  CHECK(answer_to(replaced(good_upgrade, "Protocol: mqtt", "Protocol: chat")).starts_with("HTTP/1.1 400 "));
  CHECK(answer_to(replaced(good_upgrade, "Sec-WebSocket-Protocol: mqtt\r\n", "")).starts_with("HTTP/1.1 400 "));
  CHECK(answer_to(replaced(good_upgrade, "Protocol: mqtt", "Protocol: mqttx")).starts_with("HTTP/1.1 400 "));
  CHECK(answer_to(replaced(good_upgrade, "Protocol: mqtt", "Protocol: chat , mqtt")).starts_with("HTTP/1.1 101 "));
  const std::string old = answer_to(replaced(good_upgrade, "Version: 13", "Version: 8"));
  CHECK(old.starts_with("HTTP/1.1 426 "));
  CHECK(old.find("Sec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(answer_to(replaced(good_upgrade, "GET", "POST")).starts_with("HTTP/1.1 405 "));
}

TEST_CASE("what is no upgrade is told where MQTT is") {
  const std::string get = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string answer = answer_to(get);
  CHECK(answer.starts_with("HTTP/1.1 426 "));
  CHECK(answer.find("Upgrade: websocket\r\n") != std::string::npos);
  CHECK(answer_to(replaced(get, "/mqtt", "/")).starts_with("HTTP/1.1 404 "));
}

TEST_CASE("pages of origins that are not on the list are refused; who sends no origin is no page") {
  ListenerOptions options;
  options.origins = {"https://app.example"};
  const auto with_origin = [](const std::string& origin) {
    return replaced(good_upgrade, "Upgrade: websocket\r\n", "Upgrade: websocket\r\nOrigin: " + origin + "\r\n");
  };
  CHECK(answer_to(with_origin("https://app.example"), options).starts_with("HTTP/1.1 101 "));
  CHECK(answer_to(with_origin("https://evil.example"), options).starts_with("HTTP/1.1 403 "));
  CHECK(answer_to(with_origin("https://app.example.evil"), options).starts_with("HTTP/1.1 403 "));
  CHECK(answer_to(with_origin("null"), options).starts_with("HTTP/1.1 403 "));
  CHECK(answer_to(good_upgrade, options).starts_with("HTTP/1.1 101 "));
  CHECK(answer_to(with_origin("https://any.example")).starts_with("HTTP/1.1 101 "));
}

TEST_CASE("an upgrade may carry headers of many kilobytes") {
  const std::string cookie = "Cookie: " + std::string(8000, 'c') + "\r\nUpgrade";
  CHECK(answer_to(replaced(good_upgrade, "Upgrade", cookie)).starts_with("HTTP/1.1 101 "));
}

TEST_CASE("bytes may be split over frames, and frames over packets, anywhere") {
  Upgraded upgraded;
  std::string wire, expected;
  for (int i = 0; i < 60; ++i) {
    const std::string payload = noise(static_cast<std::size_t>(i * 13 % 400), static_cast<unsigned>(i));
    const std::size_t half = payload.size() / 2;
    wire += frame(binary, payload.substr(0, half), false, "\x11\x22\x33\x44");
    wire += frame(ping, "p");
    wire += frame(continuation, payload.substr(half), true, "abcd");
    expected += payload;
  }
  for (std::size_t at = 0; at < wire.size(); at += 7) upgraded.client.send(wire.substr(at, 7));
  CHECK(upgraded.network.await(read_from(upgraded.server, expected.size())) == expected);
}

TEST_CASE("the upgrade and the frames after it may come byte by byte") {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::ws, accepted);
  RawClient client(served.listener->port());
  const std::string payload = noise(300, 1), all = good_upgrade + frame(binary, payload.substr(0, 200), false, "abcd") +
                                                   frame(ping, "still here?") + frame(pong, "nobody has asked") +
                                                   frame(continuation, "", false) +
                                                   frame(continuation, payload.substr(200));
  for (const char byte : all) client.send({&byte, 1});
  CHECK(network.await(read_from(accepted.next(), payload.size())) == payload);
}

TEST_CASE("frames that come with the upgrade are not lost") {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::ws, accepted);
  RawClient client(served.listener->port());
  client.send(good_upgrade + frame(binary, "early"));
  CHECK(network.await(read_from(accepted.next(), 5)) == "early");
}

TEST_CASE("a ping is answered with its payload") {
  Upgraded upgraded;
  auto reading = asio::co_spawn(*upgraded.network.context, read_from(upgraded.server, 1), asio::use_future);
  upgraded.client.send(frame(ping, "are you there"));
  CHECK(upgraded.client.read(15) ==
        "\x8a\x0d"
        "are you there");
  upgraded.client.send(frame(binary, "x"));
  REQUIRE(reading.wait_for(patience) == std::future_status::ready);
  CHECK(reading.get() == "x");
}

// What follows until the close frame's code; -1 if none comes.
int close_code(RawClient& client) {
  const std::string head = client.read(2);
  if (head.size() < 2 || head[0] != static_cast<char>(0x88)) return -1;
  const std::string payload = client.read(static_cast<std::size_t>(head[1]));
  return payload.size() < 2 ? 0 : static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
}

// A frame of a client whose length is written in eight bytes, whatever it is; its payload is not there.
std::string frame_of_length(int opcode, std::uint64_t length) {
  std::string text{static_cast<char>(0x80 | opcode), static_cast<char>(0xff)};
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(length >> shift);
  return text + std::string(4, '\0');
}

// How an upgraded connection ends after `frames`: the close frame's code.
int code_after(const std::string& frames, std::size_t message_max = 1000) {
  ListenerOptions options;
  options.channel.frame_max = message_max;
  Upgraded upgraded(options);
  auto ending = asio::co_spawn(*upgraded.network.context, end_of(upgraded.server), asio::use_future);
  upgraded.client.send(frames);
  const int code = close_code(upgraded.client);
  REQUIRE(ending.wait_for(patience) == std::future_status::ready);
  CHECK(ending.get() == Errc::websocket_protocol);
  CHECK(eventually([&] { return upgraded.network.buffers.on_loan() == 0; }));
  return code;
}

TEST_CASE("a length that nobody could mean closes before a byte of it is there") {
  CHECK(code_after(frame_of_length(binary, 65'536)) == 1009);
  CHECK(code_after(frame_of_length(binary, 1ULL << 40)) == 1009);
  CHECK(code_after(frame_of_length(binary, ~0ULL >> 1)) == 1009);
  CHECK(code_after(frame_of_length(binary, 1ULL << 63)) != -1);
  CHECK(code_after(frame_of_length(binary, ~0ULL)) != -1);
  // In the middle of a message, where the sum would overflow.
  const std::string begun = frame(binary, std::string(900, 'x'), false);
  CHECK(code_after(begun + frame_of_length(continuation, ~0ULL >> 1)) == 1009);
  CHECK(code_after(begun + frame_of_length(continuation, ~0ULL - 800)) != -1);
  CHECK(code_after(begun + frame(continuation, std::string(101, 'x'))) == 1009);
}

TEST_CASE("a length in more bytes than it needs is refused") {
  CHECK(code_after(frame_of_length(binary, 5) + "hello") == 1002);
  CHECK(code_after(std::string("\x82\xfe\x00\x05\0\0\0\0hello", 13)) == 1002);
}

TEST_CASE("control frames that are too large or in pieces, and opcodes that nobody knows, are refused") {
  CHECK(code_after(frame(ping, std::string(126, 'p'))) == 1002);
  CHECK(code_after(frame_of_length(ping, 1ULL << 62)) == 1002);
  CHECK(code_after(frame(ping, "p", false)) == 1002);
  CHECK(code_after(frame(close_frame, "", false)) == 1002);
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CAPTURE(opcode);
    CHECK(code_after(frame(opcode, "x")) == 1002);
  }
}

TEST_CASE("each of the reserved bits is refused, in data and in control frames") {
  for (const int bit : {0x40, 0x20, 0x10}) {
    for (const int opcode : {binary, ping}) {
      CAPTURE(bit, opcode);
      CHECK(code_after(frame(opcode | bit, "x")) == 1002);
    }
  }
}

TEST_CASE("a message that begins within another, and a continuation of nothing, are refused") {
  CHECK(code_after(frame(continuation, "x")) == 1002);
  CHECK(code_after(frame(binary, "x", false) + frame(binary, "y")) == 1002);
}

TEST_CASE("text is refused also where there is nothing in it, and as the second message") {
  CHECK(code_after(frame(text_frame, "")) == 1003);
  CHECK(code_after(frame(binary, "") + frame(text_frame, "")) == 1003);
  CHECK(code_after(frame(text_frame, "hel", false)) == 1003);
}

TEST_CASE("a close frame of one byte, or with a code that may not be sent, is refused") {
  CHECK(code_after(frame(close_frame, "x")) == 1002);
  CHECK(code_after(frame(close_frame, "\x03\xed")) == 1002);  // 1005
}

TEST_CASE("empty frames by the thousand are no data, and do no harm") {
  Upgraded upgraded;
  std::string empty;
  for (int i = 0; i < 5000; ++i) empty += frame(binary, "") + frame(ping, "");
  std::thread answers([&] { upgraded.client.read(5000 * 2); });
  upgraded.client.send(empty + frame(binary, "x"));
  CHECK(upgraded.network.await(read_from(upgraded.server, 1)) == "x");
  answers.join();
}

TEST_CASE("text closes with 1003, a frame without a mask with 1002, one that is too large with 1009") {
  ListenerOptions options;
  options.channel.frame_max = 1000;
  Upgraded upgraded(options);
  auto ending = asio::co_spawn(*upgraded.network.context, end_of(upgraded.server), asio::use_future);
  SECTION("text") {
    upgraded.client.send(frame(text_frame, "hello"));
    CHECK(close_code(upgraded.client) == 1003);
  }
  SECTION("no mask") {
    upgraded.client.send(std::string("\x82\x01x", 3));
    CHECK(close_code(upgraded.client) == 1002);
  }
  SECTION("a reserved bit") {
    upgraded.client.send("\xc2" + frame(binary, "x").substr(1));
    CHECK(close_code(upgraded.client) == 1002);
  }
  SECTION("too large, in one frame") {
    upgraded.client.send(frame(binary, std::string(1001, 'x')));
    CHECK(close_code(upgraded.client) == 1009);
  }
  SECTION("too large, in several") {
    upgraded.client.send(frame(binary, std::string(600, 'x'), false) + frame(continuation, std::string(600, 'x')));
    CHECK(close_code(upgraded.client) == 1009);
  }
  REQUIRE(ending.wait_for(patience) == std::future_status::ready);
  CHECK(ending.get() == Errc::websocket_protocol);
}

TEST_CASE("a close frame from the peer is answered, and is the end of the stream") {
  Upgraded upgraded;
  auto ending = asio::co_spawn(*upgraded.network.context, end_of(upgraded.server), asio::use_future);
  upgraded.client.send(frame(close_frame, "\x03\xe8"));
  CHECK(close_code(upgraded.client) == 1000);
  REQUIRE(ending.wait_for(patience) == std::future_status::ready);
  CHECK(ending.get() == Errc::end_of_stream);
  upgraded.server->close();
  upgraded.client.finish();
  CHECK(upgraded.client.read_all().empty());
  CHECK_FALSE(upgraded.client.reset());
}

TEST_CASE("close says 1000, behind all that was sent, in binary frames") {
  Upgraded upgraded;
  upgraded.server->send(std::string("last words"));
  upgraded.server->close();
  CHECK(upgraded.client.read(12) ==
        "\x82\x0a"
        "last words");
  CHECK(close_code(upgraded.client) == 1000);
}

TEST_CASE("a server that is no WebSocket, or does not name mqtt, is refused by the client") {
  Network network;
  Folder folder;
  Accepted accepted;
  Served served = serve(network, folder, Scheme::ws, accepted);
  served.options.target = "/elsewhere";
  CHECK(network.await(dial(network.ports(), served.options)).error() == Errc::not_a_websocket);
  served.options.target = "/mqtt\r\nInjected: 1";
  CHECK(network.await(dial(network.ports(), served.options)).error() == Errc::bad_address);
}

TEST_CASE("the client's origin is sent") {
  Network network;
  Folder folder;
  Accepted accepted;
  ListenerOptions options;
  options.origins = {"https://app.example"};
  Served served = serve(network, folder, Scheme::ws, accepted, options);
  served.options.origin = "https://evil.example";
  CHECK(network.await(dial(network.ports(), served.options)).error() == Errc::not_a_websocket);
  served.options.origin = "https://app.example";
  CHECK(network.dial(served.options));
}

}  // namespace
}  // namespace sealpost::net
