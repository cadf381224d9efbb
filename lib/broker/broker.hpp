#pragma once
// The broker: sessions, subscriptions and retained messages of ordinary MQTT, and the way of a message from one to the
// others. It knows nothing of sockets: each connection is an Outlet to it.
//
// What must survive a restart goes to the log's database, in the log's own group commits, and is acknowledged after
// that: what a session that outlives its connection is promised (messages at QoS 1 and 2, its subscriptions), the
// packet ids that it has given to QoS 2 messages, and retained messages. Sessions that end with their connection cost
// no write.
//
// It ends before the io_context, since its sessions' connections need that, and after the log has stopped.
//
// Threads: any. Mutexes in this order: the tree, a session, its outlet; the registry and the retained messages are
// leaves. What follows a commit runs on one strand, in the order of the commits.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/counters.hpp"
#include "base/ports.hpp"
#include "broker/limits.hpp"
#include "broker/rows.hpp"
#include "broker/session.hpp"
#include "log/event_log.hpp"
#include "mqtt/packet.hpp"
#include "mqtt/retained.hpp"
#include "mqtt/topic_tree.hpp"

namespace sealpost::broker {

namespace asio = boost::asio;

// How a connection opens a session.
struct Opening {
  std::string key;
  bool clean_start = true;
  std::uint32_t expiry = 0;  // seconds
  std::optional<Will> will{};
  std::shared_ptr<const Access> access{};
};

// How a message matched the subscriptions of a session.
struct Match {
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::vector<std::uint32_t> identifiers{};
};

// What became of a message at once.
struct Routed {
  struct Target {
    SessionPtr session;
    Match match;
  };
  bool matched = false;                       // somebody gets it
  mqtt::RetainedStore::Version retained = 0;  // the change of what is retained, to be written
  std::vector<Target> durable{};              // who get it once that is on disk
};

class Broker {
 public:
  struct Ports {
    asio::io_context::executor_type executor;
    log::EventLog& log;
    Clock& clock;
    Timers& timers;
    LogSink& sink;
    Counters& counters;
  };
  using Done = std::function<void(const ErrorCode&)>;

  Broker(const Ports& ports, const Limits& limits);
  ~Broker();

  // What the database has of earlier lives of the server. Before the first connection. `access_of`: of the session with
  // such a key, until its client is back.
  using AccessOf = std::function<std::shared_ptr<const Access>(const std::string& key)>;
  void restore(const log::MqttState&, const AccessOf& access_of);

  // A connection takes its session, a new one or one that waits for it; the connection that has it is dismissed. `use`
  // is called with it under its mutex, attached (Session::state tells whether it was present); it answers the client
  // and gives the outlet, or null where that has failed. Null if there are too many sessions.
  using Use = std::function<std::shared_ptr<Outlet>(const SessionPtr&)>;
  SessionPtr open(const Opening&, const Use& use, Wakes&);
  // The client has said goodbye: without `keep_will` its will is deleted; `expiry`, in seconds, if it has set that.
  void say_goodbye(Session&, const Outlet*, bool keep_will, std::optional<std::uint32_t> expiry) const;
  // The connection is over.
  void close(const SessionPtr&, const Outlet*);
  // What a client asks for, in seconds, made no longer than allowed.
  std::uint32_t capped(std::uint32_t expiry) const;

  // Answers each request; `answered` is called once they hold for good, on this thread or on the strand of the commits.
  using Answered = std::function<void(std::vector<mqtt::ReasonCode>)>;
  void subscribe(const SessionPtr&, const mqtt::Subscribe&, Answered);
  void unsubscribe(const SessionPtr&, const mqtt::Unsubscribe&, Answered);

  // Why a message may not be published by that session, if so.
  std::optional<mqtt::ReasonCode> objection_to(const mqtt::Message&, Session& publisher);
  // Gives the message to everyone who gets it without a commit. Then commit() if it needs_commit().
  Routed route(const mqtt::MessagePtr&, Wakes&);
  static bool needs_commit(const mqtt::Message&, const Routed&, const Session* publisher);
  // Makes durable what has to be, gives the message to the others, and tells: it is the server's now. `received`: the
  // packet id of a QoS 2 message, which the publisher's session keeps.
  void commit(const mqtt::MessagePtr&, Routed, const SessionPtr& publisher, mqtt::PacketId received, Done);
  // What is retained on the topics that match.
  std::vector<mqtt::MessagePtr> retained(std::string_view filter);
  // Retains a message of the server that need not outlive it.
  void keep(const mqtt::MessagePtr&);
  // route() and commit(), of a message by the server itself, such as a will.
  void publish(const mqtt::MessagePtr&);

  // A QoS 2 message is released by its publisher. True if it hears of that later, by `done`; false: at once.
  bool release(const Session& publisher, mqtt::PacketId, Done);
  // A subscriber has a QoS 2 message, which will not be sent again. The same.
  bool received(Session&, std::uint64_t number, Done);
  // What has become of a QoS 2 message of the client: its PUBREC goes out by the connection that the session has now.
  // None: it could not be stored.
  static void decide_received(Session&, mqtt::PacketId, std::optional<mqtt::ReasonCode>);
  // A delivery is acknowledged, and the next may go.
  void settled(Session&, std::uint64_t number, Wakes&);
  // A delivery is given up: expired, forbidden, or too large for its client. Under the session's mutex.
  void forgo(const Session&, const mqtt::Delivery&);
  // A QoS 2 delivery is released without having been sent again. `done` hears when that is stored, if it is at all.
  // Under the session's mutex.
  void released(const Session&, mqtt::Delivery&, Done done = {});

  // The rules have changed: each session gets the access that it has now. What it may no longer receive it is not sent;
  // its subscriptions are looked at when it is resumed.
  void renew_access(const AccessOf& access_of);

  // Takes no more messages from now on.
  void stop_taking() { stopping_.store(true, std::memory_order_relaxed); }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  // Whether something that was taken is not on disk, or not answered.
  bool busy() const { return commits_pending_.load() > 0; }
  // Tells all clients.
  void dismiss_all(mqtt::ReasonCode reason, std::string_view why);

  const Limits& limits() const { return limits_; }
  const Ports& ports() const { return ports_; }
  Millis now() const { return ports_.clock.steady_us() / 1000; }

 private:
  struct Entry {
    SessionPtr session;
    mqtt::Subscription subscription;
  };
  // The members of a shared subscription (5.0 section 4.8.2) take turns.
  struct Share {
    std::string name;
    std::vector<Entry> members;
    std::unique_ptr<std::atomic<std::uint32_t>> turn = std::make_unique<std::atomic<std::uint32_t>>(0);
  };
  struct Filter {
    std::vector<Entry> entries;
    std::vector<Share> shares;
    bool empty() const { return entries.empty() && shares.empty(); }
  };

  // broker_sessions.cpp
  SessionPtr find(const std::string& key);
  std::vector<SessionPtr> all();
  bool resume(const SessionPtr&, const Opening&, const Use&, Wakes&);
  SessionPtr begin(const Opening&, const Use&, Wakes&, bool& full);
  void settle_in(const SessionPtr&, const Opening&, const Use&, Wakes&);
  SessionPtr in_use(SessionPtr);
  void store(const SessionPtr&);
  std::vector<std::string> leave_forbidden(Session&, log::MqttWrites&);
  void end(const SessionPtr&);
  void watch_expiry(const SessionPtr&);
  void delay_will(const SessionPtr&);
  static std::optional<Will> take_will(Session&);
  void send_will(std::optional<Will>);
  void restore_session(const log::MqttSession&, std::shared_ptr<const Access>, const Moment&);
  void restore_deliveries(const log::MqttState&, const std::map<std::int64_t, SessionPtr>& by_id,
                          std::set<std::int64_t>& gone, const Moment&);
  void restore_retained(const log::MqttState&, const Moment&, log::MqttWrites&);

  // broker_subscriptions.cpp
  mqtt::ReasonCode subscribe_one(const SessionPtr&, const mqtt::SubscriptionRequest&, std::uint32_t identifier,
                                 bool& is_new, Wakes&);
  mqtt::ReasonCode take_subscription(const SessionPtr&, const mqtt::SubscriptionRequest&, const mqtt::Subscription&,
                                     bool& is_new);
  static std::size_t cost_of(std::string_view filter);
  bool has_room_for(const Session&, std::string_view filter) const;
  void enter_tree(const SessionPtr&, std::string_view filter, const mqtt::Subscription&);
  void leave_tree(const Session&, std::string_view filter);
  bool leave(Session&, std::string_view filter);
  void send_retained(const SessionPtr&, std::string_view filter, const mqtt::Subscription&, Wakes&);

  void match_retained(std::string_view filter, const std::function<void(const mqtt::MessagePtr&)>& visit);

  // broker.cpp
  static bool wants(const Entry&, const mqtt::Message&);
  static Match match_of(const mqtt::Subscription&, const mqtt::Message&);
  bool give(const SessionPtr&, Match, const mqtt::MessagePtr&, Routed&, Wakes&);
  void give_overlapping(std::span<Filter* const>, const mqtt::MessagePtr&, Routed&, Wakes&);
  void give_share(Share&, const mqtt::MessagePtr&, Routed&, Wakes&);
  bool add(Session&, mqtt::Delivery, Wakes&);
  std::uint64_t reserve(Session&, const Match&, const mqtt::MessagePtr&, Stored&, log::MqttWrites&);
  void deliver(const mqtt::MessagePtr&, const std::vector<Routed::Target>&, const std::vector<std::uint64_t>& numbers,
               const std::shared_ptr<Stored>&, bool stands);
  void sweep_if_ended(Session&);
  void count_dropped(const Session&);
  void write(log::MqttWrites, Done = nullptr);
  Moment moment() const { return {now(), ports_.clock.now()}; }

  const Ports ports_;
  const Limits limits_;
  asio::strand<asio::io_context::executor_type> commits_;

  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> commits_pending_{0};

  std::mutex registry_mutex_;  // a leaf
  std::unordered_map<std::string, SessionPtr> sessions_;
  std::atomic<mqtt::PublisherId> last_session_{0};
  std::atomic<std::int64_t> last_message_{0};

  std::shared_mutex tree_mutex_;
  mqtt::TopicTree<Filter> tree_;

  std::mutex retained_mutex_;  // a leaf, but for the log's queue: so that both have the same order
  mqtt::RetainedStore retained_;
  Millis retained_swept_at_ = 0;  // for what has expired; 0: never
};

}  // namespace sealpost::broker
