#include "mqtt/session.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace sealpost::mqtt {

Session::Attachment Session::attach(bool clean_start, std::uint32_t expiry, Millis now) {
  // Taking over ends the older connection first, and with it a session that was not to outlive it.
  const bool ended = attached_ ? expiry_ == 0 : expired(now);
  present_ = begun_ && !clean_start && !ended;
  if (!present_) clear();
  for (auto& message : in_flight_) message.sent = false;
  begun_ = attached_ = true;
  expiry_ = expiry;
  return ++attachment_;
}

void Session::detach(Attachment attachment, Millis now) {
  if (!is_current(attachment)) return;
  attached_ = false;
  detached_at_ = now;
  if (expiry_ == 0) clear();
}

std::optional<Millis> Session::expires_at() const {
  if (attached_ || expiry_ == session_never_expires) return std::nullopt;
  return detached_at_ + Millis{expiry_} * 1000;
}

bool Session::expired(Millis now) const {
  const auto at = expires_at();
  return at && now >= *at;
}

bool Session::subscribe(std::string_view filter, Subscription subscription) {
  const auto found = subscriptions_.find(filter);
  if (found != subscriptions_.end()) {
    found->second = subscription;
    return false;
  }
  subscriptions_.emplace(filter, subscription);
  return true;
}

bool Session::unsubscribe(std::string_view filter) {
  const auto found = subscriptions_.find(filter);
  if (found == subscriptions_.end()) return false;
  subscriptions_.erase(found);
  return true;
}

const Subscription* Session::find(std::string_view filter) const {
  const auto found = subscriptions_.find(filter);
  return found == subscriptions_.end() ? nullptr : &found->second;
}

void Session::forget(PacketId packet_id) {
  std::erase_if(in_flight_, [&](const InFlight& message) { return message.packet_id == packet_id; });
}

PacketId Session::take_packet_id() {
  if (in_flight_.size() >= 65'535) return 0;
  do {
    if (++last_packet_id_ == 0) last_packet_id_ = 1;
  } while (find_in_flight(last_packet_id_) != nullptr);
  return last_packet_id_;
}

InFlight* Session::find_in_flight(PacketId packet_id) {
  const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                  [&](const InFlight& message) { return message.packet_id == packet_id; });
  return found == in_flight_.end() ? nullptr : &*found;
}

void Session::add_in_flight(PacketId packet_id, std::uint64_t token) {
  SEALPOST_ASSERT(packet_id != 0 && find_in_flight(packet_id) == nullptr);
  in_flight_.push_back({packet_id, true, token});
}

void Session::clear() {
  subscriptions_.clear();
  in_flight_.clear();
  begun_ = false;
}

}  // namespace sealpost::mqtt
