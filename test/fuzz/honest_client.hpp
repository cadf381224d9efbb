#pragma once
// An MQTT client that keeps every rule, and asserts that the server keeps them too: no answer without a question, its
// receive maximum and its aliases kept, each QoS 2 message taken once, no packet id given twice.

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/assert.hpp"
#include "mqtt/codec.hpp"
#include "mqtt/framer.hpp"
#include "numbered.hpp"

namespace sealpost::mqtt::test {

class HonestClient {
 public:
  struct Terms {
    Version version = Version::v5;
    bool clean_start = false;
    std::uint32_t expiry = 60;
    std::uint16_t receive_maximum = 65'535;
    std::uint16_t aliases = 0;
    std::uint32_t packet_size_max = packet_size_limit;
  };

  // `taken(number, qos)` is told of each message that came, QoS 2 ones once for each that the server has sent.
  HonestClient(const std::map<std::uint32_t, Numbered>& published, std::function<void(std::uint32_t, Qos)> taken)
      : published_(published), taken_(std::move(taken)) {}

  void open(const Terms& terms);
  void publish(const Numbered& message);
  void subscribe(std::string_view filter, SubscriptionOptions options);
  void unsubscribe(std::string_view filter);
  void ping();
  void goodbye();
  // The connection is gone.
  void lose() { connected_ = false; }
  // Sends so many of the answers that it owes.
  void answer(std::size_t count);
  // Nothing, after goodbye(): what the server had sent by then is for nobody.
  void read(BytesView chunk);
  // The next QoS 2 message is refused.
  void refuse_next() { refusing_ = true; }

  bool connected() const { return connected_; }
  bool may_publish(Qos qos) const {
    return connected_ && resend_.empty() && (qos == Qos::at_most_once || (quota_ > 0 && out_.size() < quota_max_ * 2));
  }
  bool may_ask() const { return connected_ && asked_.size() < 2; }
  bool idle() const { return connected_ && out_.empty() && incoming_.empty() && answers_.empty() && asked_.empty(); }
  Bytes take_output() { return std::exchange(output_, {}); }

 private:
  struct Outgoing {
    Numbered message;
    PacketId id = 0;
    bool sent = false;  // on this connection: PUBLISH, or PUBREL if released
    bool released = false;
  };

  bool v5() const { return terms_.version == Version::v5; }
  void send(const Packet& packet) { SEALPOST_ASSERT(encode(terms_.version, packet, output_).has_value()); }
  void send_publish(Outgoing& outgoing, bool dup);
  void send_again();
  void more_quota() { quota_ = std::min(quota_ + 1, quota_max_); }
  PacketId free_id();
  Outgoing* find(PacketId id);
  void end(PacketId id);
  void check_properties(const Publish& publish, std::uint32_t number) const;

  void on(const Connack& connack);
  void on(const Publish& publish);
  void on(const Puback& puback);
  void on(const Pubrec& pubrec);
  void on(const Pubrel& pubrel);
  void on(const Pubcomp& pubcomp);
  void on(const Suback& suback) { SEALPOST_ASSERT(asked_.erase(suback.packet_id) == 1 && suback.reasons.size() == 1); }
  void on(const Unsuback& unsuback) { SEALPOST_ASSERT(asked_.erase(unsuback.packet_id) == 1); }
  void on(const Pingresp&) { SEALPOST_ASSERT(pings_-- > 0); }
  void on(const auto&) { SEALPOST_ASSERT(false); }  // DISCONNECT for nothing, or what a server never sends

  const std::map<std::uint32_t, Numbered>& published_;
  const std::function<void(std::uint32_t, Qos)> taken_;

  // Of the session:
  std::vector<Outgoing> out_;                   // oldest first
  std::map<PacketId, std::uint32_t> incoming_;  // QoS 2: taken, not released
  PacketId last_id_ = 0;

  // Of the connection:
  Terms terms_;
  Framer framer_{packet_size_limit};
  Bytes output_;
  std::vector<Packet> answers_;                     // owed
  std::vector<PacketId> resend_;                    // of `out_`
  std::set<PacketId> open_;                         // QoS 1 and 2 that came here, not at their end
  std::set<PacketId> asked_;                        // SUBSCRIBE and UNSUBSCRIBE without an answer
  std::map<std::uint16_t, std::string> its_names_;  // the server's aliases
  std::size_t quota_ = 0, quota_max_ = 0;
  int pings_ = 0;
  bool connected_ = false;
  bool said_goodbye_ = false;
  bool refusing_ = false;
};

inline void HonestClient::open(const Terms& terms) {
  terms_ = terms;
  framer_ = Framer(terms.packet_size_max);
  output_.clear();
  answers_.clear();
  resend_.clear();
  open_.clear();
  asked_.clear();
  its_names_.clear();
  quota_ = quota_max_ = 0;
  pings_ = 0;
  connected_ = said_goodbye_ = refusing_ = false;
  for (auto& each : out_) each.sent = false;
  Connect connect{.version = terms.version, .client_id = "c", .clean_start = terms.clean_start};
  if (v5()) {
    connect.properties.session_expiry = terms.expiry;
    connect.properties.receive_maximum = terms.receive_maximum;
    connect.properties.topic_alias_maximum = terms.aliases;
    connect.properties.maximum_packet_size = terms.packet_size_max;
  }
  send(connect);
}

inline PacketId HonestClient::free_id() {
  do last_id_ = static_cast<PacketId>(last_id_ % 12 + 1);  // few, so that they come round
  while (find(last_id_) != nullptr || asked_.count(last_id_) != 0);
  return last_id_;
}

inline HonestClient::Outgoing* HonestClient::find(PacketId id) {
  for (auto& each : out_)
    if (each.id == id) return &each;
  return nullptr;
}

inline void HonestClient::end(PacketId id) {
  std::erase_if(out_, [&](const Outgoing& each) { return each.id == id; });
  more_quota();
  send_again();
}

inline void HonestClient::publish(const Numbered& message) {
  Outgoing outgoing{message};
  if (message.qos == Qos::at_most_once) return send_publish(outgoing, false);
  outgoing.id = free_id();
  out_.push_back(outgoing);
  send_publish(out_.back(), false);
}

inline void HonestClient::send_publish(Outgoing& outgoing, bool dup) {
  const auto& message = outgoing.message;
  const auto payload = message.payload();
  const auto number = std::to_string(message.number);
  Publish publish{message.name(), payload, message.qos, message.retain, dup, outgoing.id, {}};
  if (v5()) {
    publish.properties.user_properties = {{"z", number}, {"a", number}};
    publish.properties.topic_alias = static_cast<std::uint16_t>(message.topic % 3 + 1);
    if (message.brief) publish.properties.message_expiry = 1;
  }
  send(publish);
  outgoing.sent = true;
  if (message.qos != Qos::at_most_once) --quota_;
}

// What was on its way when the last connection ended, in its order [MQTT-4.4.0-1].
inline void HonestClient::send_again() {
  while (!resend_.empty()) {
    Outgoing& outgoing = *find(resend_.front());
    if (!outgoing.released && quota_ == 0) return;
    if (outgoing.released)
      send(Pubrel{outgoing.id, {}, {}});
    else
      send_publish(outgoing, true);
    outgoing.sent = true;
    resend_.erase(resend_.begin());
  }
}

inline void HonestClient::subscribe(std::string_view filter, SubscriptionOptions options) {
  if (!v5()) options = {options.qos};
  const auto id = free_id();
  asked_.insert(id);
  send(Subscribe{id, {{filter, options}}, {}});
}

inline void HonestClient::unsubscribe(std::string_view filter) {
  const auto id = free_id();
  asked_.insert(id);
  send(Unsubscribe{id, {filter}, {}});
}

inline void HonestClient::ping() {
  ++pings_;
  send(Pingreq{});
}

inline void HonestClient::goodbye() {
  send(Disconnect{});
  connected_ = false;
  said_goodbye_ = true;
}

inline void HonestClient::answer(std::size_t count) {
  if (!connected_) return;
  count = std::min(count, answers_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto& answer = answers_[i];
    send(answer);
    if (const auto* puback = std::get_if<Puback>(&answer)) open_.erase(puback->packet_id);
    if (const auto* pubcomp = std::get_if<Pubcomp>(&answer)) open_.erase(pubcomp->packet_id);
    const auto* pubrec = std::get_if<Pubrec>(&answer);
    if (pubrec != nullptr && is_failure(pubrec->reason)) open_.erase(pubrec->packet_id);
  }
  answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(count));
}

inline void HonestClient::read(BytesView chunk) {
  if (said_goodbye_) return;
  framer_.feed(chunk);
  for (;;) {
    const auto bytes = framer_.next();
    SEALPOST_ASSERT(bytes.has_value());
    if (bytes->empty()) return framer_.settle();
    const auto packet = decode(terms_.version, *bytes);
    SEALPOST_ASSERT(packet.has_value());
    SEALPOST_ASSERT(connected_ || std::holds_alternative<Connack>(*packet));
    std::visit([this](const auto& some) { on(some); }, *packet);
  }
}

inline void HonestClient::on(const Connack& connack) {
  SEALPOST_ASSERT(!connected_ && connack.reason == ReasonCode::success);
  SEALPOST_ASSERT(!(terms_.clean_start && connack.session_present));
  connected_ = true;
  quota_ = quota_max_ = v5() ? connack.properties.receive_maximum.value_or(65'535) : 4;
  if (!connack.session_present) {
    out_.clear();
    incoming_.clear();
  }
  for (const auto& each : out_) resend_.push_back(each.id);
  send_again();
}

inline void HonestClient::on(const Publish& publish) {
  auto topic = publish.topic;
  if (const auto alias = publish.properties.topic_alias) {
    SEALPOST_ASSERT(*alias <= terms_.aliases);
    if (!topic.empty()) its_names_[*alias] = topic;
    SEALPOST_ASSERT(its_names_.count(*alias) == 1);
    topic = its_names_[*alias];
  }
  const auto number = number_in(publish.payload);
  const auto known = published_.find(number);
  if (known != published_.end()) {  // else it is of a client that does as it likes
    SEALPOST_ASSERT(topic == known->second.name());
    SEALPOST_ASSERT(publish.payload.size() == known->second.size);
    SEALPOST_ASSERT(publish.qos <= known->second.qos);
    check_properties(publish, number);
  }
  if (publish.qos == Qos::at_most_once) return taken_(number, publish.qos);
  SEALPOST_ASSERT(open_.insert(publish.packet_id).second);  // once in a connection, and no id twice [MQTT-4.4.0-1]
  SEALPOST_ASSERT(open_.size() <= terms_.receive_maximum || !v5());
  if (publish.qos == Qos::at_least_once) {
    SEALPOST_ASSERT(incoming_.count(publish.packet_id) == 0);
    taken_(number, publish.qos);
    answers_.push_back(Puback{publish.packet_id, {}, {}});
    return;
  }
  const auto [before, fresh] = incoming_.emplace(publish.packet_id, number);
  SEALPOST_ASSERT(fresh || (publish.dup && before->second == number));
  if (!fresh || !std::exchange(refusing_, false) || !v5()) {
    if (fresh) taken_(number, publish.qos);
    answers_.push_back(Pubrec{publish.packet_id, {}, {}});
    return;
  }
  incoming_.erase(before);
  answers_.push_back(Pubrec{publish.packet_id, ReasonCode::quota_exceeded, {}});
}

// What is passed on unaltered comes in its order [MQTT-3.3.2-18], and what is left of the expiry.
inline void HonestClient::check_properties(const Publish& publish, std::uint32_t number) const {
  const auto text = std::to_string(number);
  const auto& users = publish.properties.user_properties;
  SEALPOST_ASSERT(users.empty() || users == (std::vector<UserProperty>{{"z", text}, {"a", text}}));
  SEALPOST_ASSERT(publish.properties.message_expiry.value_or(1) == 1);
}

inline void HonestClient::on(const Puback& puback) {
  const auto* outgoing = find(puback.packet_id);
  SEALPOST_ASSERT(outgoing != nullptr && outgoing->sent && outgoing->message.qos == Qos::at_least_once);
  end(puback.packet_id);
}

inline void HonestClient::on(const Pubrec& pubrec) {
  auto* outgoing = find(pubrec.packet_id);
  SEALPOST_ASSERT(outgoing != nullptr && outgoing->sent && outgoing->message.qos == Qos::exactly_once);
  SEALPOST_ASSERT(!outgoing->released);
  if (is_failure(pubrec.reason)) return end(pubrec.packet_id);
  outgoing->released = true;
  answers_.push_back(Pubrel{pubrec.packet_id, {}, {}});
}

inline void HonestClient::on(const Pubrel& pubrel) {
  const bool known = incoming_.erase(pubrel.packet_id) == 1;
  answers_.push_back(
      Pubcomp{pubrel.packet_id, known ? ReasonCode::success : ReasonCode::packet_identifier_not_found, {}});
}

inline void HonestClient::on(const Pubcomp& pubcomp) {
  const auto* outgoing = find(pubcomp.packet_id);
  SEALPOST_ASSERT(outgoing != nullptr && outgoing->sent && outgoing->released);
  end(pubcomp.packet_id);
}

}  // namespace sealpost::mqtt::test
