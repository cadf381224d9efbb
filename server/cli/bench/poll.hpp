#pragma once
// Waits for many callers at once, by epoll; one thread.

#include <cstdint>
#include <memory>
#include <vector>

#include "cli/bench/caller.hpp"

namespace sealpost::cli::bench {

class Poll {
 public:
  Poll();

  void add(Caller&);
  // After a caller was made to write from outside.
  void look_again(Caller&);
  // Serves whoever is ready, after at most so long a wait; false if nobody was.
  bool once(std::int64_t wait_us);

 private:
  Descriptor epoll_;
};

// All at once, but for the handshakes: of these, so many at a time as a server may be expected to bear.
std::vector<std::unique_ptr<Caller>> connect_all(World&, Poll&, std::size_t count);

}  // namespace sealpost::cli::bench
