#include "pipeline/clients.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>

#include "pipeline/await.hpp"

namespace sealpost::pipeline {
namespace {

// Runs on the client's own strand.
asio::awaitable<void> load_and_resume(std::shared_ptr<Client> client) {
  co_await client->ready();
  client->resume_work();
}

asio::awaitable<void> end_and_settle(std::shared_ptr<Client> client, Services& services, Millis until) {
  while (!client->idle() && steady_ms(services.clock) < until) co_await pause(services.timers, 10);
  client->end_connections(mqtt::ReasonCode::server_shutting_down, "the server is shutting down; connect again soon");
}

}  // namespace

std::shared_ptr<Client> Clients::at(const Permalink& permalink) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<Client>& entry = clients_[permalink];
  std::shared_ptr<Client> client = entry.lock();
  if (!client) {
    client = std::make_shared<Client>(services_, *this, permalink);
    entry = client;
  }
  return client;
}

std::shared_ptr<Client> Clients::find(const Permalink& permalink) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(permalink);
  return found == clients_.end() ? nullptr : found->second.lock();
}

std::vector<std::shared_ptr<Client>> Clients::all() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Client>> living;
  for (const auto& [permalink, entry] : clients_)
    if (auto client = entry.lock()) living.push_back(std::move(client));
  return living;
}

// Called by the actor's destructor; another actor of the same client may stand in its place already.
void Clients::gone(const Permalink& permalink) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(permalink);
  if (found != clients_.end() && found->second.expired()) clients_.erase(found);
}

asio::awaitable<void> Clients::resume() {
  using Page = std::vector<log::Work>;
  constexpr std::size_t page_size = 256;
  for (const log::Feed feed : {log::Feed::in, log::Feed::intents}) {
    if (feed == log::Feed::in && services_.bot == nullptr) continue;
    const std::string consumer = feed == log::Feed::in ? services_.bot->consumer() : std::string(log::intents_consumer);
    Permalink after;
    for (;;) {
      std::function<Page(log::Reader&)> ask = [feed, consumer, after](log::Reader& reader) {
        return reader.work(feed, consumer, after, page_size);
      };
      const Page page = co_await read<Page>(services_.log, std::move(ask));
      for (const log::Work& work : page) {
        const auto client = at(work.client);
        spawn(client->strand(), services_.sink, "resume", load_and_resume(client));
      }
      if (page.size() < page_size) break;
      after = page.back().client;
    }
  }
}

asio::awaitable<void> Clients::stop(Millis patience) {
  stopping_.store(true, std::memory_order_relaxed);
  const Millis until = steady_ms(services_.clock) + patience;
  for (const auto& client : all()) {
    co_await asio::co_spawn(client->strand(), end_and_settle(client, services_, until), asio::use_awaitable);
  }
}

}  // namespace sealpost::pipeline
