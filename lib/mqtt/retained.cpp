#include "mqtt/retained.hpp"

namespace sealpost::mqtt {

bool RetainedStore::has_room_for(const Message& message) const {
  if (message.payload().empty()) return true;
  const auto found = by_topic_.find(message.topic());
  const std::size_t freed = found == by_topic_.end() ? 0 : found->second.message->cost();
  const bool one_more = found == by_topic_.end();
  return bytes_ - freed + message.cost() <= limits_.bytes_max && (!one_more || size() < limits_.messages_max);
}

RetainedStore::Version RetainedStore::set(const MessagePtr& message) {
  if (!has_room_for(*message)) return 0;
  const auto found = by_topic_.find(message->topic());
  const Version written = found == by_topic_.end() ? 0 : found->second.written;
  remove(message->topic());
  if (!message->payload().empty()) {
    by_topic_.emplace(message->topic(), Kept{message, written});
    bytes_ += message->cost();
  }
  return ++last_;
}

bool RetainedStore::take_to_write(const Message& message, Version version) {
  const auto found = by_topic_.find(message.topic());
  if (found == by_topic_.end()) return message.payload().empty();  // what removed it comes after all that set it
  if (found->second.written > version) return false;
  found->second.written = version;
  return true;
}

void RetainedStore::remove(std::string_view topic) {
  const auto found = by_topic_.find(topic);
  if (found != by_topic_.end()) erase(found);
}

void RetainedStore::erase(ByTopic::iterator at) {
  bytes_ -= at->second.message->cost();
  by_topic_.erase(at);
}

}  // namespace sealpost::mqtt
