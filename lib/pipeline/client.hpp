#pragma once
// The actor of one client (an identity): everything about it happens on its strand, in order. It is in memory while it
// has a connection, an MQTT session, a pending append or work to do, and can be loaded from the log at any time.
//
// Its verbs stand in a source each: admit (a proof becomes an epoch), serve (what a connection brings), receive (a
// message comes in), process (the bot answers), relay (what others want sent to this client), send (number, link, sign,
// log), deliver (to each device, in order).

#include <algorithm>
#include <list>
#include <map>
#include <memory>

#include "auth/handshake.hpp"
#include "broker/broker.hpp"
#include "lane/position.hpp"
#include "pipeline/await.hpp"
#include "pipeline/bot.hpp"
#include "pipeline/device.hpp"
#include "pipeline/gate.hpp"
#include "pipeline/services.hpp"

namespace sealpost::pipeline {

class Client;
class Clients;

// The version of an identity that is in force, as far as the actor needs it; the log has the rest (a parsed identity
// takes 4 KiB, for as long as its client is connected).
struct Standing {
  Link link;
  std::vector<PublicKey> sign_keys;

  explicit Standing(const object::Identity&);
  bool may_sign(const PublicKey& key) const { return std::ranges::find(sign_keys, key) != sign_keys.end(); }
};

// What to send to this client: everything but the envelope.
struct Outgoing {
  std::string payload;  // canonical text of an object with a `_t`
  std::string type;     // that `_t`
  std::optional<std::string> context;
  std::optional<Link> in_reply_to;
  std::string consumer;  // with `cause`: whose cursor the event moves
  EventId cause;
};

// What somebody's processing wants sent to this client: an `intent` event, or what it says.
struct Intent {
  log::Committed event;
  Permalink from;          // whose processing wrote it; none: a bot's own initiative
  Link relayed;            // of the message that is to be relayed; none: `content` says what to send
  EventId identity_event;  // of a relayed message's author: the version in force when it came in
  log::Body content;       // the relayed message, or {"context"?,"inReplyTo"?,"object"}; null: erased

  std::size_t bytes() const { return content ? content->size() : 0; }
};

// What admit() made of a proof.
struct Admitted {
  Credentials who;
  std::string welcome;  // the signed text
  // Keeps the actor, and with it the positions and the light just settled, until the connection has entered.
  std::shared_ptr<Client> client = nullptr;
};

// How a client opened its MQTT connection.
struct Opening {
  bool clean_start = true;
  std::uint32_t session_expiry = 0;  // seconds
  std::optional<std::uint16_t> receive_maximum;
  std::optional<broker::Will> will{};
};

enum class Errc {
  outbox_full = 1,  // the client has not acknowledged too many messages
  unknown_client,   // no identity of that permalink is known
  stopping,         // the server is shutting down
};
ErrorCode make_error_code(Errc);

// A queue of events of one client that is worked off in order, from memory while it keeps up and from the log when it
// does not. An Item tells its `bytes()`.
template <class Item>
struct WorkQueue {
  EventId cursor;        // durable: finished up to here
  EventId queued;        // newest that was put into `ready`
  EventId newest;        // newest there is
  bool running = false;  // its coroutine is alive

  // What memory holds of a client that waits: at most so many events, or bytes, beyond the first.
  static constexpr std::size_t ready_max = 32;
  static constexpr std::size_t ready_bytes_max = 128 * 1024;

  bool empty() const { return ready.empty(); }
  bool behind() const { return queued < newest; }
  // A new event, in the order of the log. Kept in memory if nothing before it is missing there.
  void add(EventId id, Item item) {
    const bool fits = ready.size() < ready_max && (ready.empty() || ready_bytes + item.bytes() <= ready_bytes_max);
    const bool follows = !behind() && fits;
    newest = id;
    if (follows) put(id, std::move(item));
  }
  // An event that was read from the log.
  void put(EventId id, Item item) {
    queued = id;
    ready_bytes += item.bytes();
    ready.push_back(std::move(item));
  }
  Item take() {
    Item item = std::move(ready.front());
    ready.pop_front();
    ready_bytes -= item.bytes();
    return item;
  }

 private:
  std::list<Item> ready;  // empty, it takes no memory
  std::size_t ready_bytes = 0;
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  using Strand = asio::strand<Executor>;

  Client(Services&, Clients&, const Permalink&);
  ~Client();

  const Permalink& permalink() const { return permalink_; }
  const Strand& strand() const { return strand_; }

  // All that follows: on the strand.

  // Loads the state from the log; at once if that has been done. Errors: those of the log.
  asio::awaitable<void> ready();
  bool known() const { return identity_.has_value(); }
  // What is unfinished in the log goes on.
  void resume_work();

  // A valid proof becomes a new epoch of its device, or extends the one of `reauth_of`; the Welcome is signed once that
  // is on disk. Errors: auth::Errc.
  asio::awaitable<Result<Admitted>> admit(auth::ProofAccepted, auth::ServerHandshake&,
                                          std::shared_ptr<Connection> reauth_of);
  // The connection takes its device's place, and is served until it ends: read from, answered, delivered to.
  static asio::awaitable<void> enter(std::shared_ptr<Client>, std::shared_ptr<Connection>, Opening,
                                     std::string welcome);

  // Numbers, links, signs and logs; on success the messages are on their way to the devices. `others` are appended in
  // the same transaction, before them.
  asio::awaitable<Result<log::Appended>> send(std::vector<Outgoing>, std::vector<log::Draft> others,
                                              std::optional<log::Idempotency>, OnCommit = nullptr);
  // An intent for `recipient` is on disk. Called on the log's thread, and from nowhere else: a client that heard of a
  // later intent before an earlier one would take the earlier one for done.
  static void announce(const std::shared_ptr<Client>& recipient, Intent);

  // Ends every connection, for `reason`.
  void end_connections(mqtt::ReasonCode reason, std::string_view why);
  bool idle() const;

  // For the REST view of a client.
  struct DeviceView {
    Device device;
    Seq in, acked;
    bool connected = false;
  };
  std::vector<DeviceView> devices() const;
  Seq out_head() const { return out_.durable().n; }

  // The broker has messages for the connection.
  void send_app(const std::shared_ptr<Connection>&);

 private:
  struct Incoming;
  // What an answer of the bot makes.
  struct Handled {
    std::vector<Outgoing> messages;
    std::vector<log::Draft> others;
    OnCommit committed = nullptr;
  };
  // author -> newest identity event of theirs that this client was sent
  using Introduced = std::map<Permalink, EventId>;
  // What intents make.
  struct Relayed {
    std::vector<Outgoing> messages;
    std::vector<log::Draft> others;
    OnCommit committed = nullptr;
    Introduced introduced{};
  };

  // client.cpp
  void load(const std::optional<log::ClientState>&, const std::vector<log::StoredEvent>& versions);
  DeviceLane* find(const Device&) const;
  DeviceLane& add(const Device&);  // which is not there
  DeviceLane& lane_of(const Connection&) const;
  void detach(const std::shared_ptr<Connection>&);
  void note_security(std::string_view code, std::string_view detail);
  void forget_session_later(DeviceLane&);

  // admit.cpp
  Result<void> check_device(const auth::ProofAccepted&) const;
  bool is_live(const DeviceLane&) const;
  asio::awaitable<Result<Epoch>> log_proof(const auth::ProofAccepted&, Connection* reauth_of);
  void adopt(const std::vector<object::Identity>& versions, EventId last);
  Admitted extend(Connection&, const auth::ProofAccepted&, auth::ServerHandshake&);
  asio::awaitable<lane::Settlement> settle(const auth::ProofAccepted&);
  asio::awaitable<void> shut(const Device&, const lane::Settlement&);
  void begin(const Device&, Epoch, const lane::Settlement&);
  auth::Welcome welcome_of(const Credentials&, const lane::Settlement&) const;

  // serve.cpp
  bool attach(const std::shared_ptr<Connection>&, const Opening&, std::string_view welcome);
  bool accept(DeviceLane&, const std::shared_ptr<Connection>&, const Opening&, std::uint32_t expiry,
              std::string_view welcome);
  void forget_settled(DeviceLane&);
  std::uint32_t longest_session() const;
  void serve(const std::shared_ptr<Connection>&);
  void step(const std::shared_ptr<Connection>&);
  void go_on_after_progress(const std::shared_ptr<Connection>&);
  void drain(const std::shared_ptr<Connection>&);
  static asio::awaitable<void> let_drain(std::shared_ptr<Client>, std::shared_ptr<Connection>);
  void on(const std::shared_ptr<Connection>&, const mqtt::PublishReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::PubackReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::SubscribeReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::UnsubscribeReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::DisconnectReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::AuthReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::ConnectReceived&) {}
  static void refuse_publish(const std::shared_ptr<Connection>&, const mqtt::PublishReceived&, mqtt::ReasonCode);
  mqtt::ReasonCode subscribe(const std::shared_ptr<Connection>&, const mqtt::SubscriptionRequest&);
  void watch_keep_alive(const std::shared_ptr<Connection>&);
  void watch_expiry(const std::shared_ptr<Connection>&);

  // app.cpp
  void open_app(DeviceLane&, const std::shared_ptr<Connection>&, const Opening&, const std::function<bool()>& accept);
  void say_goodbye_app(const std::shared_ptr<Connection>&, const mqtt::DisconnectReceived&);
  void close_app(const DeviceLane&, const Connection&);
  void publish_app(const std::shared_ptr<Connection>&, const mqtt::PublishReceived&);
  void subscribe_app(const std::shared_ptr<Connection>&, const mqtt::SubscribeReceived&);
  void unsubscribe_app(const std::shared_ptr<Connection>&, const mqtt::UnsubscribeReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::PubrelReceived&);
  void on(const std::shared_ptr<Connection>&, const mqtt::PubrecReceived&);
  static void answer_publish(const std::shared_ptr<Connection>&, mqtt::PacketId, mqtt::Qos, mqtt::ReasonCode);
  void on_committed(const std::shared_ptr<Connection>&, const broker::SessionPtr&, mqtt::PacketId, mqtt::Qos,
                    mqtt::ReasonCode, const ErrorCode&);
  static void decide_received(DeviceLane&, mqtt::PacketId, std::optional<mqtt::ReasonCode>);
  void settle_app(DeviceLane&, std::uint64_t number);
  static void begin_wait(Connection&);
  void end_wait(const std::shared_ptr<Connection>&);
  broker::Broker::Done answered_later(const std::shared_ptr<Connection>&, std::function<void()> answer);
  void note_presence();

  // reauthenticate.cpp
  void reauthenticate(const std::shared_ptr<Connection>&, std::string_view hello);
  static asio::awaitable<void> prove_again(std::shared_ptr<Client>, std::shared_ptr<Connection>, std::string proof);
  void fail_reauthentication(const std::shared_ptr<Connection>&, const ErrorCode&);

  // receive.cpp
  void receive(const std::shared_ptr<Connection>&, mqtt::PacketId, std::string_view text);
  void accept(const std::shared_ptr<Connection>&, mqtt::PacketId, object::Message);
  void on_logged(const Incoming&, const Result<log::Appended>&);
  void hand_on(const Incoming&, const log::Committed&);
  void answer_waiting(DeviceLane&, Seq n, const lane::InLane::Recent&);
  void acknowledge(Connection&, mqtt::PacketId, Seq, const Link&, const lane::Receipt&);
  void reject(Connection&, mqtt::PacketId, const lane::Facts&, const lane::Decision&, std::string_view detail);
  void fail(Connection&, const ErrorCode&);
  static asio::awaitable<void> look_up(std::shared_ptr<Client>, std::shared_ptr<Connection>, mqtt::PacketId,
                                       lane::Facts);

  // process.cpp
  void start_processing();
  static asio::awaitable<void> process(std::shared_ptr<Client>);
  asio::awaitable<bool> fill_updates();
  asio::awaitable<void> handle(Update);
  asio::awaitable<Answer> ask_bot(Update);
  asio::awaitable<Result<void>> finish(Update, Answer);
  Handled handled_by(const Update&, Answer&);
  void pass_over(const Update&, const ErrorCode&, Handled&);
  void count_finished(const Update&);
  log::Draft done_with(const std::string& consumer, EventId cause) const;

  // relay.cpp
  void add_intent(Intent);
  void start_relaying();
  static asio::awaitable<void> relay(std::shared_ptr<Client>);
  asio::awaitable<bool> fill_intents();
  asio::awaitable<ErrorCode> settle_intents(const std::vector<Intent>&);
  asio::awaitable<void> settle_one_by_one(std::vector<Intent>);
  asio::awaitable<Relayed> relayed_by(const std::vector<Intent>&);
  log::Draft notice_of(const Intent&) const;
  asio::awaitable<std::vector<Outgoing>> outgoing_for(const Intent&, Introduced& now);
  asio::awaitable<std::vector<Outgoing>> introductions(const Intent&, Introduced& now);

  // send.cpp
  asio::awaitable<bool> was_sent_before(log::Idempotency);
  log::Draft number(const Outgoing&);
  void on_sent(const std::vector<log::Draft>&, const Result<log::Appended>&, std::size_t first);
  bool outbox_full() const;
  static bool will_pass(const ErrorCode&);

  // deliver.cpp
  void pump_all();
  void pump(DeviceLane&);
  const Outbound* in_memory(DeviceLane&, Seq);
  bool deliver(DeviceLane&, const Outbound&);
  void cannot_take(DeviceLane&, const Outbound&);
  void turn_green_if_drained(DeviceLane&);
  void forget_delivered();
  static asio::awaitable<void> read_page(std::shared_ptr<Client>, Device);

  Services& services_;
  Clients& clients_;
  const Permalink permalink_;
  const Strand strand_;

  Turn loading_;
  bool loaded_ = false;
  std::optional<Standing> identity_;  // in force; none: not known
  EventId identity_event_;            // that brought it

  bool shown_online_ = false;  // by its presence

  Turn admitting_;
  std::vector<std::unique_ptr<DeviceLane>> devices_;  // by label

  lane::OutLane out_;
  std::list<Outbound> recent_;  // the newest of the out-lane, for devices that keep up
  std::size_t recent_bytes_ = 0;
  Gate settled_;  // opened when an append of ours has succeeded or failed

  WorkQueue<Update> updates_;
  std::size_t backlog_ = 0;  // messages that wait for the bot
  WorkQueue<Intent> intents_;
  Introduced introduced_;
};

}  // namespace sealpost::pipeline

SEALPOST_ERROR_CODES(sealpost::pipeline::Errc);
