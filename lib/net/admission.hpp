#pragma once
// Limits on connections before anyone has proven who they are. One Admission is shared by all listeners; a Ticket is
// one connection counted, and releases what it counted when it ends.

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace sealpost::net {

struct AdmissionLimits {
  std::size_t connections_max = 20'000;  // open at once, of all kinds
  std::size_t strangers_max = 4'096;     // of them not proven
  std::size_t per_address_max = 256;     // of those from one IPv4 address or one IPv6 /64
  // Of those from one proxy that have not told for whom: never less than per_address_max, as a storm of clients comes
  // from one address there; and never all, as a proxy that is out of order must not take the places of the others.
  std::size_t untold_max() const { return strangers_max / 2 > per_address_max ? strangers_max / 2 : per_address_max; }
};

enum class Refusal { none, connections, strangers, address };

class Admission;

class Ticket {
 public:
  Ticket() = default;
  Ticket(Ticket&& other) noexcept;
  Ticket& operator=(Ticket&& other) noexcept;
  ~Ticket() { release(); }

  // The holder has authenticated: it counts as a connection still, but not as a stranger.
  void proven();
  // A stranger counts for `address` from now on, or, where that has its share, as it did before.
  Refusal count_for(const std::string& address);
  explicit operator bool() const { return admission_ != nullptr; }

 private:
  friend class Admission;
  void release();

  std::shared_ptr<Admission> admission_;
  std::unique_ptr<const std::string> address_;  // of a stranger, as Admission counts it; none: it is no stranger
};

// Safe for use from any thread.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  explicit Admission(AdmissionLimits limits = {}) : limits_(limits) {}

  // A ticket, or why not. `address` is the peer's, in text; empty (a Unix socket) is not counted by address.
  Refusal admit(const std::string& address, Ticket& ticket);
  // The same for a connection from a proxy that has not told for whom: see Ticket::count_for().
  Refusal admit_untold(const std::string& proxy, Ticket& ticket);

  std::size_t connections() const;
  std::size_t strangers() const;
  std::size_t addresses() const;  // from which there are strangers

 private:
  friend class Ticket;
  Refusal admit(std::string key, std::size_t key_max, Ticket& ticket);
  bool move_stranger(const std::string& from, const std::string& to);
  bool note_stranger(const std::string& key, std::size_t key_max);  // under the mutex
  void leave_strangers(const std::string& key);
  void leave(std::unique_ptr<const std::string> stranger);
  void forget_stranger(const std::string& key);  // under the mutex

  const AdmissionLimits limits_;
  mutable std::mutex mutex_;  // a leaf
  std::size_t connections_ = 0;
  std::size_t strangers_ = 0;
  std::unordered_map<std::string, std::size_t> by_address_;
};

}  // namespace sealpost::net
