#include "cli/bench/caller.hpp"

#include <fmt/format.h>

#include <array>

#include "auth/topic.hpp"
#include "mqtt/codec.hpp"

namespace sealpost::cli::bench {
namespace {

constexpr std::uint32_t packet_size_max = 8 * 1024 * 1024;
constexpr mqtt::PacketId subscribe_id = 65'535;
constexpr std::uint16_t inbox_window = 16;

std::string topic_of(const Permalink& client, const Device& device, auth::Leaf leaf) {
  return auth::Place{{client, device}, leaf}.topic();
}

// Canonical, of that many bytes where that can be.
std::string payload_of(std::size_t bytes) {
  std::string payload = R"({"_t":"demo.Bench","pad":")";
  payload.append(bytes > payload.size() + 2 ? bytes - payload.size() - 2 : 0, 'x');
  return payload + "\"}";
}

}  // namespace

Caller::Caller(World& world, std::size_t number) : world_(world), number_(number), framer_(packet_size_max) {
  introduce();
  socket_.emplace(world_);
}

void Caller::fail(const std::string& what) const {
  throw Stop(Exit::failed, fmt::format("client {}: {}", number_, what));
}

// A fresh identity, known to nobody yet.
void Caller::introduce() {
  update_.emplace(object::KeyPair::generate(world_.random));
  sign_.emplace(object::KeyPair::generate(world_.random));
  object::IdentityDraft draft;
  draft.name = fmt::format("bench {}", number_);
  draft.keys = {{object::purpose_update, &*update_}, {object::purpose_sign, &*sign_}};
  draft.time = world_.clock.now();
  const object::Identity identity = object::make_first(draft, *update_);
  identity_ = identity.stored();
  envelope_.author = identity.permalink();
  envelope_.device = Device::parse("bench").value();
  envelope_.topic = topic_of(envelope_.author, envelope_.device, auth::Leaf::outbox);
  inbox_ = topic_of(envelope_.author, envelope_.device, auth::Leaf::inbox);
  envelope_.payload = payload_of(world_.options.payload_bytes);
}

void Caller::forget_keys() {
  update_.reset();
  sign_.reset();
  handshake_.reset();
}

void Caller::on_ready() {
  if (step_ == Step::connecting) {
    if (!socket_->opened(world_)) return;
    connect();
    return;
  }
  static std::array<std::uint8_t, 128 * 1024> room;  // one thread reads, for one client after the other
  std::size_t read = room.size();
  while (read == room.size()) {
    const Result<std::size_t> got = socket_->read(room);
    if (!got) fail("the connection ended: " + got.error().message());
    read = *got;
    framer_.feed(std::span(room).first(read));
    for (;;) {
      const Result<BytesView> packet = framer_.next();
      if (!packet) fail("the server sent no MQTT: " + packet.error().message());
      if (packet->empty()) break;
      on_packet(*packet);
    }
    framer_.settle();
  }
  pump();
}

void Caller::write(std::span<const BytesView> pieces) {
  const Result<void> written = socket_->write(pieces);
  if (!written) fail("the connection ended: " + written.error().message());
}

void Caller::send(const mqtt::Packet& packet) {
  Bytes bytes;
  (void)mqtt::encode(mqtt::Version::v5, packet, bytes);  // it always fits
  const BytesView view(bytes);
  write(std::span(&view, 1));
}

// The handshake -------------------------------------------------------------------------------------------------------

void Caller::connect() {
  auth::ClientTerms terms;
  terms.client = envelope_.author;
  terms.device = envelope_.device;
  terms.endpoint = world_.address.endpoint();
  terms.pinned = world_.server;
  world_.random.fill(terms.nonce);
  terms.now = world_.clock.now();
  handshake_.emplace(std::move(terms), *sign_);
  const std::string id = auth::ClientId{envelope_.author, envelope_.device}.text();
  mqtt::Connect packet;
  packet.client_id = id;
  packet.properties.receive_maximum = inbox_window;
  packet.properties.maximum_packet_size = packet_size_max;
  packet.properties.authentication_method = "SEALPOST-1";
  packet.properties.authentication_data = as_bytes(handshake_->hello());
  step_ = Step::hello;
  send(packet);
}

void Caller::on_handshake(BytesView bytes) {
  const Result<mqtt::Packet> packet = mqtt::decode(mqtt::Version::v5, bytes);
  if (!packet) fail("the server sent no MQTT: " + packet.error().message());
  if (const auto* const auth = std::get_if<mqtt::Auth>(&*packet); auth && step_ == Step::hello) {
    answer_challenge(auth->properties);
  } else if (const auto* const connack = std::get_if<mqtt::Connack>(&*packet)) {
    take_connack(*connack);
  } else if (const auto* const suback = std::get_if<mqtt::Suback>(&*packet); suback && step_ == Step::subscribing) {
    for (const mqtt::ReasonCode reason : suback->reasons) {
      if (mqtt::is_failure(reason)) fail(fmt::format("SUBSCRIBE refused: {}", mqtt::name_of(reason)));
    }
    step_ = Step::online;
  } else if (const auto* const disconnect = std::get_if<mqtt::Disconnect>(&*packet)) {
    fail(fmt::format("the server disconnected: {} {}", mqtt::name_of(disconnect->reason),
                     disconnect->properties.reason_string.value_or(std::string_view())));
  } else {
    fail("a packet that does not belong here");
  }
}

void Caller::answer_challenge(const mqtt::Properties& properties) {
  const auto taken =
      handshake_->challenge(as_text(properties.authentication_data.value_or(BytesView())), world_.clock.now());
  if (!taken) throw Stop(Exit::refused, "the server did not prove itself: " + taken.error().message());
  const Permalink server = handshake_->server().front().permalink();
  if (world_.server_expected && server != *world_.server_expected) {
    throw Stop(Exit::refused, "the server is another than --pin names: " + server.hex());
  }
  if (world_.server.empty()) world_.server = handshake_->server();
  envelope_.recipient = server;
  auth::ProofTerms terms;
  if (handshake_->challenge().binding) terms.binding = socket_->exporter();
  terms.identity = {identity_};
  terms.now = world_.clock.now();
  const std::string proof = handshake_->proof(terms);
  mqtt::Auth answer;
  answer.reason = mqtt::ReasonCode::continue_authentication;
  answer.properties.authentication_method = "SEALPOST-1";
  answer.properties.authentication_data = as_bytes(proof);
  step_ = Step::proof;
  send(answer);
}

void Caller::take_connack(const mqtt::Connack& connack) {
  const mqtt::Properties& properties = connack.properties;
  if (mqtt::is_failure(connack.reason)) {
    throw Stop(Exit::refused, fmt::format("{}: {}{}{}. A server that is to be measured needs limits for it: see "
                                          "docs/performance.md",
                                          world_.address.endpoint(), mqtt::name_of(connack.reason),
                                          properties.reason_string ? ": " : "",
                                          properties.reason_string.value_or(std::string_view())));
  }
  const auto welcome = handshake_->welcome(as_text(properties.authentication_data.value_or(BytesView())));
  if (!welcome) throw Stop(Exit::refused, "the server did not prove itself: " + welcome.error().message());
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(handshake_->challenge().limits.window, 1));
  window_ = std::min(limit, std::size_t{properties.receive_maximum.value_or(65'535)});
  handshake_.reset();
  mqtt::SubscriptionOptions kept;
  kept.qos = mqtt::Qos::at_least_once;
  const std::string ack = topic_of(envelope_.author, envelope_.device, auth::Leaf::ack);
  mqtt::Subscribe subscribe;
  subscribe.packet_id = subscribe_id;
  subscribe.requests = {{inbox_, kept}};
  if (world_.options.ack_topic) subscribe.requests.push_back({ack, {}});
  step_ = Step::subscribing;
  send(subscribe);
}

// The load ------------------------------------------------------------------------------------------------------------

void Caller::prepare(std::size_t count) {
  if (envelope_.before_first == 0) {
    // In a lane time rises with every message; it begins early enough never to run ahead of the clock.
    envelope_.before_first = world_.clock.now() - static_cast<Millis>(count * world_.options.rounds);
  }
  lane_.prepare(envelope_, next_, count, *sign_, world_.random);
  due_us_.assign(count, 0);
  released_ = next_ = acked_ = replied_ = told_ = 0;
  limit_ = count;
  in_flight_ = count;
}

void Caller::start() {
  in_flight_ = world_.options.in_flight;
  released_ = limit_;
  pump();
}

void Caller::release(std::int64_t due_us) {
  if (released_ == limit_) return;
  due_us_[released_++] = due_us;
  pump();
}

// Sends what may be sent: acknowledgements of deliveries, and the messages that are due, within both windows.
void Caller::pump() {
  const std::size_t first = next_;
  std::size_t upto = std::min({released_, limit_, acked_ + std::min(window_, world_.options.in_flight)});
  upto = std::max(first, std::min(upto, finished_count() + in_flight_));
  if (upto > first && world_.options.rate == 0) {
    const std::int64_t now = world_.clock.steady_us();
    std::fill(due_us_.begin() + static_cast<std::ptrdiff_t>(first), due_us_.begin() + static_cast<std::ptrdiff_t>(upto),
              now);
  }
  next_ = upto;
  std::array<BytesView, 2> pieces;
  std::size_t count = 0;
  if (!pubacks_.empty()) pieces[count++] = pubacks_;
  if (upto > first) pieces[count++] = lane_.packets(first, upto - first);
  if (count > 0 || socket_->waits_to_write()) write(std::span(pieces).first(count));
  pubacks_.clear();
}

void Caller::on_packet(BytesView packet) {
  if (step_ != Step::online) return on_handshake(packet);
  const auto type = static_cast<mqtt::PacketType>(packet.front() >> 4);
  if (type == mqtt::PacketType::puback) return on_puback(packet);
  if (type == mqtt::PacketType::publish) return on_publish(packet);
  on_handshake(packet);
}

void Caller::on_puback(BytesView bytes) {
  if (acked_ == next_) fail("an ack for nothing");
  // Two bytes of header, two of the packet's number; more if there is a reason.
  if (bytes.size() > 4) {
    const Result<mqtt::Packet> packet = mqtt::decode(mqtt::Version::v5, bytes);
    if (!packet) fail("the server sent no MQTT: " + packet.error().message());
    const auto& puback = std::get<mqtt::Puback>(*packet);
    if (mqtt::is_failure(puback.reason)) {
      fail(fmt::format("message {} was refused: {}", lane_.n(acked_),
                       puback.properties.user("code").value_or(mqtt::name_of(puback.reason))));
    }
  }
  const auto id = static_cast<mqtt::PacketId>(bytes[2] << 8 | bytes[3]);
  if (id != lane_.packet(acked_)) fail(fmt::format("ack {} where {} was next", id, lane_.packet(acked_)));
  const std::int64_t now = world_.clock.steady_us();
  world_.tally.ack_us.push_back(static_cast<std::uint32_t>(now - due_us_[acked_]));
  world_.tally.last_us = now;
  ++acked_;
}

void Caller::on_publish(BytesView bytes) {
  mqtt::Publish publish;
  const Result<void> decoded = mqtt::decode_publish(mqtt::Version::v5, bytes, publish);
  if (!decoded) fail("the server sent no MQTT: " + decoded.error().message());
  if (publish.topic == inbox_) return on_inbox(publish);
  on_ack_topic(as_text(publish.payload));
}

void Caller::on_ack_topic(std::string_view text) {
  if (told_ == next_ || text.find(lane_.link(told_).hex()) == std::string_view::npos) {
    fail(fmt::format("not the ack of the next message: {}", text));
  }
  ++told_;
}

void Caller::on_inbox(const mqtt::Publish& publish) {
  const std::optional<Reply> reply = read_reply(as_text(publish.payload));
  if (!reply) fail(fmt::format("not a reply: {}", as_text(publish.payload)));
  if (reply->author != envelope_.recipient || reply->recipient != envelope_.author) fail("a reply of or for another");
  if (reply->n != last_reply_n_.next() || reply->previous != last_reply_) {
    fail(fmt::format("reply {} does not continue {}", reply->n.value, last_reply_n_.value));
  }
  if (replied_ == next_ || reply->in_reply_to != lane_.link(replied_)) {
    fail(fmt::format("reply {} is not to the next message. Without a bot: --no-reply", reply->n.value));
  }
  last_reply_n_ = reply->n;
  last_reply_ = reply->link;
  const auto high = static_cast<std::uint8_t>(publish.packet_id >> 8);
  const auto low = static_cast<std::uint8_t>(publish.packet_id & 0xFF);
  pubacks_.insert(pubacks_.end(), {0x40, 2, high, low});
  const std::int64_t now = world_.clock.steady_us();
  world_.tally.reply_us.push_back(static_cast<std::uint32_t>(now - due_us_[replied_]));
  world_.tally.unchecked.push_back({reply->link, reply->key, reply->signature});
  world_.tally.last_us = now;
  ++replied_;
}

}  // namespace sealpost::cli::bench
