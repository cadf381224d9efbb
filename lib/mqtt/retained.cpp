#include "mqtt/retained.hpp"

namespace sealpost::mqtt {

bool RetainedStore::has_room_for(const Message& message) const {
  if (message.payload().empty()) return true;
  const auto found = by_topic_.find(message.topic());
  const std::size_t freed = found == by_topic_.end() ? 0 : found->second->cost();
  const bool one_more = found == by_topic_.end();
  return bytes_ - freed + message.cost() <= limits_.bytes_max && (!one_more || size() < limits_.messages_max);
}

bool RetainedStore::set(const MessagePtr& message) {
  if (!has_room_for(*message)) return false;
  remove(message->topic());
  if (message->payload().empty()) return true;
  by_topic_.emplace(message->topic(), message);
  bytes_ += message->cost();
  return true;
}

void RetainedStore::remove(std::string_view topic) {
  const auto found = by_topic_.find(topic);
  if (found != by_topic_.end()) erase(found);
}

void RetainedStore::erase(ByTopic::iterator at) {
  bytes_ -= at->second->cost();
  by_topic_.erase(at);
}

}  // namespace sealpost::mqtt
