#pragma once
// A packet told in words, every field of it, so that two can be compared and a difference read.

#include <string>

#include "base/encoding.hpp"
#include "mqtt/packet.hpp"

namespace sealpost::mqtt::test {

struct Teller {
  std::string text;

  void say(std::string_view name, auto number) {
    text += std::string(name) + "=" + std::to_string(static_cast<long>(number)) + " ";
  }
  void say(std::string_view name, std::string_view words) {
    text += std::string(name) + "='" + std::string(words) + "' ";
  }
  void say(std::string_view name, BytesView bytes) { text += std::string(name) + "=" + to_hex(bytes) + " "; }
  template <class T>
  void say(std::string_view name, const std::optional<T>& field) {
    if (field) say(name, *field);
  }
  template <class T>
  void say(std::string_view name, const std::vector<T>& items) {
    for (const auto& item : items) say(name, item);
  }
  void say(std::string_view name, const UserProperty& user) {
    say(name, user.first);
    say("value", user.second);
  }
  void say(std::string_view name, const SubscriptionRequest& request) {
    const auto& o = request.options;
    say(name, request.filter);
    say("qos", o.qos);
    say("no_local", o.no_local);
    say("as_published", o.retain_as_published);
    say("handling", o.retain_handling);
  }
  void say(std::string_view name, const Will& will) {
    say(name, will.topic);
    say("payload", will.payload);
    say("qos", will.qos);
    say("retain", will.retain);
    tell(will.properties);
  }

  void tell(const Properties& properties) {
    any_property(properties, [&](int identifier, PacketSet, const auto& field) {
      say("p" + std::to_string(identifier), field);
      return false;
    });
  }
  void tell(const Connect& p) {
    say("version", p.version);
    say("client", p.client_id);
    say("clean", p.clean_start);
    say("keep_alive", p.keep_alive);
    say("will", p.will);
    say("user", p.user_name);
    say("password", p.password);
    tell(p.properties);
  }
  void tell(const Connack& p) {
    say("present", p.session_present);
    say("reason", p.reason);
    tell(p.properties);
  }
  void tell(const Publish& p) {
    say("topic", p.topic);
    say("payload", p.payload);
    say("qos", p.qos);
    say("retain", p.retain);
    say("dup", p.dup);
    say("id", p.packet_id);
    tell(p.properties);
  }
  template <PacketType type>
  void tell(const Acknowledgement<type>& p) {
    say("id", p.packet_id);
    say("reason", p.reason);
    tell(p.properties);
  }
  void tell(const Subscribe& p) {
    say("id", p.packet_id);
    say("request", p.requests);
    tell(p.properties);
  }
  void tell(const Unsubscribe& p) {
    say("id", p.packet_id);
    say("filter", p.filters);
    tell(p.properties);
  }
  void tell(const Suback& p) { tell_answers(p); }
  void tell(const Unsuback& p) { tell_answers(p); }
  void tell_answers(const auto& p) {
    say("id", p.packet_id);
    say("reason", p.reasons);
    tell(p.properties);
  }
  void tell(const Pingreq&) {}
  void tell(const Pingresp&) {}
  void tell(const Disconnect& p) { tell_reason(p); }
  void tell(const Auth& p) { tell_reason(p); }
  void tell_reason(const auto& p) {
    say("reason", p.reason);
    tell(p.properties);
  }
};

inline std::string told(const Packet& packet) {
  Teller teller;
  teller.say("type", packet.index() + 1);
  std::visit([&](const auto& some) { teller.tell(some); }, packet);
  return teller.text;
}

}  // namespace sealpost::mqtt::test
