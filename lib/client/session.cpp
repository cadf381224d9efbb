#include "client/session.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "object/canonical.hpp"

namespace sealpost::client {
namespace {

constexpr std::chrono::milliseconds beat{1'000};
constexpr unsigned clock_rejects_max = 3;  // signing again with the server's time should have helped
constexpr unsigned refusals_max = 5;       // in a row, after we have been online

std::vector<object::Identity> parse_versions(const std::vector<std::string>& texts) {
  std::vector<object::Identity> versions;
  for (const std::string& text : texts) {
    auto version = object::Identity::parse(text);
    if (version) versions.push_back(std::move(*version));
  }
  return versions;
}

// The same message to be signed for another place in the lane.
std::optional<Draft> draft_of(const Entry& entry) {
  const auto letter = letter_of(entry.stored);
  if (!letter) return std::nullopt;
  return Draft{entry.peer, letter->payload, letter->context, letter->answers};
}

// The canonical form of what a person wrote.
Result<std::string> canonical_payload(const std::string& payload) {
  const auto parsed = object::parse_json(payload, {}, {object::client_depth_max - 1});
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return Errc::bad_payload;
  if (!object::text_of(object::find(parsed->get_object(), "_t"))) return Errc::bad_payload;
  return object::canonicalize(*parsed);
}

}  // namespace

Device draw_device(Random& random) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  std::string label;
  for (const std::uint8_t byte : random.bytes<16>()) label += letters[byte % letters.size()];
  return *Device::parse(label);
}

Session::Session(net::Ports ports, Clock& clock, Random& random, Store& store, SessionOptions options, Watcher& watcher)
    : ports_(ports),
      clock_(clock),
      random_(random),
      store_(store),
      options_(std::move(options)),
      watcher_(watcher),
      beat_(ports.executor),
      pause_(ports.executor) {
  if (store_.server()) server_versions_ = parse_versions(store_.identity(*store_.server()));
}

Session::~Session() = default;

Permalink Session::server() const {
  return store_.server().value_or(Permalink());
}

// Connecting ----------------------------------------------------------------------------------------------------------

asio::awaitable<Result<void>> Session::run() {
  arm_beat();
  for (;;) {
    const Result<void> ended = co_await converse();
    online_ = false;
    if (connection_) {
      if (!connection_->detail().empty()) detail_ = connection_->detail();
      connection_->close();
    }
    if (stopping_) co_return Result<void>();
    if (!ended && is_final(ended.error())) co_return ended.error();
    const std::chrono::milliseconds retry = ended ? std::chrono::milliseconds(0) : next_backoff();
    if (!ended) watcher_.on_offline(ended.error(), detail_, retry);
    pause_.expires_after(retry);
    co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopping_) co_return Result<void>();
  }
}

// One connection from its beginning to its end. Success asks for another one at once.
asio::awaitable<Result<void>> Session::converse() {
  detail_.clear();
  flights_.clear();
  reject_.reset();
  connection_ = std::make_shared<Connection>(ports_, clock_, random_, opening());
  const std::shared_ptr<Connection> connection = connection_;
  const Result<void> opened = co_await connection->open();
  if (!opened) co_return opened.error();
  if (stopping_) co_return Result<void>();
  const Result<void> settled = settle();
  if (!settled) co_return settled.error();
  while (online_) {
    const Result<void> handled = handle_all();
    if (!handled) co_return handled.error();
    if (!online_) break;
    const Result<void> sent = send_waiting();
    if (!sent) co_return sent.error();
    const Result<void> received = co_await connection->receive();
    if (!received) co_return received.error();
  }
  co_return Result<void>();
}

Opening Session::opening() {
  Opening opening;
  opening.address = options_.address;
  opening.trust = options_.trust;
  opening.self = options_.self;
  opening.device = store_.lane().device;
  opening.confirmed_versions = store_.confirmed_versions();
  opening.server = server_versions_;
  opening.server_expected = options_.server_expected;
  opening.position = store_.lane().position();
  opening.from_first = !opening.position;
  opening.invite = options_.invite;
  return opening;
}

// After the Welcome: pins the server, and finds where both lanes go on.
Result<void> Session::settle() {
  const bool first_meeting = server_versions_.empty();
  for (const object::Identity& version : connection_->server()) {
    const auto stored = store_.add_identity_version(version);
    if (!stored) return stored;
  }
  server_versions_ = connection_->server();
  const auto pinned = store_.set_server(server_versions_.front().permalink());
  if (!pinned) return pinned;
  const auto confirmed = store_.set_confirmed_versions(options_.self.versions.size());
  if (!confirmed) return confirmed;

  const auth::Welcome& welcome = connection_->welcome();
  clock_offset_ = connection_->clock_offset();
  const auto ours = store_.outgoing_link(welcome.received.n);
  if (!lane::fits(welcome.received, ours))
    return start_over("the server holds another message under one of our numbers");
  const auto noted = store_.note_welcome(welcome.log, welcome.received);
  if (!noted) return noted;
  if (welcome.light == lane::Light::shut) return start_over("the server says that the histories differ");
  next_ = welcome.received.n.next();
  green_ = welcome.light == lane::Light::green;
  failures_ = 0;
  online_ = has_been_online_ = true;
  watcher_.on_online(*connection_, first_meeting);
  return {};
}

// This device label is over. The next connection begins with a new one.
Result<void> Session::start_over(const std::string& why) {
  const Device fresh = draw_device(random_);
  const auto again = sign_again(store_.waiting(), {}, 0, fresh);
  if (!again) return again.error();
  const auto done = store_.start_over(fresh, *again, why);
  if (!done) return done;
  online_ = false;
  watcher_.on_new_device(why);
  return {};
}

bool Session::is_final(const ErrorCode& error) const {
  if (error == Errc::refused) return !has_been_online_ || failures_ + 1 >= refusals_max;
  if (error == net::Errc::certificate_untrusted || error == net::Errc::certificate_wrong_name ||
      error == net::Errc::certificate_expired || error == net::Errc::certificate_not_pinned ||
      error == net::Errc::ca_file_unreadable || error == net::Errc::bad_address) {
    return true;
  }
  if (&error.category() != &make_error_code(Errc::closed).category()) return false;
  switch (static_cast<Errc>(error.value())) {
    case Errc::busy:
    case Errc::closed:
    case Errc::silent:
    case Errc::protocol:
      return error == Errc::protocol && !has_been_online_;
    default:
      return true;
  }
}

std::chrono::milliseconds Session::next_backoff() {
  const unsigned doublings = std::min(failures_++, 16u);
  const auto longest = std::min(options_.backoff_max, options_.backoff_min * (1u << doublings));
  // Between half and all of it, so that many clients of a restarted server do not come at once.
  const auto part = random_.bytes<1>()[0];
  return longest / 2 + longest * part / 512;
}

void Session::stop() {
  stopping_ = true;
  online_ = false;
  beat_.cancel();
  pause_.cancel();
  if (connection_) connection_->close();
}

void Session::arm_beat() {
  beat_.expires_after(beat);
  beat_.async_wait([this, alive = std::weak_ptr(alive_)](const ErrorCode& error) {
    if (error || alive.expired() || stopping_) return;
    if (online_ && connection_) connection_->tick();
    arm_beat();
  });
}

// Ours ----------------------------------------------------------------------------------------------------------------

Result<Entry> Session::sign(Seq n, const Link& q, Millis after, const Draft& draft, const Device& device) {
  object::OutMessage message;
  message.author = options_.self.permalink;
  message.recipient = *draft.recipient;
  message.device = device;
  message.n = n;
  message.previous = q;
  message.time = std::max(clock_.now() + clock_offset_, after + 1);
  random_.fill(message.salt);
  message.payload = draft.payload;
  if (draft.context) message.context = *draft.context;
  message.in_reply_to = draft.answers;
  object::Signed made = message.prepare().sign(*options_.self.signer);

  Entry entry;
  entry.mine = true;
  entry.lane = device;
  entry.n = n;
  entry.link = made.link;
  entry.time = message.time;
  entry.peer = *draft.recipient;
  entry.answers = draft.answers;
  entry.stored = std::move(made.stored);
  return entry;
}

Result<Entry> Session::submit(const Draft& written) {
  Draft draft = written;
  if (!draft.recipient) draft.recipient = store_.server();
  if (!draft.recipient) return Errc::no_server_yet;
  auto payload = canonical_payload(draft.payload);
  if (!payload) return payload.error();
  draft.payload = std::move(*payload);
  const LaneState& lane = store_.lane();
  auto entry = sign(lane.head.n.next(), lane.head.link, lane.head_time, draft, lane.device);
  if (!entry) return entry;
  if (online_ && static_cast<std::int64_t>(entry->stored.size()) > connection_->limits().message_max) {
    return Errc::too_large;
  }
  const auto stored = store_.add_outgoing(*entry);
  if (!stored) return stored.error();
  if (online_) {
    const auto sent = send_waiting();
    if (!sent) return sent.error();
  }
  return entry;
}

// As many as the window takes, in order.
Result<void> Session::send_waiting() {
  if (!green_ || reject_ || flights_.size() >= connection_->window()) return {};
  for (const Entry& entry : store_.outgoing_after({next_.value - 1}, connection_->window() - flights_.size())) {
    const auto packet = connection_->publish(entry.stored);
    if (!packet) return packet.error();
    flights_[*packet] = {entry.n, entry.link};
    next_ = entry.n.next();
  }
  return {};
}

Result<void> Session::handle(const Answered& answered) {
  const auto found = flights_.find(answered.packet);
  if (found == flights_.end()) return Errc::protocol;
  const Flight flight = found->second;
  flights_.erase(found);
  if (answered.accepted()) {
    const auto noted = store_.note_acked(flight.n, flight.link, {});
    if (!noted) return noted;
    clock_rejects_ = 0;
    if (const auto entry = store_.outgoing(flight.n)) watcher_.on_answered(*entry);
  } else if (!reject_) {
    reject_ = Reject{flight, std::string(answered.code), std::string(answered.detail)};
  }
  if (reject_ && flights_.empty()) return mend();
  return {};
}

// All that was under way has been answered, and the first reject says what to do.
Result<void> Session::mend() {
  const Reject reject = *std::exchange(reject_, std::nullopt);
  detail_ = reject.detail.empty() ? reject.code : reject.code + ": " + reject.detail;
  const auto code = lane::reject_code(reject.code);
  if (!code) return Errc::busy;  // a temporary failure: come again
  switch (*code) {
    case lane::RejectCode::malformed:
    case lane::RejectCode::too_large: {
      const auto entry = store_.outgoing(reject.flight.n);
      if (!entry) return Errc::protocol;
      return resign(reject.flight.n, entry->id, detail_);
    }
    case lane::RejectCode::clock:
      if (++clock_rejects_ > clock_rejects_max) return Errc::protocol;
      return resign(reject.flight.n, std::nullopt, {});
    case lane::RejectCode::drain_first:
      next_ = reject.flight.n;  // green_ follows by a `light`
      return {};
    case lane::RejectCode::gap:
      return Errc::busy;  // the next Welcome says where to go on
    case lane::RejectCode::fork:
    case lane::RejectCode::shut:
      return start_over(detail_);
    case lane::RejectCode::unknown_author:
    case lane::RejectCode::bad_signature:
      return Errc::refused;
  }
  return Errc::protocol;
}

Result<std::vector<Entry>> Session::sign_again(const std::vector<Entry>& entries, lane::Mark head, Millis after,
                                               const Device& device) {
  std::vector<Entry> again;
  for (const Entry& entry : entries) {
    const auto draft = draft_of(entry);
    if (!draft) return Errc::store_damaged;
    auto made = sign(head.n.next(), head.link, after, *draft, device);
    if (!made) return made.error();
    made->id = entry.id;
    head = {made->n, made->link};
    after = made->time;
    again.push_back(std::move(*made));
  }
  return again;
}

Result<void> Session::resign(Seq from, std::optional<std::int64_t> dropped, const std::string& note) {
  std::vector<Entry> entries = store_.waiting();
  std::optional<Entry> refused;
  std::erase_if(entries, [&](const Entry& entry) {
    if (dropped && entry.id == *dropped) refused = entry;
    return entry.n < from || entry.id == dropped;
  });
  const auto before = store_.outgoing({from.value - 1});
  const lane::Mark head = before ? lane::Mark{before->n, before->link} : lane::Mark{};
  const auto again = sign_again(entries, head, before ? before->time : 0, store_.lane().device);
  if (!again) return again.error();
  const auto stored = store_.resign(from, *again, dropped, note);
  if (!stored) return stored;
  next_ = from;
  if (refused) {
    refused->standing = Standing::refused;
    refused->note = note;
    watcher_.on_answered(*refused);
  }
  return {};
}

// Theirs --------------------------------------------------------------------------------------------------------------

Result<void> Session::handle_all() {
  while (auto event = connection_->next()) {
    const auto handled = std::visit([this](const auto& one) { return handle(one); }, *event);
    if (!handled) return handled;
    if (!online_) return {};
  }
  if (connection_->failure()) return connection_->failure();
  return {};
}

Result<void> Session::handle(const Delivered& delivered) {
  auto judged = judge(store_, options_.self.permalink, server_versions_, delivered.text);
  if (!judged && judged.error() == Errc::histories_differ) {
    return start_over("a delivery does not continue the history that we hold");
  }
  if (!judged) return judged.error();
  // After starting over, the history comes once more: stored, but no news.
  const bool news = judged->place == Judged::Place::next && !store_.has_incoming(judged->entry.link);
  if (judged->place == Judged::Place::next) {
    if (judged->introduced) {
      const auto known = store_.add_identity_version(*judged->introduced);
      if (!known) return known;
    }
    const auto stored = store_.add_incoming(judged->entry, judged->relayed);
    if (!stored) return stored;
  }
  connection_->acknowledge(delivered.packet);
  if (news) watcher_.on_message(judged->entry, judged->problem);
  return {};
}

Result<void> Session::handle(const Told& told) {
  const auto json = object::parse_json(told.text);
  if (!json || !json->is_object()) return Errc::protocol;
  const auto& fields = json->get_object();
  if (told.what == Told::What::light) {
    const auto light = lane::light(object::text_of(object::find(fields, "light")).value_or(std::string_view()));
    if (light == lane::Light::shut) return start_over("the server has shut the lane");
    green_ = light == lane::Light::green;
    return {};
  }
  // Where a clock is wrong, the server's time comes with the reject.
  const auto time = object::integer_of(object::find(fields, "time"));
  if (told.what == Told::What::reject && time) clock_offset_ = *time - clock_.now();
  const auto link = object::hex_of<Link>(object::find(fields, "link"));
  if (told.what == Told::What::ack && link) return store_.annotate(*link, told.text);
  return {};
}

Result<void> Session::handle(const Reauthenticated&) {
  clock_offset_ = connection_->clock_offset();
  for (const object::Identity& version : connection_->server()) {
    const auto stored = store_.add_identity_version(version);
    if (!stored) return stored;
  }
  server_versions_ = connection_->server();
  return {};
}

}  // namespace sealpost::client
