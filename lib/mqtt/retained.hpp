#pragma once
// The retained messages: the newest of each topic whose publisher asked for it (5.0 section 3.3.1.3). Bounded in
// number and bytes. Not safe for threads by itself.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "mqtt/message.hpp"
#include "mqtt/topic.hpp"

namespace sealpost::mqtt {

struct RetainedLimits {
  std::size_t messages_max = 100'000;
  std::size_t bytes_max = 64 * 1024 * 1024;
};

class RetainedStore {
 public:
  explicit RetainedStore(const RetainedLimits& limits = {}) : limits_(limits) {}

  // Names a change; later ones are greater. 0: none.
  using Version = std::uint64_t;

  // Puts the message in the place of the one before on its topic [MQTT-3.3.1-5]; an empty payload removes that, and is
  // not kept itself [MQTT-3.3.1-6] [MQTT-3.3.1-7]. 0, and all is as before, if there is no room for it.
  Version set(const MessagePtr& message);
  // Whether a change by that message is still to be written to disk: not where a later one of the topic has been, or
  // will be. It counts as written.
  bool take_to_write(const Message& message, Version version);
  // Whether set() would find room.
  bool has_room_for(const Message& message) const;
  void remove(std::string_view topic);

  // Calls visit(const MessagePtr&) for each message whose topic the filter matches, in the order of the topics. What
  // has expired is removed on the way, and expired(const MessagePtr&) called.
  template <class Visit, class Expired>
  void match(std::string_view filter, Millis now, Visit&& visit, Expired&& expired) {
    // All that match begin with what stands before the first wildcard, or are that; "a/#" matches "a" too.
    const auto wildcard = filter.find_first_of("+#");
    std::string_view prefix = filter.substr(0, wildcard);
    if (filter.ends_with("/#") && prefix.size() + 1 == filter.size()) prefix.remove_suffix(1);
    for (auto at = by_topic_.lower_bound(prefix); at != by_topic_.end() && at->first.starts_with(prefix);) {
      if (wildcard == std::string_view::npos && at->first != filter) break;
      const auto here = at++;
      if (here->second.message->expired(now)) {
        const MessagePtr gone = here->second.message;
        erase(here);
        expired(gone);
      } else if (matches(filter, here->first)) {
        visit(here->second.message);
      }
    }
  }
  template <class Visit>
  void match(std::string_view filter, Millis now, Visit&& visit) {
    match(filter, now, std::forward<Visit>(visit), [](const MessagePtr&) {});
  }

  std::size_t size() const { return by_topic_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    MessagePtr message;
    Version written = 0;  // the newest change of the topic that is on its way to disk
  };
  using ByTopic = std::map<std::string, Kept, std::less<>>;
  void erase(ByTopic::iterator at);

  const RetainedLimits limits_;
  ByTopic by_topic_;
  std::size_t bytes_ = 0;
  Version last_ = 0;
};

}  // namespace sealpost::mqtt
