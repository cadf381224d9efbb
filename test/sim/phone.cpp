// A device's connections: it dials, proves itself, is let in or turned away, and comes back.

#include "phone.hpp"

#include "base/assert.hpp"
#include "mqtt/codec.hpp"
#include "server.hpp"

namespace sealpost::sim {
namespace {

constexpr std::string_view method = "SEALPOST-1";

std::string_view data_of(const mqtt::Properties& properties) {
  return as_text(properties.authentication_data.value_or(BytesView{}));
}

}  // namespace

Sent* Store::find(Seq n) {
  const auto found = std::ranges::lower_bound(outbox, n, {}, &Sent::n);
  return found != outbox.end() && found->n == n ? &*found : nullptr;
}

lane::Mark Store::sent() const {
  lane::Mark last;
  for (const Sent& entry : outbox) {
    if (!entry.acked) break;
    last = {entry.n, entry.link};
  }
  return last;
}

Phone::Phone(Scene& scene, Judge& judge, Town& town, Person& owner, std::string name)
    : scene_(scene),
      judge_(judge),
      town_(town),
      owner_(owner),
      name_(std::move(name)),
      dice_(scene.fork()),
      random_(scene.fork()),
      clock_(scene.schedule),
      errands_(scene.schedule) {
  store_.label = *Device::parse(name_ + "-0");
}

void Phone::start() {
  if (phase_ != Phase::off) return;
  phase_ = Phase::waiting;
  connect_later(500);
  beat();
}

void Phone::crash() {
  if (phase_ == Phase::off) return;
  scene_.say("{} crashes", name_);
  // Its system closes what it had open, or is gone with it.
  if (line_ && dice_.chance(0.5)) line_->cut(false, false);
  leave_line(true);
  errands_.drop();
  phase_ = Phase::off;
  clock_rejects_ = 0;
  subscribed_ = false;
  scene_.schedule.after(scene_.calm ? 50 : dice_.between(50, 15'000), [this] { start(); });
}

bool Phone::restore() {
  if (!copy_) return false;
  crash();
  scene_.say("{} is restored to an older copy", name_);
  store_ = *copy_;
  return true;
}

void Phone::calm_down() {
  if (phase_ == Phase::off) start();
}

void Phone::connect_later(Millis most) {
  const Millis delay = scene_.calm ? dice_.between(1, 300) : dice_.between(1, most);
  const std::uint64_t before = connection_;
  errands_.after(delay, [this, before] {
    if (phase_ == Phase::waiting && before == connection_) connect();
  });
}

// The line stays where it is, and ends some time; the device does not look at it any more.
void Phone::leave_line(bool superseded) {
  ++connection_;
  flights_.clear();
  probes_.clear();
  reject_.reset();
  framer_.drop();
  green_ = false;
  if (!line_) return;
  line_->client = {};
  line_->superseded = superseded;
  scene_.schedule.after(superseded && !scene_.calm ? dice_.between(0, 20'000) : 0, [line = line_] { line->hang_up(); });
  line_ = nullptr;
}

auth::ClientTerms Phone::terms() {
  auth::ClientTerms terms;
  terms.client = owner_.permalink();
  terms.device = store_.label;
  terms.endpoint = Server::endpoint();
  terms.pinned = town_.server().versions();
  terms.nonce = random_.bytes<32>();
  terms.now = clock_.now();
  return terms;
}

void Phone::connect() {
  leave_line(true);
  phase_ = Phase::connecting;
  heard_at_ = scene_.schedule.now();
  proving_key_ = owner_.versions().size();
  lied_ = late_ = false;
  scene_.say("{} dials as {}", name_, store_.label.text());
  line_ = town_.dial("10." + name_);
  line_->recording = true;
  std::uint16_t maximum = scene_.weather.receive_maximum;
  tap_ = std::make_shared<Tap>(scene_, judge_, lane(), maximum == 0 ? 1 : std::min<std::size_t>(maximum, 16));
  line_->on_server_sent = [tap = tap_](BytesView bytes) { tap->on_sent(bytes); };
  line_->client.on_bytes = [this, line = line_.get()](BytesView bytes) { on_bytes(line, bytes); };
  line_->client.on_end = [this, line = line_.get()] { on_end(line); };
  handshake_.emplace(terms(), owner_.signer());
  const std::string id = owner_.permalink().hex() + "." + store_.label.text();
  mqtt::Connect connect;
  connect.client_id = id;
  connect.clean_start = dice_.chance(scene_.weather.clean_start);
  // An answer that is lost may have been that the session is a new one.
  was_subscribed_ = std::exchange(subscribed_, false) && !connect.clean_start;
  connect.keep_alive = scene_.weather.keep_alive;
  connect.properties.authentication_method = method;
  connect.properties.authentication_data = as_bytes(handshake_->hello());
  if (scene_.weather.session_expiry > 0) connect.properties.session_expiry = scene_.weather.session_expiry;
  if (maximum > 0) connect.properties.receive_maximum = maximum;
  give(connect);
}

Bytes Phone::encoded(const mqtt::Packet& packet) {
  Bytes bytes;
  SEALPOST_ASSERT(mqtt::encode(mqtt::Version::v5, packet, bytes));
  return bytes;
}

void Phone::give(const mqtt::Packet& packet) {
  if (line_) line_->send(encoded(packet));
}

mqtt::PacketId Phone::next_packet() {
  do packet_ = packet_ == 65'535 ? 1 : packet_ + 1;
  while (flights_.contains(packet_) || probes_.contains(packet_));
  return packet_;
}

void Phone::on_bytes(const Line* from, BytesView bytes) {
  if (line_.get() != from) return;
  heard_at_ = scene_.schedule.now();
  framer_.feed(bytes);
  const std::uint64_t before = connection_;
  for (;;) {
    const auto next = framer_.next();
    if (!next) return scene_.fail("the server sends what is no MQTT");
    if (next->empty()) break;
    const auto packet = mqtt::decode(mqtt::Version::v5, *next);
    if (!packet) return scene_.fail("the server sends a malformed packet");
    std::visit(*this, *packet);
    if (connection_ != before) return;  // it has left, or crashed
  }
  framer_.settle();
}

void Phone::on_end(const Line* from) {
  if (line_.get() != from) return;
  scene_.say("{} sees its connection end", name_);
  leave_line(false);
  phase_ = Phase::waiting;
  connect_later(4'000);
}

// The handshake -------------------------------------------------------------------------------------------------------

void Phone::operator()(const mqtt::Auth& auth) {
  const std::string data(data_of(auth.properties));
  if (auth.reason == mqtt::ReasonCode::continue_authentication) return prove(data);
  const auto welcome = handshake_->welcome(data);
  if (!welcome) return scene_.fail("a Welcome does not answer the Proof");
  scene_.coverage.add(Row::proven_again);
  session_ = welcome->session;
  offset_ = handshake_->clock_offset();
  store_.confirmed = proving_key_;
  if (welcome->light == lane::Light::green) green_ = true;
  if (welcome->light != lane::Light::shut) renew_signatures();
  send_waiting();
}

void Phone::prove(std::string_view challenge) {
  const auto checked = handshake_->challenge(challenge, clock_.now());
  if (!checked) return scene_.fail("a Challenge does not answer the Hello: " + checked.error().message());
  window_ = static_cast<std::size_t>(handshake_->challenge().limits.window);
  if (phase_ == Phase::connecting) phase_ = Phase::proving;
  auth::ProofTerms terms = honest_proof();
  if (terms.position && !scene_.calm && phase_ != Phase::online && dice_.chance(scene_.weather.lies))
    lie(*terms.position);
  terms.from_first = !terms.position && dice_.chance(scene_.weather.from_first);
  judge_.on_proof(owner_.permalink(), store_.label);
  if (terms.position)
    scene_.say("{} has sent {}, received {} of {}", name_, terms.position->sent.value_or(lane::Mark{}).n.value,
               terms.position->received.value_or(lane::Mark{}).n.value, terms.position->log.text());
  mqtt::Auth answer;
  answer.reason = mqtt::ReasonCode::continue_authentication;
  answer.properties.authentication_method = method;
  const std::string proof = handshake_->proof(terms);
  answer.properties.authentication_data = as_bytes(proof);
  if (!std::exchange(late_, false)) return give(answer);
  scene_.schedule.after(dice_.between(500, 6'000), [line = line_, bytes = encoded(answer)] { line->send(bytes); });
  connect();
}

auth::ProofTerms Phone::honest_proof() const {
  auth::ProofTerms terms;
  terms.now = clock_.now();
  terms.position = position();
  terms.identity = owner_.texts(std::min(store_.confirmed, owner_.versions().size()));
  return terms;
}

std::optional<lane::Position> Phone::position() const {
  if (!store_.met) return std::nullopt;
  lane::Position position{store_.log, std::nullopt, std::nullopt};
  if (const lane::Mark sent = store_.sent(); sent.n != Seq{}) position.sent = sent;
  if (!store_.inbox.empty()) position.received = {store_.inbox.back().n, store_.inbox.back().link};
  return position;
}

// One that has been tampered with, or whose store is damaged.
void Phone::lie(lane::Position& position) {
  lied_ = true;
  const Link wrong{random_.bytes<32>()};
  const auto kind = dice_.below(4);
  if (kind == 0 && position.sent) position.sent->link = wrong;
  if (kind == 1 && position.received) position.received->link = wrong;
  if (kind == 2) position.received = {{store_.received().value + 1'000}, wrong};
  if (kind == 3) {
    position.log = *Device::parse("no-such-log");
    position.received = {{store_.received().value + 1'000}, wrong};
  }
}

void Phone::operator()(const mqtt::Connack& connack) {
  if (connack.reason != mqtt::ReasonCode::success) {
    scene_.say("{} is refused: {}", name_, mqtt::name_of(connack.reason));
    // A server that was restored may have lost what its Welcome had confirmed.
    if (connack.reason == mqtt::ReasonCode::not_authorized) store_.confirmed = 0;
    leave_line(false);
    phase_ = Phase::waiting;
    return connect_later(3'000);
  }
  const auto welcome = handshake_->welcome(data_of(connack.properties));
  if (!welcome) return scene_.fail("a Welcome does not answer the Proof");
  if (scene_.reached(Row::welcome_arrived)) return crash();
  scene_.say("{} is let in: epoch {}, light {}, received {}, sent {}, acked {}", name_, welcome->epoch.value,
             lane::name(welcome->light), welcome->received.n.value, welcome->sent.n.value, welcome->acked.value);
  phase_ = Phase::online;
  session_ = welcome->session;
  offset_ = handshake_->clock_offset();
  store_.confirmed = proving_key_;
  if (connack.session_present) scene_.coverage.add(Row::session_resumed);
  if (!connack.session_present && was_subscribed_) scene_.coverage.add(Row::session_lost);
  // A server that was restored has the session as it was at the copy.
  subscribed_ = was_subscribed_ && connack.session_present && subscribed_at_ == welcome->log;
  scene_.say("{}: its MQTT session is {}", name_, connack.session_present ? "resumed" : "new");
  subscribed_at_ = welcome->log;
  if (!subscribed_ || dice_.chance(0.5)) subscribe();
  const Millis again = welcome->reauth_after - now();
  if (dice_.chance(scene_.weather.proves_again))
    errands_.after(std::max<Millis>(again, 0), [this, before = connection_] {
      if (before == connection_) prove_again();
    });
  settle(*welcome);
}

void Phone::prove_again() {
  if (phase_ != Phase::online) return;
  proving_key_ = owner_.versions().size();
  auth::ClientTerms again = terms();
  again.purpose = auth::Purpose::reauth;
  again.session = session_;
  handshake_.emplace(again, owner_.signer());
  mqtt::Auth begin;
  begin.reason = mqtt::ReasonCode::reauthenticate;
  begin.properties.authentication_method = method;
  begin.properties.authentication_data = as_bytes(handshake_->hello());
  give(begin);
}

void Phone::subscribe() {
  const std::string filter = "sp/" + owner_.permalink().hex() + "/" + store_.label.text() + "/#";
  mqtt::Subscribe subscribe;
  subscribe.packet_id = next_packet();
  mqtt::SubscriptionRequest request;
  request.filter = filter;
  request.options.qos = mqtt::Qos::at_least_once;
  subscribe.requests.push_back(request);
  give(subscribe);
}

void Phone::operator()(const mqtt::Suback& suback) {
  subscribed_ = suback.reasons.front() == mqtt::ReasonCode::granted_qos_1;
  scene_.say("{} subscribes: {}", name_, mqtt::name_of(suback.reasons.front()));
  if (!subscribed_) hang_up();
}

void Phone::operator()(const mqtt::Disconnect& disconnect) {
  scene_.say("{} is sent away: {}", name_, mqtt::name_of(disconnect.reason));
  if (disconnect.properties.reason_string.value_or("").find("expired") != std::string_view::npos)
    scene_.coverage.add(Row::session_expired);
  if (disconnect.reason == mqtt::ReasonCode::quota_exceeded) scene_.coverage.add(Row::inbox_full);
  leave_line(false);
  phase_ = Phase::waiting;
  connect_later(4'000);
}

// Pings, and gives a silent server up.
void Phone::beat() {
  const Millis every = scene_.weather.keep_alive * Millis{500};
  errands_.after(every, [this, every] {
    beat();
    if (phase_ != Phase::online && phase_ != Phase::connecting && phase_ != Phase::proving) return;
    const Millis silent = scene_.schedule.now() - heard_at_;
    if (silent > 3 * every) {
      scene_.say("{} gives up a silent connection", name_);
      leave_line(true);
      phase_ = Phase::waiting;
      return connect_later(4'000);
    }
    if (phase_ == Phase::online) give(mqtt::Pingreq{});
  });
}

// Faults --------------------------------------------------------------------------------------------------------------

void Phone::hang_up() {
  if (!line_) return;
  scene_.coverage.add(Row::hang_up);
  leave_line(false);
  phase_ = Phase::waiting;
  connect_later(8'000);
}

void Phone::cut(bool we_notice, bool server_notices) {
  if (!line_) return;
  scene_.coverage.add(we_notice && server_notices ? Row::cut_both : Row::cut_half);
  line_->cut(we_notice, server_notices);
}

void Phone::stall(Millis span) {
  if (!line_) return;
  scene_.coverage.add(Row::stall);
  line_->stall(scene_.schedule.now() + span);
}

void Phone::prove_late() {
  if (!line_) return;
  connect();
  late_ = true;
}

void Phone::straddle() {
  if (phase_ != Phase::online || !green_ || !flights_.empty() || !probes_.empty() || reject_) return;
  write();
  if (phase_ != Phase::online || flights_.empty()) return;
  const auto [packet, flight] = *flights_.begin();
  const Sent* entry = store_.find(flight.n);
  if (entry == nullptr) return;
  const auto line = line_;
  const auto tap = tap_;
  const std::string topic = "sp/" + owner_.permalink().hex() + "/" + store_.label.text() + "/outbox";
  mqtt::Publish publish;
  publish.topic = topic;
  publish.qos = mqtt::Qos::at_least_once;
  // What follows it, on the old line alone, when the new one is being let in.
  Sent next = sign(store_.head.n.next(), store_.head.link, store_.head_time, entry->payload, entry->to);
  judge_.on_signed(next.link, next.text);
  store_.outbox.push_back(next);
  store_.head = {next.n, next.link};
  store_.head_time = next.time;
  publish.packet_id = next_packet();
  publish.payload = as_bytes(next.text);
  const Bytes bytes = encoded(publish);
  tap->publishing(publish.packet_id, next.n, next.link, false);
  connect();
  scene_.say("{} straddles two connections", name_);
  const Millis longest = 3 * scene_.weather.delay_max + scene_.weather.commit_max + scene_.weather.read_max;
  scene_.schedule.after(dice_.between(0, longest), [line, bytes] { line->send(bytes); });
}

void Phone::crowd() {
  if (phase_ != Phase::online || !green_) return;
  for (int i = 0; i < 40 && phase_ == Phase::online; ++i) write();
}

void Phone::connect_twice() {
  if (!line_) return;
  scene_.coverage.add(Row::second_connection);
  connect();
}

}  // namespace sealpost::sim
