// admit: a valid proof becomes a new epoch of its device, durable before the Welcome that names it; the positions of
// both sides are compared, and the light is set.

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"
#include "pipeline/handshakes.hpp"

namespace sealpost::pipeline {
namespace {

auth::Errc cause_of(const ErrorCode& error) {
  if (error == log::Errc::key_claimed) return auth::Errc::key_claimed;
  if (error == log::Errc::identity_conflict) return auth::Errc::identity_fork;
  return auth::Errc::not_logged;
}

// Everything settle() asks of the log, at one moment.
lane::Found find_links(log::Reader& reader, const Permalink& client, const Device& device, const lane::Wanted& wanted) {
  lane::Found found;
  if (wanted.in)
    if (const auto event = reader.at({client, device}, *wanted.in)) found.in = event->committed.link();
  if (wanted.out)
    if (const auto event = reader.at({client}, *wanted.out)) found.out = event->committed.link();
  return found;
}

}  // namespace

log::Draft identity_draft(const object::Identity& version) {
  log::Draft draft;
  draft.kind = log::Kind::identity;
  draft.client = version.permalink();
  draft.link = version.link();
  draft.prev = version.previous().value_or(Link{});
  draft.author = version.permalink();
  if (version.version() > 0) draft.object = version.permalink();
  draft.type = object::identity_type;
  draft.body = version.object().stored_text();
  for (const object::IdentityKey& key : version.keys())
    if (key.needs_proof()) draft.keys.push_back(key.key);
  return draft;
}

bool Client::is_live(const DeviceLane& lane) const {
  const bool retired = lane.last_seen != 0 && !lane.connection &&
                       services_.clock.now() - lane.last_seen > services_.limits.device_retired;
  return !lane.shut && !retired;
}

Result<void> Client::check_device(const auth::ProofAccepted& proof) const {
  const DeviceLane* lane = find(proof.device);
  if (lane == nullptr) {
    std::size_t live = 0;
    for (const auto& other : devices_) live += is_live(*other) ? 1 : 0;
    if (live >= services_.limits.devices_max) return auth::Errc::too_many_devices;
    return {};
  }
  if (!lane->shut && !is_live(*lane)) return auth::Errc::device_retired;
  if (proof.issued < lane->proven_challenge) return auth::Errc::stale_challenge;
  return {};
}

asio::awaitable<Result<Admitted>> Client::admit(auth::ProofAccepted proof, auth::ServerHandshake& handshake,
                                                std::shared_ptr<Connection> reauth_of) {
  const auto self = shared_from_this();
  co_await ready();
  const Turn::Held held = co_await admitting_.take();
  if (clients_.stopping()) co_return auth::Errc::not_logged;
  const auto device = check_device(proof);
  if (!device) co_return device.error();
  // The identity may have dropped the key since the proof was checked. Versions that come with the proof are judged by
  // the log, in the order of their chain.
  if (proof.introduce.empty() && known() && !identity_->may_sign(proof.key)) co_return auth::Errc::wrong_key;

  DeviceLane* lane = find(proof.device);
  if (reauth_of && (lane == nullptr || lane->connection != reauth_of)) co_return auth::Errc::wrong_session;
  // From here on the proof holds, so an older connection of the device is over: it must not append under the old epoch
  // while the new one is on its way to the log.
  if (lane != nullptr && lane->connection && !reauth_of)
    lane->connection->end(mqtt::ReasonCode::session_taken_over, "the device has connected again");

  const auto epoch = co_await log_proof(proof, reauth_of.get());
  if (!epoch) co_return cause_of(epoch.error());
  if (reauth_of) co_return extend(*reauth_of, proof, handshake);
  const lane::Settlement settlement = co_await settle(proof);
  if (settlement.differs != lane::Differs::nothing && settlement.differs != lane::Differs::shut_before)
    co_await shut(proof.device, settlement);

  begin(proof.device, *epoch, settlement);
  find(proof.device)->proven_challenge = proof.issued;
  Admitted admitted;
  admitted.who = {permalink_,
                  proof.device,
                  *epoch,
                  proof.key,
                  services_.clock.now() + services_.limits.session,
                  SessionName{services_.random.bytes<16>()}};
  admitted.welcome = handshake.welcome(welcome_of(admitted.who, settlement), *services_.identity.signer);
  admitted.client = self;
  co_return admitted;
}

// A re-authentication keeps session, epoch and light; the Welcome says how things stand.
Admitted Client::extend(Connection& connection, const auth::ProofAccepted& proof, auth::ServerHandshake& handshake) {
  DeviceLane& lane = lane_of(connection);
  lane.proven_challenge = proof.issued;
  connection.extend(services_.clock.now() + services_.limits.session, proof.key);
  lane::Settlement standing;
  standing.light = lane.in.light();
  standing.resume_in = {lane.in.durable().n, lane.in.durable().link};
  standing.out_head = {out_.durable().n, out_.durable().link};
  standing.acked = lane.acked;
  Admitted admitted{connection.who(), {}, shared_from_this()};
  admitted.welcome = handshake.welcome(welcome_of(admitted.who, standing), *services_.identity.signer);
  return admitted;
}

// New identity versions and the new epoch are one transaction.
asio::awaitable<Result<Epoch>> Client::log_proof(const auth::ProofAccepted& proof, Connection* reauth_of) {
  const bool new_epoch = reauth_of == nullptr;
  const DeviceLane* lane = find(proof.device);
  const Epoch newest = lane == nullptr ? Epoch{} : lane->in.epoch();
  const Epoch epoch = new_epoch ? newest.next() : newest;
  log::Transaction transaction;
  for (const object::Identity& version : proof.introduce) transaction.drafts.push_back(identity_draft(version));
  if (new_epoch) {
    log::Draft draft;
    draft.kind = log::Kind::epoch;
    draft.client = permalink_;
    draft.device = proof.device;
    draft.epoch = epoch;
    if (lane == nullptr && !proof.from_first) draft.seq = out_.durable().n;  // where a new device starts
    transaction.drafts.push_back(std::move(draft));
  }
  if (transaction.drafts.empty()) co_return epoch;
  const Result<log::Appended> appended = co_await append(services_.log, std::move(transaction));
  if (!appended) co_return appended.error();
  if (reauth_of != nullptr) reauth_of->extend(reauth_of->who().expires, proof.key);  // it stands on the new key now
  if (!proof.introduce.empty()) adopt(proof.introduce, appended->events[proof.introduce.size() - 1].id());
  co_return epoch;
}

// A version that drops a key ends the sessions proven with it.
void Client::adopt(const std::vector<object::Identity>& versions, EventId last) {
  identity_ = Standing(versions.back());
  identity_event_ = last;
  for (const auto& lane : devices_) {
    const auto connection = lane->connection;
    if (connection && !identity_->may_sign(connection->who().key))
      connection->end(mqtt::ReasonCode::not_authorized, "the identity has dropped the key of this session");
  }
}

asio::awaitable<lane::Settlement> Client::settle(const auth::ProofAccepted& proof) {
  struct Compared {
    lane::ServerView view;
    lane::Found found;
  };
  lane::ServerView view;
  view.log = services_.log.id();
  view.out_head = {out_.durable().n, out_.durable().link};
  view.from_first = proof.from_first;
  if (const DeviceLane* lane = find(proof.device)) {
    view.in_head = {lane->in.durable().n, lane->in.durable().link};
    view.acked = lane->acked;
    view.shut = lane->shut;
  }
  std::function<Compared(log::Reader&)> ask = [view, client = permalink_, device = proof.device,
                                               position = proof.position](log::Reader& reader) {
    Compared compared{view, {}};
    for (const log::RestorePoint& point : reader.restore_points())
      compared.view.earlier.push_back({point.earlier, reader.head_at({client}, point.upto).seq});
    compared.found = find_links(reader, client, device, lane::wanted(position, compared.view));
    return compared;
  };
  const Compared compared = co_await read<Compared>(services_.log, std::move(ask));
  co_return lane::settle(proof.position, compared.view, compared.found);
}

// The two histories differ: the device label is over, and the log keeps the evidence.
asio::awaitable<void> Client::shut(const Device& device, const lane::Settlement& settlement) {
  const boost::json::object evidence{{"cause", lane::name(settlement.differs)},
                                     {"n", settlement.theirs.n.value},
                                     {"theirs", settlement.theirs.link.hex()},
                                     {"ours", settlement.ours.hex()}};
  const auto text = std::make_shared<const std::string>(boost::json::serialize(evidence));
  services_.sink.write(Level::warn, "security",
                       fmt::format("device {} of client {} is shut: its history and ours differ: {}", device.text(),
                                   permalink_.hex(), *text));
  log::Draft draft;
  draft.kind = log::Kind::shut;
  draft.client = permalink_;
  draft.device = device;
  draft.type = lane::name(settlement.differs);
  draft.body = text;
  log::Transaction transaction;
  transaction.drafts.push_back(std::move(draft));
  const Result<log::Appended> appended = co_await append(services_.log, std::move(transaction));
  if (!appended)
    services_.sink.write(Level::error, "pipeline",
                         fmt::format("cannot log the evidence: {}", appended.error().message()));
}

void Client::begin(const Device& device, Epoch epoch, const lane::Settlement& settlement) {
  DeviceLane* lane = find(device);
  if (lane == nullptr) lane = &add(device);
  // One that was admitted before this proof and entered after it.
  if (lane->connection) lane->connection->end(mqtt::ReasonCode::session_taken_over, "the device has connected again");
  lane->in.begin_epoch(epoch, settlement.light);
  lane->shut = settlement.light == lane::Light::shut;
  lane->window = lane::Window(settlement.deliver_after, out_.durable().n, 1);
  lane->drain_to = settlement.out_head.n;
  lane->page.clear();
  lane->last_seen = services_.clock.now();
  lane->acked = std::max(lane->acked, settlement.acked);
  if (settlement.acked_moved) services_.log.note_acked(permalink_, device, settlement.acked);
  services_.log.note_seen(permalink_, device, lane->last_seen);
}

auth::Welcome Client::welcome_of(const Credentials& who, const lane::Settlement& settlement) const {
  const Millis now = services_.clock.now();
  auth::Welcome welcome;
  welcome.session = who.session.text();
  welcome.epoch = who.epoch;
  welcome.expires = who.expires;
  welcome.reauth_after = now + (who.expires - now) / 5 * 4;
  welcome.identity = identity_->link;
  welcome.received = settlement.resume_in;
  welcome.sent = settlement.out_head;
  welcome.acked = settlement.acked;
  welcome.light = settlement.light;
  welcome.log = services_.log.id();
  welcome.log_head = services_.log.health().head;
  welcome.time = now;
  return welcome;
}

}  // namespace sealpost::pipeline
