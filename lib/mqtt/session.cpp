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

bool Session::has_received(PacketId packet_id) const {
  return std::binary_search(received_.begin(), received_.end(), packet_id);
}

bool Session::is_pending(PacketId packet_id) const {
  return std::find(pending_.begin(), pending_.end(), packet_id) != pending_.end();
}

void Session::add_pending(PacketId packet_id) {
  pending_.push_back(packet_id);
}

void Session::decide_pending(PacketId packet_id, bool taken) {
  if (std::erase(pending_, packet_id) != 0 && taken) add_received(packet_id);
}

void Session::add_received(PacketId packet_id) {
  const auto place = std::lower_bound(received_.begin(), received_.end(), packet_id);
  if (place == received_.end() || *place != packet_id) received_.insert(place, packet_id);
}

bool Session::release_received(PacketId packet_id) {
  const auto found = std::lower_bound(received_.begin(), received_.end(), packet_id);
  if (found == received_.end() || *found != packet_id) return false;
  received_.erase(found);
  return true;
}

PacketId Session::take_packet_id() {
  for (PacketId tried = 0; tried < sessions_packet_id_max; ++tried) {
    last_packet_id_ = static_cast<PacketId>(last_packet_id_ % sessions_packet_id_max + 1);
    if (find_in_flight(last_packet_id_) == nullptr) return last_packet_id_;
  }
  return 0;
}

InFlight* Session::find_in_flight(PacketId packet_id) {
  const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                  [&](const InFlight& message) { return message.packet_id == packet_id; });
  return found == in_flight_.end() ? nullptr : &*found;
}

bool Session::is_in_flight(PacketId packet_id) const {
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [&](const InFlight& message) { return message.packet_id == packet_id; });
}

void Session::add_in_flight(const InFlight& message) {
  SEALPOST_ASSERT(message.packet_id != 0 && find_in_flight(message.packet_id) == nullptr);
  in_flight_.push_back(message);
}

void Session::restore(std::uint32_t expiry, Millis detached_at) {
  begun_ = true;
  expiry_ = expiry;
  detached_at_ = detached_at;
}

void Session::clear() {
  subscriptions_.clear();
  in_flight_.clear();
  received_.clear();
  pending_.clear();
  begun_ = false;
}

}  // namespace sealpost::mqtt
