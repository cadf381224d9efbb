#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcntl.h>

#include "net/network.hpp"
#include "net/wire.hpp"

namespace sealpost::net {
namespace {

struct Bare {
  explicit Bare(ListenerOptions options = {}, AdmissionLimits limits = {})
      : admission(std::make_shared<Admission>(limits)),
        listener(network.ports(), std::move(options), admission, {accepted.receiver(), nullptr}) {
    listener.start();
  }
  Network network;
  Accepted accepted;
  std::shared_ptr<Admission> admission;
  Listener listener;
};

std::string complaint(ListenerOptions options) {
  Network network;
  try {
    Listener listener(network.ports(), std::move(options), std::make_shared<Admission>(), {});
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST_CASE("a port that is taken, an address that is not ours and one that is none are named with a remedy") {
  Bare first;
  ListenerOptions options;
  options.name = "mqtt";
  options.port = first.listener.port();
  CHECK(complaint(options) == "mqtt: cannot listen on 127.0.0.1:" + std::to_string(options.port) +
                                  ": Address already in use. Something else listens there: stop it, or choose another "
                                  "port");
  options.host = "192.0.2.1";
  CHECK(complaint(options).find("no such address") != std::string::npos);
  options.host = "example.org";
  CHECK(complaint(options).find("is not an IPv4 or IPv6 address") != std::string::npos);
  options.unix_path = std::string(200, 'x');
  CHECK(complaint(options).find("1 to 107 bytes") != std::string::npos);
  options.unix_path = "/nonexistent/directory/socket";
  CHECK(complaint(options).find("Make the directory first") != std::string::npos);
}

TEST_CASE("a listener on :: takes IPv4 too, and names an IPv4 peer as one") {
  ListenerOptions options;
  options.host = "::";
  Bare bare(options);
  RawClient v4(bare.listener.port());
  const auto channel = bare.accepted.next();
  CHECK(channel->peer().address == "127.0.0.1");
  CHECK(channel->peer().loopback);
  DialOptions dialled;
  dialled.scheme = Scheme::mqtt;
  dialled.host = "::1";
  dialled.port = bare.listener.port();
  const auto v6 = bare.network.dial(dialled);
  CHECK(bare.accepted.next()->peer().address == "::1");
}

// Whether a connection to `host` comes to the listener.
bool reached(Bare& bare, const std::string& host) {
  DialOptions options;
  options.scheme = Scheme::mqtt;
  options.host = host;
  options.port = bare.listener.port();
  return bare.network.await(dial(bare.network.ports(), options)).has_value();
}

TEST_CASE("a listener has the address it was given, and not the other family's") {
  ListenerOptions options;
  const auto at = [&](const std::string& host) {
    options.host = host;
    return std::make_unique<Bare>(options);
  };
  const auto both = at("::"), v6 = at("::1"), v4 = at("127.0.0.1"), all_v4 = at("0.0.0.0");
  CHECK((reached(*both, "::1") && reached(*both, "127.0.0.1")));
  CHECK((reached(*v6, "::1") && !reached(*v6, "127.0.0.1")));
  CHECK((reached(*v4, "127.0.0.1") && !reached(*v4, "::1") && !reached(*v4, "127.0.0.2")));
  CHECK((reached(*all_v4, "127.0.0.1") && reached(*all_v4, "127.0.0.2") && !reached(*all_v4, "::1")));
  CHECK(v6->accepted.next()->peer().loopback);
}

TEST_CASE("an IPv4 stranger is counted as one, through which listener it may come") {
  const auto admission = std::make_shared<Admission>(AdmissionLimits{100, 100, 1});
  Network network;
  Accepted accepted;
  ListenerOptions options;
  Listener v4(network.ports(), options, admission, {accepted.receiver(), nullptr});
  options.host = "::";
  Listener both(network.ports(), options, admission, {accepted.receiver(), nullptr});
  v4.start();
  both.start();
  RawClient first(v4.port());
  const auto channel = accepted.next();
  CHECK(RawClient(both.port()).read_all().empty());  // mapped: the same address
  DialOptions dialled;
  dialled.scheme = Scheme::mqtt;
  dialled.host = "::1";
  dialled.port = both.port();
  const auto v6 = network.dial(dialled);
  CHECK(accepted.next()->peer().address == "::1");
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat found {};
  ::stat(path.c_str(), &found);
  return found.st_mode & 0777;
}

TEST_CASE("a Unix socket has the mode it was told to, and goes when the listener stops") {
  Folder folder;
  ListenerOptions options;
  options.unix_path = folder / "socket";
  options.unix_mode = GENERATE(0600u, 0660u);
  Bare bare(options);
  CHECK(mode_of(options.unix_path) == options.unix_mode);
  bare.listener.stop();
  CHECK_FALSE(std::filesystem::exists(options.unix_path));
}

// What a process that was killed leaves behind.
void leave_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ::close(descriptor);
}

TEST_CASE("a Unix socket left by a dead process is replaced; one that lives, or a file, is not") {
  Folder folder;
  ListenerOptions options;
  options.unix_path = folder / "socket";
  leave_socket(options.unix_path);
  Bare bare(options);
  DialOptions dialled;
  dialled.scheme = Scheme::local;
  dialled.host = options.unix_path;
  const auto channel = bare.network.dial(dialled);
  CHECK(complaint(options).find("Address already in use") != std::string::npos);
  CHECK(bare.network.dial(dialled));
  options.unix_path = folder.write("file", "precious");
  CHECK(complaint(options).find("a file that is no socket") != std::string::npos);
  CHECK(std::filesystem::file_size(options.unix_path) == 8);
}

TEST_CASE("a stranger beyond the limit of its address is cut, until another has proven itself or gone") {
  Bare bare({}, {100, 100, 2});
  RawClient a(bare.listener.port()), b(bare.listener.port()), c(bare.listener.port());
  auto first = bare.accepted.next(), second = bare.accepted.next();
  CHECK(c.read_all().empty());
  CHECK(bare.network.counters.connections_refused_total.value() == 1);
  first->proven();
  RawClient d(bare.listener.port());
  auto third = bare.accepted.next();
  CHECK(bare.admission->connections() == 3);
  CHECK(bare.admission->strangers() == 2);
  first.reset();
  second.reset();
  third.reset();
  CHECK(eventually([&] { return bare.admission->connections() == 0; }));
  CHECK(bare.admission->strangers() == 0);
}

TEST_CASE("a storm of connections is accepted to the last") {
  constexpr int storm = 400;
  Bare bare({}, {1000, 1000, 1000});
  std::vector<std::thread> threads;
  std::atomic<int> echoed{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int i = 0; i < storm / 4; ++i) {
        clients.push_back(std::make_unique<RawClient>(bare.listener.port()));
        clients.back()->send("hi");
        clients.back()->finish();
      }
      for (auto& client : clients) echoed += client->read_all() == "hi";
    });
  }
  for (int i = 0; i < storm; ++i) {
    auto talk = echo(bare.accepted.next(), static_cast<unsigned>(i));
    asio::co_spawn(*bare.network.context, std::move(talk), [](std::exception_ptr) {});
  }
  for (auto& thread : threads) thread.join();
  CHECK(echoed == storm);
  CHECK(bare.network.counters.connections_total.value() == storm);
  CHECK(eventually([&] { return bare.network.counters.connections_open.value() == 0; }));
  CHECK(bare.admission->connections() == 0);
}

TEST_CASE("who does not finish the TLS handshake in time is cut, and one who stops in it disturbs nobody") {
  Network network;
  Folder folder;
  Accepted accepted;
  ListenerOptions options;
  options.handshake = 200ms;
  const Served served = serve(network, folder, Scheme::mqtts, accepted, options);
  RawClient silent(served.listener->port());
  RawClient halting(served.listener->port());
  halting.send("\x16\x03\x01");
  CHECK(network.dial(served.options));
  CHECK(eventually([&] { return served.listener->connections() == 0; }));
  silent.read_all();
  halting.read_all();
  CHECK(accepted.waiting() == 1);
}

TEST_CASE("who only looks whether a TLS port is open has no line in the log") {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::mqtts, accepted);
  RawClient client(served.listener->port());
  client.finish();
  CHECK(client.read_all().empty());
  CHECK(eventually([&] { return served.listener->connections() == 0; }));
  CHECK(network.counters.tls_refused_total.value() == 0);
  CHECK(network.log.text().empty());
}

TEST_CASE("stop accepts no more, cuts handshakes, and leaves channels alone") {
  Network network;
  Folder folder;
  Accepted accepted;
  const Served served = serve(network, folder, Scheme::mqtts, accepted);
  const auto client = network.dial(served.options);
  const auto server = accepted.next();
  RawClient silent(served.listener->port());
  CHECK(eventually([&] { return served.listener->connections() == 1; }));
  served.listener->stop();
  silent.read_all();
  CHECK(eventually([&] { return served.listener->connections() == 0; }));
  CHECK_THROWS(RawClient(served.listener->port()));
  client->send(std::string("still here"));
  CHECK(network.await(read_from(server, 10)) == "still here");
}

[[gnu::noinline]] void say(LogSink& log, std::string_view line) {
  log.write(Level::info, "test", line);
}

TEST_CASE("when descriptors run out the listener says so once, waits, and goes on when there are some") {
  Bare bare;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int highest = ::dup(0);
  ::close(highest);
  RawClient client(bare.listener.port());
  auto first = bare.accepted.next();
  // A sanitizer needs a descriptor when it first meets a virtual type: let it meet this one now.
  say(bare.network.log, "soon there are no descriptors");
  REQUIRE(bare.network.log.count("soon") == 1);
  // Room for exactly the client's end of the next connection.
  std::vector<int> fillers;
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(highest) + 40;
  ::setrlimit(RLIMIT_NOFILE, &tight);
  for (int filler = ::dup(0); filler >= 0; filler = ::dup(0)) fillers.push_back(filler);
  ::close(fillers.back());
  fillers.pop_back();
  RawClient waiting(bare.listener.port());
  const bool complained = eventually([&] { return bare.network.log.count("cannot accept connections") == 1; });
  const bool none = bare.accepted.none_within(500ms);
  for (const int filler : fillers) ::close(filler);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(complained);
  CHECK(none);
  CHECK(bare.accepted.next());
  CHECK(bare.network.log.count("cannot accept connections") == 1);
}

TEST_CASE("a descriptor that cannot be waited for is closed, and nobody's any more") {
  Network network;
  const int number = ::socket(AF_INET, SOCK_STREAM, 0);
  const Wire first(network.ports().executor, Descriptor(number), nullptr, Peer{}, Ticket());
  // The io_context takes a descriptor once.
  CHECK_THROWS_AS(Wire(network.ports().executor, Descriptor(number), nullptr, Peer{}, Ticket()),
                  boost::system::system_error);
  CHECK(::fcntl(number, F_GETFD) == -1);
}

int option_of(int descriptor, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(descriptor, level, name, &value, &size) == 0 ? value : 0;
}

TEST_CASE("the kernel is told to notice when the machine of a peer has gone, whether it was sent something or not") {
  Bare bare;
  RawClient client(bare.listener.port());
  const auto channel = bare.accepted.next();
  int found = 0;
  for (int descriptor = 3; descriptor < 200; ++descriptor) {
    if (option_of(descriptor, SOL_SOCKET, SO_KEEPALIVE) == 0) continue;
    ++found;
    const int silent =
        option_of(descriptor, IPPROTO_TCP, TCP_KEEPIDLE) +
        option_of(descriptor, IPPROTO_TCP, TCP_KEEPINTVL) * option_of(descriptor, IPPROTO_TCP, TCP_KEEPCNT);
    CHECK(silent == 420);  // seconds
    CHECK(option_of(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT) == silent * 1000);
  }
  CHECK(found == 2);  // the socket that listens, and from it the one that was accepted
}

TEST_CASE("dialling where nobody listens, or a name that does not exist, fails with the cause") {
  Network network;
  std::uint16_t port = 0;
  {
    Bare gone;
    port = gone.listener.port();
  }
  DialOptions options;
  options.scheme = Scheme::mqtt;
  options.host = "127.0.0.1";
  options.port = port;
  CHECK(network.await(dial(network.ports(), options)).error() == boost::system::errc::connection_refused);
  options.scheme = Scheme::local;
  options.host = "/nonexistent/socket";
  CHECK(network.await(dial(network.ports(), options)).error() == boost::system::errc::no_such_file_or_directory);
  options.host = "";
  CHECK(network.await(dial(network.ports(), options)).error() == Errc::bad_address);
  options.scheme = Scheme::mqtt;
  options.host = "no-such-host.invalid";
  CHECK(network.await(dial(network.ports(), options)).error() == Errc::host_not_found);
}

}  // namespace
}  // namespace sealpost::net
