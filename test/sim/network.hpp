#pragma once
// Connections between clients and the server: bytes in order in each direction, late, in pieces, or never. A line that
// is cut may be noticed by one side only; what a device has sent on an older line may arrive behind a newer one.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "net/channel.hpp"
#include "pipeline/gate.hpp"
#include "scene.hpp"

namespace sealpost::sim {

namespace asio = boost::asio;

class Line;

// The server's end.
class ServerEnd final : public net::Channel {
 public:
  ServerEnd(Line& line, net::BufferPool& buffers, std::string address) : line_(&line), buffers_(buffers) {
    peer_.address = std::move(address);
  }

  std::optional<Result<net::Lease>> try_receive() override;
  void when_input(std::function<void()> on_input) override { on_input_ = std::move(on_input); }
  void send(net::Chunk chunk) override;
  std::size_t unsent() const override;
  asio::awaitable<Result<void>> drained(std::size_t below) override;
  void close() override;
  void abort() override;
  std::optional<Digest> exporter() const override { return std::nullopt; }
  const net::Peer& peer() const override { return peer_; }
  void proven() override {}

  // From the network.
  void arrive(BytesView bytes);
  void arrive_end();
  void room() { taken_.open(); }
  bool is_closed() const { return closed_; }
  bool has_unread() const { return !given_.empty(); }
  // The process ends: who waits is forgotten.
  void drop();
  asio::any_io_executor executor;  // of the stranger whom it is at first

 private:
  void tell_receiver();

  Line* line_;  // which the server keeps as long as this
  net::BufferPool& buffers_;
  net::Peer peer_;
  Bytes given_;
  std::function<void()> on_input_;
  pipeline::Gate taken_;
  bool ended_ = false;
  bool closed_ = false;
};

class Line : public std::enable_shared_from_this<Line> {
 public:
  // What the client's end is told; nothing after hang_up().
  struct Ends {
    std::function<void(BytesView)> on_bytes;
    std::function<void()> on_end;
  };
  Line(Scene& scene, std::uint64_t its_number, std::string of_client)
      : number(its_number), address(std::move(of_client)), scene_(scene), dice_(scene.fork()) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  const std::uint64_t number;
  const std::string address;
  Ends client;
  std::shared_ptr<ServerEnd> server;              // none while there is no process
  std::function<void(BytesView)> on_server_sent;  // before anything is on its way

  // The client's end.
  void send(BytesView bytes);
  void hang_up();
  bool client_gone() const { return client_gone_; }
  const Bytes& sent_by_client() const { return recorded_; }

  // The server's end.
  void from_server(BytesView bytes);
  void end_from_server(bool in_order);
  std::size_t queued_to_client() const { return to_client_.queued; }

  // Faults.
  void cut(bool client_notices, bool server_notices);
  void stall(Millis until) { stalled_until_ = std::max(stalled_until_, until); }
  bool is_stalled() const { return stalled_until_ > scene_.schedule.now(); }
  // Of an older connection of a device that has a newer one.
  bool superseded = false;
  bool recording = false;

 private:
  struct Direction {
    Millis last_arrival = 0;
    std::size_t queued = 0;
    bool dead = false;  // nothing arrives any more
  };
  Millis arrival(Direction&);
  void to_server(Bytes bytes);
  void to_client(Bytes bytes);
  void tell_client_end(Millis at);

  Scene& scene_;
  Dice dice_;
  Direction to_server_, to_client_;
  Millis stalled_until_ = 0;
  bool client_gone_ = false;
  bool client_told_ = false;
  Bytes recorded_;
};

}  // namespace sealpost::sim
