#pragma once
// A world for the tests: an io_context on a few threads, and what the room asks of a process. Real sockets on loopback.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <thread>

#include "net/certificate.hpp"
#include "net/dial.hpp"
#include "net/http_client.hpp"
#include "net/listener.hpp"
#include "net/wheel.hpp"
#include "temporary_folder.hpp"

namespace sealpost::net {

using namespace std::chrono_literals;
constexpr std::chrono::seconds patience{20};  // far beyond what anything here takes, also under a sanitizer

class LogLines : public LogSink {
 public:
  bool wants(Level) const override { return true; }
  void write(Level level, std::string_view room, std::string_view line) override;
  int count(std::string_view part) const;  // lines that contain it
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class Network {
 public:
  explicit Network(int threads = 2);
  ~Network();

  Ports ports() { return {context->get_executor(), buffers, *wheel, log, counters}; }

  template <class T>
  T await(asio::awaitable<T> work) {
    std::future<T> future = asio::co_spawn(*context, std::move(work), asio::use_future);
    if (future.wait_for(patience) != std::future_status::ready) throw std::runtime_error("a test waits for ever");
    return future.get();
  }

  // A channel from what is dialled, or a failed test.
  std::shared_ptr<Channel> dial(DialOptions options);

  BufferPool buffers;
  LogLines log;
  Counters counters;
  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>();
  std::unique_ptr<Wheel> wheel = std::make_unique<Wheel>(context->get_executor());

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(*context);
  std::vector<std::thread> threads_;
};

// Channels that a listener has accepted, in turn.
class Accepted {
 public:
  OnChannel receiver();
  std::shared_ptr<Channel> next();
  bool none_within(std::chrono::milliseconds time);
  std::size_t waiting() const;

 private:
  // Shared with the listener, which may accept one more while it is being stopped.
  struct Line {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::shared_ptr<Channel>> channels;
  };
  const std::shared_ptr<Line> line_ = std::make_shared<Line>();
};

class Folder : public sealpost::test::TemporaryFolder {
 public:
  std::filesystem::path write(const std::string& name, const std::string& text, int mode = 0600) const;
};

// A TLS certificate for localhost and 127.0.0.1, as files.
struct TestCertificate {
  explicit TestCertificate(const Folder& folder);
  Certificate pem;
  TlsOptions files;
};

// One end with each transport, and how to dial it.
struct Served {
  std::unique_ptr<Listener> listener;
  DialOptions options;
};
Served serve(Network& network, const Folder& folder, Scheme scheme, Accepted& accepted, ListenerOptions options = {});

// A socket that blocks, for what no well-behaved client would do. Reads fail after a while.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  void send(std::string_view text);
  std::string read_until(std::string_view end);  // up to and with `end`, or what came before the peer finished
  std::string read(std::size_t bytes);           // exactly, or what came before the peer finished
  std::string read_all();                        // until the peer finishes
  bool reset() const { return reset_; }          // it ended in a reset
  void finish();                                 // sends no more
  void break_off();                              // resets
  int descriptor() const { return descriptor_; }

 private:
  bool fill();
  int descriptor_;
  std::string pending_;
  bool reset_ = false;
};

// All bytes until the end of the stream, or `bytes` of them.
asio::awaitable<std::string> read_from(std::shared_ptr<Channel> channel, std::size_t bytes);
// Why receive() failed.
asio::awaitable<ErrorCode> end_of(std::shared_ptr<Channel> channel);
// Sends back what comes, in pieces of random sizes, until the peer has finished; then closes.
asio::awaitable<void> echo(std::shared_ptr<Channel> channel, unsigned seed);

std::string noise(std::size_t bytes, unsigned seed);
bool eventually(const std::function<bool()>& condition);  // polls, with patience

}  // namespace sealpost::net
