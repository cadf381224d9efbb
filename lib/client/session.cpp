#include "client/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace sealpost::client {
namespace {

constexpr std::chrono::milliseconds beat{1'000};
constexpr unsigned refusals_max = 5;  // in a row, after we have been online

std::vector<object::Identity> parse_versions(const std::vector<std::string>& texts) {
  std::vector<object::Identity> versions;
  for (const std::string& text : texts) {
    auto version = object::Identity::parse(text);
    if (version) versions.push_back(std::move(*version));
  }
  return versions;
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
      pause_(ports.executor) {}

Session::~Session() = default;

Permalink Session::server() const {
  return store_.server().value_or(Permalink());
}

// Connecting ----------------------------------------------------------------------------------------------------------

asio::awaitable<Result<void>> Session::run() {
  const Result<void> known = load_server();
  if (!known) co_return known.error();
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

Result<void> Session::load_server() {
  if (!store_.server()) return {};
  const auto versions = store_.identity(*store_.server());
  if (!versions) return versions.error();
  server_versions_ = parse_versions(*versions);
  return {};
}

// One connection from its beginning to its end. Success asks for another one at once. So does a refusal of a Proof that
// left versions out, since a server that was restored may have lost what its Welcome had confirmed: once, with all.
asio::awaitable<Result<void>> Session::converse() {
  detail_.clear();
  flights_.clear();
  reject_.reset();
  connection_ = std::make_shared<Connection>(ports_, clock_, random_, opening());
  const std::shared_ptr<Connection> connection = connection_;
  const Result<void> opened = co_await connection->open();
  const bool forgotten = !opened && opened.error() == Errc::refused && store_.confirmed_versions() > 0;
  if (forgotten) co_return store_.set_confirmed_versions(0);
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

Result<void> Session::pin_server() {
  for (const object::Identity& version : connection_->server()) {
    const auto stored = store_.add_identity_version(version);
    if (!stored) return stored;
  }
  server_versions_ = connection_->server();
  return store_.set_server(server_versions_.front().permalink());
}

// After the Welcome: pins the server, and finds where both lanes go on.
Result<void> Session::settle() {
  const bool first_meeting = server_versions_.empty();
  const auto pinned = pin_server();
  if (!pinned) return pinned;
  const auto confirmed = store_.set_confirmed_versions(options_.self.versions.size());
  if (!confirmed) return confirmed;

  const auth::Welcome& welcome = connection_->welcome();
  clock_offset_ = connection_->clock_offset();
  const auto ours = store_.outgoing_link(welcome.received.n);
  if (!ours) return ours.error();
  if (!lane::fits(welcome.received, *ours))
    return start_over("the server holds another message under one of our numbers");
  const auto waited = store_.waiting();
  if (!waited) return waited.error();
  const auto noted = store_.note_welcome(welcome.log, welcome.received);
  if (!noted) return noted;
  if (welcome.light == lane::Light::shut) {
    tell_received(*waited, welcome.received.n);
    return start_over("the server says that the histories differ");
  }
  next_ = welcome.received.n.next();
  const auto renewed = renew_signatures();
  if (!renewed) return renewed;
  green_ = welcome.light == lane::Light::green;
  failures_ = 0;
  online_ = has_been_online_ = true;
  watcher_.on_online(*connection_, first_meeting);
  tell_received(*waited, welcome.received.n);
  return {};
}

// The ack of these was lost; a Welcome is as good.
void Session::tell_received(const std::vector<Entry>& waited, Seq received) {
  for (Entry entry : waited) {
    if (entry.n > received) continue;
    entry.standing = Standing::acked;
    watcher_.on_answered(entry);
  }
}

// This device label is over. The next connection begins with a new one.
Result<void> Session::start_over(const std::string& why) {
  const Device fresh = draw_device(random_);
  const auto waiting = store_.waiting();
  if (!waiting) return waiting.error();
  const auto again = sign_again(*waiting, {}, 0, fresh);
  if (!again) return again.error();
  const auto done = store_.start_over(fresh, *again, why);
  if (!done) return done;
  online_ = false;
  watcher_.on_new_device(why);
  tell_signed_again(*waiting, *again);
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
    case Errc::too_many_versions:  // or past another limit: the server does not say which
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
  const auto held = store_.incoming(judged->entry.link);
  if (!held) return held.error();
  const bool news = judged->place == Judged::Place::next && !*held;
  if (judged->place == Judged::Place::next) {
    if (judged->introduced) {
      const auto known = store_.add_identity_version(*judged->introduced);
      if (!known) return known;
    }
    const auto stored = store_.add_incoming(judged->entry, judged->relayed);
    if (!stored) return stored;
  }
  connection_->acknowledge(delivered.packet);
  if (news) watcher_.on_message(judged->entry);
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
  return pin_server();
}

}  // namespace sealpost::client
