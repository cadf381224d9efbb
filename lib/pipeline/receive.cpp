// receive: a message from a device is parsed, verified, decided on, appended; the ack follows the commit.

#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "base/encoding.hpp"
#include "object/errors.hpp"
#include "pipeline/await.hpp"
#include "pipeline/client.hpp"
#include "pipeline/clients.hpp"

namespace sealpost::pipeline {
namespace {

lane::Form form_of(const ErrorCode& error) {
  return error == object::Errc::too_large ? lane::Form::too_large : lane::Form::malformed;
}

Result<object::Message> read_message(std::string_view text, std::size_t bytes_max) {
  const auto object = object::Object::parse(text, object::client_limits(bytes_max));
  if (!object) return object.error();
  return object::Message::read(*object);
}

// Whether the message is of the one whose connection brought it. The dear check, of the signature, comes last.
lane::Authorship authorship_of(const object::Message& message, const Credentials& who, const Standing& identity) {
  if (message.author() != who.client || message.device() != who.device) return lane::Authorship::unknown_author;
  if (!identity.may_sign(message.signature().key)) return lane::Authorship::bad_signature;
  return object::verify_signature(message.object()) ? lane::Authorship::proven : lane::Authorship::bad_signature;
}

lane::Facts facts_of(const object::Message& message, Epoch epoch) {
  lane::Facts facts;
  facts.n = message.n();
  facts.q = message.previous();
  facts.link = message.link();
  facts.time = message.time();
  facts.epoch = epoch;
  return facts;
}

mqtt::ReasonCode reason_of(lane::RejectCode code) {
  switch (code) {
    case lane::RejectCode::malformed:
      return mqtt::ReasonCode::payload_format_invalid;
    case lane::RejectCode::too_large:
      return mqtt::ReasonCode::quota_exceeded;
    case lane::RejectCode::unknown_author:
    case lane::RejectCode::bad_signature:
      return mqtt::ReasonCode::not_authorized;
    default:
      return mqtt::ReasonCode::implementation_specific_error;
  }
}

std::string expected_text(const lane::Expected& expected) {
  if (expected.n.value <= 1) return fmt::format(R"(,"expected":{{"n":{}}})", expected.n.value);
  return fmt::format(R"(,"expected":{{"n":{},"q":"{}"}})", expected.n.value, expected.q.hex());
}

lane::Receipt receipt_of(const log::Committed& committed) {
  return {committed.id(), committed.hash(), committed.logged()};
}

}  // namespace

// A message on its way to the log.
struct Client::Incoming {
  std::shared_ptr<Connection> connection;
  mqtt::PacketId packet;
  object::Message message;
  bool relayed;
};

void Client::receive(const std::shared_ptr<Connection>& connection, mqtt::PacketId packet, std::string_view text) {
  DeviceLane& lane = lane_of(*connection);
  auto message = read_message(text, services_.limits.message_max);
  lane::Facts facts;
  if (message) {
    facts = facts_of(*message, connection->who().epoch);
    facts.authorship = authorship_of(*message, connection->who(), *identity_);
  } else {
    facts.form = form_of(message.error());
  }
  const lane::Decision decision = decide(lane.in, facts, services_.clock.now());
  switch (decision.outcome) {
    case lane::Outcome::accept:
      return accept(connection, packet, std::move(*message));
    case lane::Outcome::duplicate_durable:
      services_.counters.messages_duplicate_total.add();
      return acknowledge(*connection, packet, facts.n, facts.link, decision.receipt);
    case lane::Outcome::duplicate_pending:
      return lane.waiting.push_back({facts.n, connection, packet});
    case lane::Outcome::duplicate_old:
      return spawn(strand_, services_.sink, "look_up", look_up(shared_from_this(), connection, packet, facts));
    case lane::Outcome::reject:
      return reject(*connection, packet, facts, decision,
                    message ? lane::detail(decision.code) : message.error().message());
    case lane::Outcome::taken_over:
      return connection->end(mqtt::ReasonCode::session_taken_over);
    case lane::Outcome::unavailable:
      return connection->end(mqtt::ReasonCode::server_busy);
  }
}

void Client::accept(const std::shared_ptr<Connection>& connection, mqtt::PacketId packet, object::Message message) {
  DeviceLane& lane = lane_of(*connection);
  const bool relayed = message.recipient() != services_.identity.permalink;
  if (!relayed && services_.bot != nullptr && backlog_ >= services_.limits.inbox_messages) {
    connection->end(mqtt::ReasonCode::quota_exceeded, "the bot is behind; connect again later, nothing is lost");
    return;
  }
  log::Draft draft;
  draft.kind = log::Kind::in;
  draft.client = permalink_;
  draft.device = lane.device;
  draft.seq = message.n();
  draft.link = message.link();
  draft.prev = message.previous();
  draft.author = permalink_;
  if (relayed) draft.recipient = message.recipient();
  draft.type = message.payload_type();
  draft.time = message.time();
  draft.epoch = connection->who().epoch;
  draft.body = message.object().stored_text();

  log::Transaction transaction;
  transaction.drafts.push_back(std::move(draft));
  if (relayed) {  // in the same transaction, so that a message is relayed once, whoever crashes
    log::Draft intent;
    intent.kind = log::Kind::intent;
    intent.client = permalink_;
    intent.recipient = message.recipient();
    intent.link = message.link();
    intent.author = permalink_;
    transaction.drafts.push_back(std::move(intent));
  }
  lane.in.note_pending(message.n(), message.link(), message.time());
  ++connection->in_flight;
  const auto recipient = relayed ? clients_.at(message.recipient()) : nullptr;
  auto incoming = std::make_shared<Incoming>(Incoming{connection, packet, std::move(message), relayed});
  services_.log.append(std::move(transaction), [self = shared_from_this(), incoming, recipient,
                                                identity = identity_event_](Result<log::Appended> appended) {
    if (appended && recipient)
      announce(recipient, {appended->events.back(), self->permalink_, incoming->message.link(), identity,
                           incoming->message.object().stored_text()});
    asio::post(self->strand_,
               [self, incoming, appended = std::move(appended)] { self->on_logged(*incoming, appended); });
  });
}

void Client::on_logged(const Incoming& incoming, const Result<log::Appended>& appended) {
  Connection& connection = *incoming.connection;
  DeviceLane& lane = lane_of(connection);
  const object::Message& message = incoming.message;
  --connection.in_flight;
  if (appended) {
    const lane::Receipt receipt = receipt_of(appended->events.front());
    lane.in.note_durable(message.n(), receipt);
    services_.counters.messages_in_total.add();
    acknowledge(connection, incoming.packet, message.n(), message.link(), receipt);
    if (const auto* recent = lane.in.recent(message.n())) answer_waiting(lane, message.n(), *recent);
    if (!incoming.relayed) hand_on(incoming, appended->events.front());
  } else {
    lane.in.fail_from(message.n());
    fail(connection, appended.error());
    std::erase_if(lane.waiting, [&](const Waiter& waiter) { return waiter.n == message.n(); });
  }
  if (connection.expired && connection.in_flight == 0) connection.end(mqtt::ReasonCode::not_authorized, "expired");
  step(incoming.connection);
}

// The message goes on to the bot. Its event is on disk: whatever happens to memory now, the log knows.
void Client::hand_on(const Incoming& incoming, const log::Committed& event) {
  if (services_.bot == nullptr) return;
  ++backlog_;
  const object::Message& message = incoming.message;
  Update update{event, permalink_, message.device(), message.object().stored_text()};
  if (!updates_.running) update.read = std::make_shared<const object::Message>(message);
  updates_.add(event.id(), std::move(update));
  start_processing();
}

void Client::answer_waiting(DeviceLane& lane, Seq n, const lane::InLane::Recent& stored) {
  std::erase_if(lane.waiting, [&](const Waiter& waiter) {
    if (waiter.n != n) return false;
    acknowledge(*waiter.connection, waiter.packet, n, stored.link, stored.receipt);
    if (waiter.connection != lane.connection) waiter.connection->flush();
    services_.counters.messages_duplicate_total.add();
    return true;
  });
}

// A duplicate of a message that memory no longer holds.
asio::awaitable<void> Client::look_up(std::shared_ptr<Client> self, std::shared_ptr<Connection> connection,
                                      mqtt::PacketId packet, lane::Facts facts) {
  using Found = std::optional<log::StoredEvent>;
  const log::Lane in{self->permalink_, connection->who().device};
  std::function<Found(log::Reader&)> ask = [in, n = facts.n](log::Reader& reader) { return reader.at(in, n); };
  const Found found = co_await read<Found>(self->services_.log, std::move(ask));
  SEALPOST_ASSERT(found);  // lanes are dense
  const lane::Decision decision = judge_stored(facts, {found->committed.link(), receipt_of(found->committed)});
  if (decision.outcome == lane::Outcome::duplicate_durable) {
    self->services_.counters.messages_duplicate_total.add();
    self->acknowledge(*connection, packet, facts.n, facts.link, decision.receipt);
  } else {
    self->reject(*connection, packet, facts, decision, lane::detail(decision.code));
  }
  self->step(connection);
}

void Client::acknowledge(Connection& connection, mqtt::PacketId packet, Seq n, const Link& link,
                         const lane::Receipt& receipt) {
  const std::string text = fmt::format(R"({{"event":{},"hash":"{}","link":"{}","n":{},"time":{}}})",
                                       receipt.event.value, to_hex(receipt.hash), link.hex(), n.value, receipt.time);
  connection.tell(lane_of(connection).session(), "ack", text);
  // Refused only if the connection is gone: then the next Welcome tells the client what it needs to know.
  (void)connection.engine().puback(packet);
}

void Client::reject(Connection& connection, mqtt::PacketId packet, const lane::Facts& facts,
                    const lane::Decision& decision, std::string_view detail) {
  services_.counters.messages_rejected_total.add();
  const std::string_view code = lane::name(decision.code);
  const bool well_formed = facts.form == lane::Form::well_formed;
  std::string text = "{";
  text += fmt::format(R"("code":"{}","detail":"{}")", code, detail);
  if (decision.expected) text += expected_text(*decision.expected);
  if (well_formed) text += fmt::format(R"(,"link":"{}","n":{})", facts.link.hex(), facts.n.value);
  text += fmt::format(R"(,"time":{}}})", services_.clock.now());
  connection.tell(lane_of(connection).session(), "reject", text);

  mqtt::Properties properties;
  properties.reason_string = detail;
  properties.user_properties.emplace_back("code", code);
  (void)connection.engine().puback(packet, reason_of(decision.code), properties);
  if (decision.is_security_event())
    note_security(code, fmt::format("device {} from {}: n {} link {}", connection.who().device.text(),
                                    connection.channel().peer().address, facts.n.value, facts.link.hex()));
}

// The message was not decided against: it could not be made durable. No PUBACK, so the client keeps it.
void Client::fail(Connection& connection, const ErrorCode& error) {
  if (error == log::Errc::stale_epoch) return connection.end(mqtt::ReasonCode::session_taken_over);
  if (error == log::Errc::disk_full)
    return connection.end(mqtt::ReasonCode::quota_exceeded, "the server's disk is full; nothing is lost, try later");
  if (error == log::Errc::stopped) return connection.end(mqtt::ReasonCode::server_shutting_down);
  if (error == log::Errc::bad_draft)
    services_.sink.write(Level::error, "pipeline",
                         fmt::format("the log does not take a message of client {} that was found in order: {}",
                                     permalink_.hex(), error.message()));
  connection.end(mqtt::ReasonCode::server_busy, "could not be stored; nothing is lost, connect again");
}

}  // namespace sealpost::pipeline
