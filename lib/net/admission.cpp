#include "net/admission.hpp"

#include <arpa/inet.h>

#include <utility>

namespace sealpost::net {
namespace {

// What is counted as one address: an IPv4 address, or the /64 that an IPv6 customer gets at least.
std::string key_of(const std::string& address) {
  in6_addr v6;
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address;
  return {reinterpret_cast<const char*>(v6.s6_addr), 8};
}

// Apart from what connects from the same address and has told, or has nothing to tell.
std::string untold_key_of(const std::string& proxy) {
  return "untold " + key_of(proxy);
}

}  // namespace

Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::move(other.admission_)), address_(std::move(other.address_)) {}

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  admission_ = std::move(other.admission_);
  address_ = std::move(other.address_);
  return *this;
}

void Ticket::proven() {
  if (const auto address = std::move(address_)) admission_->leave_strangers(*address);
}

void Ticket::release() {
  if (const auto admission = std::exchange(admission_, nullptr)) admission->leave(std::move(address_));
}

Refusal Ticket::count_for(const std::string& address) {
  if (!address_) return Refusal::none;
  auto key = std::make_unique<const std::string>(key_of(address));
  if (!admission_->move_stranger(*address_, *key)) return Refusal::address;
  address_ = std::move(key);
  return Refusal::none;
}

Refusal Admission::admit(const std::string& address, Ticket& ticket) {
  return admit(key_of(address), limits_.per_address_max, ticket);
}

Refusal Admission::admit_untold(const std::string& proxy, Ticket& ticket) {
  return admit(untold_key_of(proxy), limits_.untold_max(), ticket);
}

Refusal Admission::admit(std::string key, std::size_t key_max, Ticket& ticket) {
  {
    const std::lock_guard lock(mutex_);
    if (connections_ >= limits_.connections_max) return Refusal::connections;
    if (strangers_ >= limits_.strangers_max) return Refusal::strangers;
    if (!note_stranger(key, key_max)) return Refusal::address;
    ++connections_;
    ++strangers_;
  }
  Ticket made;
  made.admission_ = shared_from_this();
  made.address_ = std::make_unique<const std::string>(std::move(key));
  ticket = std::move(made);
  return Refusal::none;
}

// False if there is no room for one more of the key.
bool Admission::note_stranger(const std::string& key, std::size_t key_max) {
  if (key.empty()) return true;
  const auto found = by_address_.find(key);
  if (found != by_address_.end() && found->second >= key_max) return false;
  ++by_address_[key];
  return true;
}

bool Admission::move_stranger(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (!note_stranger(to, limits_.per_address_max)) return false;
  forget_stranger(from);
  ++strangers_;
  return true;
}

void Admission::forget_stranger(const std::string& key) {
  --strangers_;
  if (key.empty()) return;
  const auto found = by_address_.find(key);
  if (--found->second == 0) by_address_.erase(found);
}

void Admission::leave_strangers(const std::string& key) {
  const std::lock_guard lock(mutex_);
  forget_stranger(key);
}

void Admission::leave(std::unique_ptr<const std::string> stranger) {
  const std::lock_guard lock(mutex_);
  --connections_;
  if (stranger) forget_stranger(*stranger);
}

std::size_t Admission::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::size_t Admission::strangers() const {
  const std::lock_guard lock(mutex_);
  return strangers_;
}

std::size_t Admission::addresses() const {
  const std::lock_guard lock(mutex_);
  return by_address_.size();
}

}  // namespace sealpost::net
