#pragma once
// Who may publish and subscribe where.

#include <string_view>

namespace sealpost::broker {

class Access {
 public:
  virtual ~Access() = default;
  virtual bool may_publish(std::string_view topic) const = 0;
  // Asked for a subscription, again when its session is resumed.
  virtual bool may_subscribe(std::string_view filter) const = 0;
  // Asked for each message at its delivery: the rules may have changed since the subscription.
  virtual bool may_receive(std::string_view topic) const = 0;
};

// Topics that are not for everybody to use: `sp/` is the protocol's, and what begins with $ the server's own
// (5.0 section 4.7.2).
constexpr bool is_reserved(std::string_view topic) {
  return topic == "sp" || topic.starts_with("sp/") || topic.starts_with('$');
}

// Under which the server keeps who is connected, as retained messages: nobody else publishes there.
inline constexpr std::string_view presence_prefix = "app/presence/";

// Under which the server tells about itself.
inline constexpr std::string_view system_prefix = "$SYS/";

// Of an open listener: any topic that is not reserved; and what the server tells about itself.
class OpenAccess : public Access {
 public:
  bool may_publish(std::string_view topic) const override {
    return !is_reserved(topic) && !topic.starts_with(presence_prefix);
  }
  bool may_subscribe(std::string_view filter) const override { return !is_reserved(filter) || is_of_server(filter); }
  bool may_receive(std::string_view topic) const override { return !is_reserved(topic) || is_of_server(topic); }

 private:
  static constexpr bool is_of_server(std::string_view topic) { return topic.starts_with(system_prefix); }
};

}  // namespace sealpost::broker
