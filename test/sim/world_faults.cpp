// What comes over a world while it is unsafe, and the strangers who try to get in.

#include <cmath>

#include "mqtt/codec.hpp"
#include "world.hpp"

namespace sealpost::sim {
namespace {

constexpr Millis day = 86'400'000;
constexpr std::string_view method = "SEALPOST-1";

constexpr Row server_points[] = {
    Row::message_arrived, Row::message_queued, Row::message_committed, Row::ack_sent,     Row::bot_asked,
    Row::bot_answered,    Row::reply_queued,   Row::reply_committed,   Row::relay_queued, Row::intent_committed,
    Row::delivery_sent,   Row::position_noted, Row::challenge_sent,    Row::epoch_queued, Row::epoch_committed,
    Row::welcome_sent,    Row::stopping,       Row::starting,          Row::full_disk};
constexpr Row client_points[] = {Row::entry_stored, Row::entry_sent, Row::delivery_arrived, Row::delivery_stored,
                                 Row::welcome_arrived};

// Says that it has one key, and signs with another.
class ForgedSigner final : public object::Signer {
 public:
  ForgedSigner(const object::Signer& claimed, const object::Signer& own) : claimed_(claimed), own_(own) {}
  PublicKey key() const override { return claimed_.key(); }
  object::Signature sign(BytesView message) const override { return own_.sign(message); }

 private:
  const object::Signer& claimed_;
  const object::Signer& own_;
};

}  // namespace

void World::next_fault() {
  const double gap = -std::log(1 - dice_.share()) * static_cast<double>(scene_.weather.fault_gap);
  scene_.schedule.after(static_cast<Millis>(gap) + 1, [this] {
    if (scene_.calm) return;
    if (dice_.chance(0.1)) server_.back_up();
    if (dice_.chance(0.3)) some_phone().keep_copy();
    cause(scene_.weather.pick(dice_));
    next_fault();
  });
}

void World::cause(Fault fault) {
  switch (fault) {
    case Fault::hang_up:
      return some_phone().hang_up();
    case Fault::cut_both:
      return some_phone().cut(true, true);
    case Fault::cut_half: {
      const bool ours = dice_.chance(0.5);
      return some_phone().cut(ours, !ours);
    }
    case Fault::stall:
      return some_phone().stall(dice_.between(500, 60'000));
    case Fault::second_connection:
      return some_phone().connect_twice();
    case Fault::client_crash:
      return crash_client();
    case Fault::client_restore:
      if (some_phone().restore()) scene_.coverage.add(Row::client_restore);
      return;
    case Fault::client_clock:
      scene_.coverage.add(Row::client_clock);
      return jump(some_phone().clock());
    case Fault::server_crash:
      return crash_server();
    case Fault::server_stop:
      return server_.stop_in_order();
    case Fault::server_restore:
      server_.restore();
      return;
    case Fault::server_clock:
      scene_.coverage.add(Row::server_clock);
      return jump(server_.clock());
    case Fault::disk_full:
      return fill_disk();
    case Fault::disk_error:
      server_.disk_health().failing = true;
      return;
    case Fault::disk_slow:
      return slow_down();
    case Fault::key_renewed:
      scene_.coverage.add(Row::key_renewed);
      if (Person& person = *dice_.pick(people_); person.versions().size() < 10) person.renew(random_);
      return;
    case Fault::garbage:
      return garbage();
    case Fault::impostor:
      return impostor();
    case Fault::replay:
      return replay();
    case Fault::prove_late:
      return some_phone().prove_late();
    case Fault::straddle:
      return straddle();
    case Fault::crowd:
      return crowd();
    case Fault::come_twice:
      return come_twice();
    case Fault::count:
      return;
  }
}

// At a point that is met next, rather than anywhere.
void World::crash_server() {
  const Row point = server_points[dice_.below(std::size(server_points))];
  scene_.arm(point);
  if (point == Row::stopping) server_.stop_in_order();
  if (point == Row::starting) server_.crash();
  if (point == Row::full_disk) fill_disk();
}

void World::crash_client() {
  scene_.arm(client_points[dice_.below(std::size(client_points))]);
}

void World::fill_disk() {
  server_.disk_health().full = true;
  scene_.schedule.after(dice_.between(100, 20'000), [this] { server_.disk_health().full = false; });
}

void World::slow_down() {
  server_.disk_health().slow = true;
  scene_.schedule.after(dice_.between(100, 15'000), [this] { server_.disk_health().slow = false; });
}

void World::straddle() {
  if (dice_.chance(0.5)) slow_down();
  some_phone().straddle();
}

void World::crowd() {
  slow_down();
  some_phone().crowd();
}

void World::jump(SkewedClock& clock) {
  clock.skew = dice_.chance(0.3) ? 0 : dice_.between(-day, day);
  scene_.say("-- a clock jumps: {} s off", clock.skew / 1000);
}

// Strangers -----------------------------------------------------------------------------------------------------------

std::shared_ptr<Line> World::dial_as_stranger() {
  const auto line = dial("192.0.2.66");
  const auto tap = std::make_shared<Tap>(scene_, judge_, log::Lane{}, 0);
  line->on_server_sent = [tap](BytesView bytes) { tap->on_sent(bytes); };
  scene_.schedule.after(dice_.between(100, 20'000), [line] { line->hang_up(); });
  return line;
}

void World::garbage() {
  scene_.coverage.add(Row::garbage);
  const auto line = dial_as_stranger();
  Bytes bytes(1 + dice_.below(300));
  random_.fill(bytes);
  if (dice_.chance(0.5)) {  // the beginning of what a client would send
    const Bytes real = some_phone().sent_before();
    bytes.insert(bytes.begin(), real.begin(), real.begin() + static_cast<std::ptrdiff_t>(dice_.below(real.size() + 1)));
  }
  line->send(bytes);
}

// Everything that a device has once sent, byte for byte, as somebody has recorded it.
void World::replay() {
  const Bytes recorded = some_phone().sent_before();
  if (recorded.empty()) return;
  scene_.coverage.add(Row::replay);
  dial_as_stranger()->send(recorded);
}

// Claims to be a device of somebody, without their key.
void World::impostor() {
  scene_.coverage.add(Row::impostor);
  const Phone& victim = some_phone();
  const auto forged = std::make_shared<ForgedSigner>(victim.owner().signer(), outsider_.signer());
  const auto own = std::shared_ptr<const object::Signer>(forged, &outsider_.signer());
  auth::ProofTerms proof;
  proof.now = server_.clock().now();
  shake_hands(dial_as_stranger(), victim, dice_.chance(0.5) ? forged : own, proof);
}

// A device comes twice at the same time, as when its program was started twice: each lets the other hardly in.
void World::come_twice() {
  slow_down();
  Phone& phone = some_phone();
  phone.connect_twice();
  phone.write();  // to have something to say as soon as it is in
  scene_.schedule.after(dice_.between(0, 2 * scene_.weather.delay_max + 50), [this, &phone] {
    if (scene_.calm) return;
    scene_.say("-- {} comes twice", phone.name());
    const auto line = dial("10." + phone.name());
    const auto tap =
        std::make_shared<Tap>(scene_, judge_, log::Lane{phone.owner().permalink(), phone.store().label}, 1);
    line->on_server_sent = [tap](BytesView bytes) { tap->on_sent(bytes); };
    scene_.schedule.after(dice_.between(1'000, 20'000), [line] { line->hang_up(); });
    judge_.on_proof(phone.owner().permalink(), phone.store().label);
    const auto own = std::shared_ptr<const object::Signer>(std::shared_ptr<void>(), &phone.owner().signer());
    shake_hands(line, phone, own, phone.honest_proof());
  });
}

// Says that it is the device, and signs what it says with `signer`; nothing after that.
void World::shake_hands(const std::shared_ptr<Line>& line, const Phone& device,
                        const std::shared_ptr<const object::Signer>& signer, const auth::ProofTerms& proof) {
  auth::ClientTerms terms;
  terms.client = device.owner().permalink();
  terms.device = device.store().label;
  terms.endpoint = Server::endpoint();
  terms.pinned = server().versions();
  terms.nonce = random_.bytes<32>();
  terms.now = server_.clock().now();
  const auto handshake = std::make_shared<auth::ClientHandshake>(terms, *signer);
  const auto framer = std::make_shared<mqtt::Framer>(1 << 20);
  line->client.on_bytes = [this, line = line.get(), handshake, signer, framer, proof](BytesView bytes) {
    framer->feed(bytes);
    const auto next = framer->next();
    const Bytes whole = next ? Bytes(next->begin(), next->end()) : Bytes{};
    framer->settle();
    const auto packet = mqtt::decode(mqtt::Version::v5, whole);
    const auto* const challenge = packet ? std::get_if<mqtt::Auth>(&*packet) : nullptr;
    if (challenge == nullptr || challenge->reason != mqtt::ReasonCode::continue_authentication) return;
    const std::string text(as_text(challenge->properties.authentication_data.value_or(BytesView{})));
    if (!handshake->challenge(text, server_.clock().now())) return;
    const std::string answer_text = handshake->proof(proof);
    mqtt::Auth answer;
    answer.reason = mqtt::ReasonCode::continue_authentication;
    answer.properties.authentication_method = method;
    answer.properties.authentication_data = as_bytes(answer_text);
    Bytes out;
    if (mqtt::encode(mqtt::Version::v5, answer, out)) line->send(out);
  };
  const std::string id = terms.client.hex() + "." + terms.device.text();
  mqtt::Connect connect;
  connect.client_id = id;
  connect.clean_start = false;
  connect.properties.authentication_method = method;
  connect.properties.authentication_data = as_bytes(handshake->hello());
  Bytes out;
  if (mqtt::encode(mqtt::Version::v5, connect, out)) line->send(out);
}

}  // namespace sealpost::sim
