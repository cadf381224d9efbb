#include "pipeline/client.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "pipeline/app.hpp"
#include "pipeline/await.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::pipeline {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sealpost.pipeline"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::outbox_full:
        return "the client's outbox is full: it has to acknowledge messages first";
      case Errc::unknown_client:
        return "no client of that permalink is known here";
      case Errc::stopping:
        return "the server is shutting down";
    }
    return "unknown error";
  }
};

// By then a noted position is on disk: the log promises 50 ms (log/event_log.hpp), and its commits take their time.
constexpr Millis notes_durable = 1'000;

// How many messages wait for the bot; counted up to `most`, where the inbox is full.
std::size_t count_waiting(log::Reader& reader, const log::ClientState& state, const std::string& consumer,
                          std::size_t most) {
  std::size_t count = 0;
  EventId after = state.cursor(consumer);
  while (after < state.last_in && count < most) {
    const auto page = reader.feed(log::Feed::in, state.client, after, {.events = 256, .bytes = 1 << 20});
    if (page.empty()) break;
    count += page.size();
    after = page.back().committed.id();
  }
  return count;
}

const Device& label_of(const std::unique_ptr<DeviceLane>& lane) {
  return lane->device;
}

}  // namespace

ErrorCode make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

Standing::Standing(const object::Identity& version) : link(version.link()) {
  for (const object::IdentityKey& key : version.keys())
    if (version.has_key(object::purpose_sign, key.key)) sign_keys.push_back(key.key);
}

Client::Client(Services& services, Clients& clients, const Permalink& permalink)
    : services_(services), clients_(clients), permalink_(permalink), strand_(asio::make_strand(services.executor)) {
  services_.counters.clients_live.add(1);
}

Client::~Client() {
  services_.counters.clients_live.add(-1);
  clients_.gone(permalink_);
}

asio::awaitable<void> Client::ready() {
  const auto self = shared_from_this();
  if (loaded_) co_return;
  const Turn::Held held = co_await loading_.take();
  if (loaded_) co_return;
  struct Found {
    std::optional<log::ClientState> state;
    std::vector<log::StoredEvent> versions;
    std::size_t backlog = 0;
  };
  const std::string consumer = services_.bot == nullptr ? "" : services_.bot->consumer();
  std::function<Found(log::Reader&)> ask = [client = permalink_, consumer,
                                            most = services_.limits.inbox_messages](log::Reader& reader) {
    Found found{reader.client(client), reader.identity_versions(client)};
    if (found.state && !consumer.empty()) found.backlog = count_waiting(reader, *found.state, consumer, most);
    return found;
  };
  const Found found = co_await read<Found>(services_.log, std::move(ask));
  load(found.state, found.versions);
  backlog_ = found.backlog;
  loaded_ = true;
}

void Client::load(const std::optional<log::ClientState>& state, const std::vector<log::StoredEvent>& versions) {
  if (!versions.empty() && versions.back().draft.body) {
    const auto identity = object::Identity::parse(*versions.back().draft.body);
    SEALPOST_ASSERT(identity);  // it was read when it came in
    identity_ = Standing(*identity);
    identity_event_ = versions.back().committed.id();
  }
  if (!state) return;
  out_ = lane::OutLane({state->out.seq, state->out.link, state->out.time});
  for (const log::DeviceState& device : state->devices) {
    DeviceLane& lane = add(device.device);
    const lane::Light light = device.shut ? lane::Light::shut : lane::Light::green;
    lane.in = lane::InLane({device.in.seq, device.in.link, device.in.time}, light, device.epoch);
    lane.window = lane::Window(device.acked, state->out.seq, 1);
    lane.acked = device.acked;
    lane.last_seen = device.last_seen;
    lane.shut = device.shut;
  }
  if (services_.bot != nullptr) updates_.cursor = updates_.queued = state->cursor(services_.bot->consumer());
  updates_.newest = std::max(state->last_in, updates_.queued);
  intents_.cursor = intents_.queued = state->cursor(std::string(log::intents_consumer));
  intents_.newest = std::max({state->last_intent, intents_.queued, intents_.newest});
  constexpr std::string_view introduced = "introduced/";
  for (const auto& [consumer, event] : state->cursors) {
    if (!consumer.starts_with(introduced)) continue;
    Permalink author;
    if (from_base64url(std::string_view(consumer).substr(introduced.size()), author.bytes)) introduced_[author] = event;
  }
}

void Client::resume_work() {
  if (updates_.behind()) start_processing();
  if (intents_.behind()) start_relaying();
}

DeviceLane* Client::find(const Device& device) const {
  const auto found = std::ranges::lower_bound(devices_, device, {}, label_of);
  return found != devices_.end() && label_of(*found) == device ? found->get() : nullptr;
}

DeviceLane& Client::add(const Device& device) {
  const auto place = std::ranges::lower_bound(devices_, device, {}, label_of);
  return **devices_.insert(place, std::make_unique<DeviceLane>(device));
}

DeviceLane& Client::lane_of(const Connection& connection) const {
  DeviceLane* lane = find(connection.who().device);
  SEALPOST_ASSERT(lane != nullptr);
  return *lane;
}

void Client::detach(const std::shared_ptr<Connection>& connection) {
  services_.timers.cancel(connection->keep_alive_timer);
  services_.timers.cancel(connection->expiry_timer);
  connection->engine().disconnect(mqtt::ReasonCode::unspecified_error);
  connection->flush();
  DeviceLane& lane = lane_of(*connection);
  if (services_.app == nullptr)
    lane.own_session.detach(connection->attachment, steady_ms(services_.clock));
  else
    close_app(lane, *connection);
  if (lane.connection != connection) return;
  lane.connection = nullptr;
  lane.page.clear();
  forget_delivered();
  lane.in.forget_recent();
  services_.log.note_seen(permalink_, lane.device, services_.clock.now());
  note_presence();
  forget_session_later(lane);
}

// Keeps the actor, and so the session, until the session expires; but at least until its last acknowledged position is
// durable: another actor would load the one before it.
void Client::forget_session_later(DeviceLane& lane) {
  const auto expires = services_.app == nullptr ? lane.own_session.expires_at() : std::optional<Millis>(0);
  const Millis now = steady_ms(services_.clock);
  const Millis longest = services_.limits.mqtt_session_max;
  const Millis left = std::min(expires ? *expires - now : longest, longest);
  if (left <= 0) lane.own_session = {};
  const auto expired = [self = shared_from_this(), device = lane.device] {
    asio::post(self->strand_, [self, device] {
      DeviceLane* found = self->find(device);
      if (found != nullptr && found->own_session.expired(steady_ms(self->services_.clock))) found->own_session = {};
    });
  };
  lane.session_timer = services_.timers.after(std::chrono::milliseconds(std::max(left, notes_durable)), expired);
}

void Client::end_connections(mqtt::ReasonCode reason, std::string_view why) {
  for (const auto& lane : devices_)
    if (const auto connection = lane->connection) connection->end(reason, why);
}

bool Client::idle() const {
  for (const auto& lane : devices_)
    if (!lane->in.idle() || (lane->connection && lane->connection->in_flight > 0)) return false;
  return out_.idle();
}

std::vector<Client::DeviceView> Client::devices() const {
  std::vector<DeviceView> views;
  views.reserve(devices_.size());
  for (const auto& lane : devices_)
    views.push_back({lane->device, lane->in.durable().n, lane->acked, lane->connection != nullptr});
  return views;
}

void Client::note_security(std::string_view code, std::string_view detail) {
  services_.sink.write(Level::warn, "security", fmt::format("{}: client {}: {}", code, permalink_.hex(), detail));
  log::Draft draft;
  draft.kind = log::Kind::security;
  draft.client = permalink_;
  draft.type = code;
  boost::json::object body{{"detail", detail}};
  draft.body = std::make_shared<const std::string>(boost::json::serialize(body));
  log::Transaction transaction;
  transaction.drafts.push_back(std::move(draft));
  services_.log.append(std::move(transaction), [](const Result<log::Appended>&) {});
}

}  // namespace sealpost::pipeline
