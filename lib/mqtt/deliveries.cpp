#include "mqtt/deliveries.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace sealpost::mqtt {

bool Deliveries::has_room(std::size_t cost) const {
  const std::size_t bytes = bytes_ + promised_bytes_;
  return waiting_.size() + promised_ < limits_->messages_max && (bytes == 0 || bytes + cost <= limits_->bytes_max);
}

void Deliveries::promise(std::size_t cost) {
  ++promised_;
  promised_bytes_ += cost;
}

void Deliveries::redeem(std::size_t cost) {
  SEALPOST_ASSERT(promised_ > 0 && promised_bytes_ >= cost);
  --promised_;
  promised_bytes_ -= cost;
}

void Deliveries::add(Delivery delivery) {
  last_number_ = std::max(last_number_, delivery.number);
  bytes_ += delivery.cost();
  auto place = waiting_.end();
  while (place != waiting_.begin() && std::prev(place)->number > delivery.number) --place;
  waiting_.insert(place, std::move(delivery));
}

void Deliveries::sent() {
  SEALPOST_ASSERT(!waiting_.empty());
  if (waiting_.front().qos == Qos::at_most_once) return static_cast<void>(drop());
  flight_.splice(flight_.end(), waiting_, waiting_.begin());
}

Delivery Deliveries::drop() {
  Delivery dropped = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= dropped.cost();
  return dropped;
}

Delivery* Deliveries::in_flight(std::uint64_t number) {
  const auto found =
      std::find_if(flight_.begin(), flight_.end(), [&](const Delivery& each) { return each.number == number; });
  return found == flight_.end() ? nullptr : &*found;
}

std::optional<Delivery> Deliveries::settle(std::uint64_t number) {
  const auto found =
      std::find_if(flight_.begin(), flight_.end(), [&](const Delivery& each) { return each.number == number; });
  if (found == flight_.end()) return std::nullopt;
  Delivery settled = std::move(*found);
  flight_.erase(found);
  bytes_ -= settled.cost();
  return settled;
}

void Deliveries::restore(Delivery delivery) {
  last_number_ = std::max(last_number_, delivery.number);
  bytes_ += delivery.cost();
  flight_.push_back(std::move(delivery));
}

void Deliveries::drop_qos0() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto here = at++;
    if (here->qos != Qos::at_most_once) continue;
    bytes_ -= here->cost();
    waiting_.erase(here);
  }
}

std::list<Delivery> Deliveries::take_all() {
  std::list<Delivery> all;
  all.splice(all.end(), flight_);
  all.splice(all.end(), waiting_);
  bytes_ = 0;
  return all;
}

}  // namespace sealpost::mqtt
