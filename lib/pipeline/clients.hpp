#pragma once
// The registry: which actor is whose. Holds the only mutex of the pipeline, a leaf. Any thread.

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "pipeline/client.hpp"

namespace sealpost::pipeline {

class Clients {
 public:
  explicit Clients(Services& services) : services_(services) {}

  // The client's actor, made if there is none. Not loaded yet: its strand and ready() come first.
  std::shared_ptr<Client> at(const Permalink&);
  std::shared_ptr<Client> find(const Permalink&);  // null if none is in memory
  std::vector<std::shared_ptr<Client>> all();

  // Clients with unfinished work in the log are loaded and go on. Call once, at the start.
  asio::awaitable<void> resume();

  // Takes no more, tells every client, waits until what was taken is on disk and acknowledged, at most `patience` ms.
  asio::awaitable<void> stop(Millis patience);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

 private:
  friend class Client;
  void gone(const Permalink&);

  Services& services_;
  std::mutex mutex_;
  std::unordered_map<Permalink, std::weak_ptr<Client>> clients_;
  std::atomic<bool> stopping_{false};
};

}  // namespace sealpost::pipeline
