#pragma once
// A device of somebody: dials the stage, proves itself, signs messages, and keeps what it hears.

#include "pipeline/stage.hpp"

namespace sealpost::pipeline::test {

// A packet from the server. What a kind of packet does not have is empty.
struct Heard {
  mqtt::PacketType type{};
  mqtt::ReasonCode reason{};
  mqtt::PacketId packet = 0;
  std::string leaf;  // of a PUBLISH's topic
  std::string text;  // payload, or authentication data
  std::string code;  // user property
  bool dup = false;
};

struct Message {
  Seq n;
  Link link;
  std::string stored;
};

struct Dialling {
  bool clean_start = true;
  std::uint32_t session_expiry = 0;  // seconds
  std::optional<std::uint16_t> receive_maximum = std::nullopt;
  bool subscribe = true;
  bool from_first = false;
};

class Phone {
 public:
  Phone(Stage& stage, auth::Party& owner, std::string_view label);

  // The handshake as a whole, and in its steps.
  void connect(const Dialling& = {});
  void dial(const Dialling& = {});
  void prove();    // once the Challenge is there
  bool welcome();  // true once the Welcome is there, which it keeps
  void subscribe();
  void reauthenticate();  // begins; go on with prove()
  void hang_up();
  // The strand on which it is authenticated comes to run behind those that have something to do already.
  void hold_back();
  void hold_unsent(std::size_t bytes);  // it does not take what it is sent
  void nudge();  // a PINGREQ: its client's strand has something to do, which the stage has yet to run

  // Signs and publishes the next message of its lane.
  Message publish(std::string_view text, std::optional<Permalink> to = std::nullopt);
  Message write(std::string_view text, std::optional<Permalink> to = std::nullopt);
  mqtt::PacketId transmit(const Message&);

  // What came, since the connection was dialled.
  const std::vector<Heard>& heard();
  std::vector<Heard> all(mqtt::PacketType, std::string_view leaf = {});
  std::vector<Heard> inbox() { return all(mqtt::PacketType::publish, "inbox"); }
  std::vector<std::string> inbox_texts();
  std::vector<Heard> acks() { return all(mqtt::PacketType::publish, "ack"); }
  std::vector<Heard> pubacks() { return all(mqtt::PacketType::puback); }
  std::optional<mqtt::ReasonCode> goodbye();  // of DISCONNECT
  bool is_closed() { return channel_ && channel_->is_closed(); }

  // Stores a message from the inbox, and says so.
  void ack(const Heard&);
  void ack_all();
  // Says that it could not store it.
  void refuse(const Heard&);

  auth::Welcome met;     // the newest Welcome
  lane::Mark sent;       // newest of its own lane
  lane::Mark confirmed;  // for its position: the newest that was acknowledged
  lane::Mark stored;     // newest it has stored of the inbox

 private:
  void give(const mqtt::Packet&);
  auth::ClientTerms terms() const;

  Stage& stage_;
  auth::Party& owner_;
  Device device_;
  Dialling how_;
  std::shared_ptr<FakeChannel> channel_;
  mqtt::Framer framer_{1 << 20};
  std::vector<Heard> heard_;
  std::size_t begun_at_ = 0;  // the handshake, in `heard_`
  std::optional<auth::ClientHandshake> handshake_;
  bool met_before_ = false;
  Millis last_time_ = 0;
  mqtt::PacketId packet_ = 0;
  std::map<mqtt::PacketId, lane::Mark> unanswered_;
};

}  // namespace sealpost::pipeline::test
