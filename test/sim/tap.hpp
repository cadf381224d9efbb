#pragma once
// The judge at one connection: reads what the server sends, at the moment it does, and knows what the client has sent.
// Nothing may leave before its event is on disk, nothing twice, nothing out of order, and nothing for who has not
// proven who they are.

#include <map>
#include <optional>

#include "judge.hpp"
#include "mqtt/framer.hpp"
#include "mqtt/packet.hpp"

namespace sealpost::sim {

class Tap {
 public:
  // `device`: empty for a stranger.
  Tap(Scene& scene, Judge& judge, log::Lane device, std::size_t window)
      : scene_(scene), judge_(judge), device_(std::move(device)), window_(window) {}

  // The client publishes a message. `forged`: it must not be taken.
  void publishing(mqtt::PacketId packet, Seq n, const Link& link, bool forged) { awaited_[packet] = {n, link, forged}; }
  // The client acknowledges a delivery.
  void stored(mqtt::PacketId packet);
  // The server sends.
  void on_sent(BytesView bytes);

  // For std::visit.
  void operator()(const mqtt::Connack&);
  void operator()(const mqtt::Auth&);
  void operator()(const mqtt::Publish&);
  void operator()(const mqtt::Puback&);
  void operator()(const mqtt::Disconnect&);
  template <class Other>
  void operator()(const Other&) {}

 private:
  struct Awaited {
    Seq n;
    Link link;
    bool forged = false;
  };
  bool is_stranger() const { return device_.client.is_none(); }
  void welcome(std::string_view text, bool first);
  void inbox(const mqtt::Publish&);
  void ack(std::string_view text);
  void green() const;
  template <class... Parts>
  void fail(fmt::format_string<Parts...> format, Parts&&... parts) const {
    scene_.fail(fmt::format(format, std::forward<Parts>(parts)...));
  }

  Scene& scene_;
  Judge& judge_;
  const log::Lane device_;
  const std::size_t window_;
  mqtt::Framer framer_{1 << 20};
  std::map<mqtt::PacketId, Awaited> awaited_;
  std::map<mqtt::PacketId, Seq> in_flight_;
  Seq delivered_;
  Seq drain_to_;
  Seq acked_;  // as it was on disk at the Challenge; another connection may move it while this one is let in
  bool welcomed_ = false;
};

}  // namespace sealpost::sim
