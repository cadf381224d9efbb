#include "net/network.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>

namespace sealpost::net {

void LogLines::write(Level, std::string_view, std::string_view line) {
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(line);
}

int LogLines::count(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const std::string& line : lines_) count += line.find(part) != line.npos;
  return count;
}

std::string LogLines::text() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const std::string& line : lines_) all += line + "\n";
  return all;
}

Network::Network(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { context->run(); });
}

// As a process ends: threads, wheel's timer, io_context with its coroutines, wheel.
Network::~Network() {
  work_.reset();
  context->stop();
  for (std::thread& thread : threads_) thread.join();
  wheel->stop();
  context.reset();
}

std::shared_ptr<Channel> Network::dial(DialOptions options) {
  Result<std::shared_ptr<Channel>> channel = await(net::dial(ports(), std::move(options)));
  INFO((channel ? "" : channel.error().message()));
  REQUIRE(channel);
  return *channel;
}

OnChannel Accepted::receiver() {
  return [line = line_](std::shared_ptr<Channel> channel) {
    const std::lock_guard lock(line->mutex);
    line->channels.push_back(std::move(channel));
    line->changed.notify_all();
  };
}

std::shared_ptr<Channel> Accepted::next() {
  std::unique_lock lock(line_->mutex);
  if (!line_->changed.wait_for(lock, patience, [this] { return !line_->channels.empty(); })) {
    throw std::runtime_error("no channel was accepted");
  }
  auto channel = line_->channels.front();
  line_->channels.pop_front();
  return channel;
}

bool Accepted::none_within(std::chrono::milliseconds time) {
  std::unique_lock lock(line_->mutex);
  return !line_->changed.wait_for(lock, time, [this] { return !line_->channels.empty(); });
}

std::size_t Accepted::waiting() const {
  const std::lock_guard lock(line_->mutex);
  return line_->channels.size();
}

std::filesystem::path Folder::write(const std::string& name, const std::string& text, int mode) const {
  const std::filesystem::path path = *this / name;
  std::ofstream(path) << text;
  ::chmod(path.c_str(), static_cast<mode_t>(mode));
  return path;
}

TestCertificate::TestCertificate(const Folder& folder) : pem(make_self_signed({"localhost", "127.0.0.1"})) {
  files.certificate = folder.write("cert.pem", pem.certificate);
  files.key = folder.write("key.pem", pem.key);
}

Served serve(Network& network, const Folder& folder, Scheme scheme, Accepted& accepted, ListenerOptions options) {
  Served served;
  options.name = "test";
  if (scheme == Scheme::ws || scheme == Scheme::wss) options.service = Service::web;
  if (scheme == Scheme::local) options.unix_path = folder / "socket";
  if (scheme == Scheme::mqtts || scheme == Scheme::wss) {
    const TestCertificate certificate(folder);
    if (!options.tls) options.tls = std::make_shared<TlsContext>(certificate.files, network.log);
    served.options.trust.ca_file = certificate.files.certificate;
  }
  Receivers receivers{accepted.receiver(), nullptr};
  served.options.scheme = scheme;
  served.options.host = scheme == Scheme::local ? options.unix_path.string() : "127.0.0.1";
  served.listener = std::make_unique<Listener>(network.ports(), options, std::make_shared<Admission>(), receivers);
  served.options.port = served.listener->port();
  served.listener->start();
  return served;
}

RawClient::RawClient(std::uint16_t port, int receive_buffer) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval limit{20, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (receive_buffer > 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    throw std::runtime_error("cannot connect");
  }
}

RawClient::~RawClient() {
  ::close(descriptor_);
}

void RawClient::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::fill() {
  char bytes[4096];
  const ssize_t count = ::recv(descriptor_, bytes, sizeof bytes, 0);
  if (count < 0 && errno == EAGAIN) throw std::runtime_error("nothing comes; so far: " + pending_);
  if (count < 0) reset_ = true;
  if (count <= 0) return false;
  pending_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::string RawClient::read_until(std::string_view end) {
  while (pending_.find(end) == pending_.npos && fill()) {
  }
  const std::size_t at = pending_.find(end);
  return read(at == pending_.npos ? pending_.size() : at + end.size());
}

std::string RawClient::read(std::size_t bytes) {
  while (pending_.size() < bytes && fill()) {
  }
  const std::string taken = pending_.substr(0, bytes);
  pending_.erase(0, bytes);
  return taken;
}

std::string RawClient::read_all() {
  while (fill()) {
  }
  return std::exchange(pending_, {});
}

void RawClient::finish() {
  ::shutdown(descriptor_, SHUT_WR);
}

void RawClient::break_off() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(descriptor_);
  descriptor_ = -1;
}

asio::awaitable<std::string> read_from(std::shared_ptr<Channel> channel, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    Result<Lease> received = co_await channel->receive();
    if (!received) break;
    text += received->text();
  }
  co_return text;
}

asio::awaitable<ErrorCode> end_of(std::shared_ptr<Channel> channel) {
  for (;;) {
    Result<Lease> received = co_await channel->receive();
    if (!received) co_return received.error();
  }
}

asio::awaitable<void> echo(std::shared_ptr<Channel> channel, unsigned seed) {
  std::mt19937 random(seed);
  for (;;) {
    Result<Lease> received = co_await channel->receive();
    if (!received) break;
    std::string text(received->text());
    *received = Lease();
    while (!text.empty()) {
      const std::size_t size = std::min<std::size_t>(text.size(), 1 + random() % 5000);
      channel->send(text.substr(0, size));
      text.erase(0, size);
    }
    Result<void> drained = co_await channel->drained(64 * 1024);
    if (!drained) break;
  }
  channel->close();
}

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

}  // namespace sealpost::net
