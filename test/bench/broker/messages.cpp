// Messages in a closed loop: a publisher has so many under way, and publishes the next when one has been delivered to
// all that subscribe and its handshakes are over, with the publisher and with each subscriber. So no server need ever
// drop anything or leave handshakes for later, and whatever is lost, doubled, out of order or not acknowledged counts
// as a fault.

#include <string.h>
#include <unistd.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/broker/connection.hpp"
#include "bench/broker/measure.hpp"
#include "bench/broker/modes.hpp"

namespace sealpost::bench {

namespace {

constexpr double drain_seconds_max = 10;
constexpr double drain_seconds_max_faulty = 1;  // what was lost will not come

// The payload begins with this and ends with the sequence once more.
struct Stamp {
  std::int64_t sent_ns = 0;
  std::uint64_t sequence = 0;
  std::uint32_t publisher = 0;
  std::uint32_t slot = 0;
};

class Publisher;
class Subscriber;

struct Faults {
  std::uint64_t lost = 0;     // gaps in what a subscriber got of a publisher
  std::uint64_t doubled = 0;  // or late
  std::uint64_t garbled = 0;  // of another size, QoS or content
  std::uint64_t handshake = 0;
  std::uint64_t total() const { return lost + doubled + garbled + handshake; }
};

struct Run {
  explicit Run(const Options& asked) : options(asked) {}
  const Options& options;
  Reactor reactor;
  std::vector<std::unique_ptr<Publisher>> publishers;
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  std::size_t deliveries_each = 1;  // of a message
  std::size_t ready = 0;            // connections
  std::size_t idle_slots = 0;
  bool publishing = false;
  bool measuring = false;
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  Histogram latency;
  Faults faults;
};

// A connection of the run, up to CONNACK.
class Client : public Connection {
 public:
  Client(Run& run, std::string id) : Connection(run.reactor), run_(run), id_(std::move(id)) {}

 protected:
  void on_open() override { outgoing() += connect_packet(run_.options.protocol, id_); }
  void on_packet(const Packet& packet) override {
    if (packet.kind == Kind::connack) {
      if (reason_of(packet) != 0) give_up("a connection was refused with {}", reason_of(packet));
      return on_connected();
    }
    if (packet.kind == Kind::disconnect) give_up("the server disconnected with {}", reason_of(packet));
    on_message(packet);
  }
  virtual void on_connected() = 0;
  virtual void on_message(const Packet& packet) = 0;

  Run& run_;

 private:
  std::string id_;
};

class Publisher final : public Client {
 public:
  Publisher(Run& run, std::uint32_t index, const std::string& topic)
      : Client(run, fmt::format("load-{}-p{}", ::getpid(), index)),
        form_(publish_form(run.options.protocol, topic, run.options.qos, run.options.payload_bytes)),
        index_(index),
        slots_(run.options.window) {
    for (std::size_t i = slots_.size(); i > 0; --i) idle_.push_back(static_cast<std::uint32_t>(i - 1));
    run.idle_slots += slots_.size();
  }

  void publish() {
    const std::int64_t sent_ns = now_ns();
    while (!idle_.empty()) {
      publish_in(idle_.back(), sent_ns);
      idle_.pop_back();
    }
  }

  void delivered(const Stamp& stamp) {
    Slot& slot = slots_[stamp.slot];
    if (slot.deliveries == 0 || slot.sequence != stamp.sequence) {
      ++run_.faults.doubled;
      return;
    }
    --slot.deliveries;
    finish(stamp.slot);
  }

 private:
  struct Slot {
    std::uint64_t sequence = 0;
    std::size_t deliveries = 0;         // to come
    Kind acknowledgement = Kind::none;  // to come next
  };

  void on_connected() override { ++run_.ready; }

  void on_message(const Packet& packet) override {
    if (packet.kind < Kind::puback || packet.kind > Kind::pubcomp) give_up("a publisher got an unexpected packet");
    const std::size_t number = number_at(packet.body, 0);
    const bool known = number > 0 && number <= slots_.size();
    if (!known || slots_[number - 1].acknowledgement != packet.kind || reason_of(packet) >= 0x80) {
      ++run_.faults.handshake;
      return;
    }
    const auto place = static_cast<std::uint32_t>(number - 1);
    if (packet.kind == Kind::pubrec) {
      append_acknowledgement(outgoing(), Kind::pubrel, static_cast<std::uint16_t>(number));
      slots_[place].acknowledgement = Kind::pubcomp;
    } else {
      slots_[place].acknowledgement = Kind::none;
      finish(place);
    }
  }

  void publish_in(std::uint32_t place, std::int64_t sent_ns) {
    constexpr Kind first[] = {Kind::none, Kind::puback, Kind::pubrec};
    slots_[place] = {next_sequence_++, run_.deliveries_each, first[run_.options.qos]};
    const Stamp stamp{sent_ns, slots_[place].sequence, index_, place};
    std::string& packet = form_.packet;
    if (form_.id_at > 0) put_number(packet, form_.id_at, static_cast<std::uint16_t>(place + 1));
    ::memcpy(packet.data() + form_.payload_at, &stamp, sizeof stamp);
    ::memcpy(packet.data() + packet.size() - sizeof stamp.sequence, &stamp.sequence, sizeof stamp.sequence);
    outgoing() += packet;
    ++run_.published;
    --run_.idle_slots;
  }

  void finish(std::uint32_t place) {
    if (slots_[place].deliveries > 0 || slots_[place].acknowledgement != Kind::none) return;
    idle_.push_back(place);
    ++run_.idle_slots;
    if (run_.publishing) publish();
  }

  PublishForm form_;
  const std::uint32_t index_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> idle_;
  std::uint64_t next_sequence_ = 0;
};

class Subscriber final : public Client {
 public:
  Subscriber(Run& run, std::size_t index, std::string filter)
      : Client(run, fmt::format("load-{}-s{}", ::getpid(), index)),
        filter_(std::move(filter)),
        expected_(run.publishers.size()) {}

  void ping() { outgoing() += pingreq_packet; }
  std::size_t open_handshakes() const { return unreleased_.size(); }

 private:
  void on_connected() override {
    outgoing() += subscribe_packet(run_.options.protocol, 1, {filter_}, run_.options.qos);
  }

  void on_message(const Packet& packet) override {
    if (packet.kind == Kind::publish) {
      on_publish(delivery_of(packet, run_.options.protocol));
    } else if (packet.kind == Kind::pubrel) {
      on_release(number_at(packet.body, 0));
    } else if (packet.kind == Kind::suback) {
      if (!granted(packet, run_.options.protocol, 1, run_.options.qos)) give_up("a subscription was refused");
      ++run_.ready;
    } else if (packet.kind == Kind::pingresp) {
      ++run_.ready;
    } else {
      give_up("a subscriber got an unexpected packet");
    }
  }

  void on_publish(const Delivery& delivery) {
    constexpr Kind acknowledgements[] = {Kind::none, Kind::puback, Kind::pubrec};
    if (delivery.qos != run_.options.qos || delivery.payload.size() != run_.options.payload_bytes) {
      ++run_.faults.garbled;
      return;
    }
    if (delivery.qos > 0) append_acknowledgement(outgoing(), acknowledgements[delivery.qos], delivery.id);
    const Stamp stamp = stamp_of(delivery.payload);
    if (!is_next(stamp)) return;
    ++run_.delivered;
    if (run_.measuring) run_.latency.add(received_ns() - stamp.sent_ns);
    if (delivery.qos < 2) {
      run_.publishers[stamp.publisher]->delivered(stamp);
    } else if (!unreleased_.emplace(delivery.id, stamp).second) {
      ++run_.faults.handshake;
    }
  }

  // One of a publisher that does not exist, if the payload is not as it was sent.
  static Stamp stamp_of(std::string_view payload) {
    Stamp stamp;
    std::uint64_t again = 0;
    ::memcpy(&stamp, payload.data(), sizeof stamp);
    ::memcpy(&again, payload.data() + payload.size() - sizeof again, sizeof again);
    if (again != stamp.sequence) stamp.publisher = UINT32_MAX;
    return stamp;
  }

  bool is_next(const Stamp& stamp) {
    if (stamp.publisher >= expected_.size() || stamp.slot >= run_.options.window) {
      ++run_.faults.garbled;
      return false;
    }
    std::uint64_t& expected = expected_[stamp.publisher];
    if (stamp.sequence < expected) {
      ++run_.faults.doubled;
      return false;
    }
    run_.faults.lost += stamp.sequence - expected;
    expected = stamp.sequence + 1;
    return true;
  }

  void on_release(std::uint16_t id) {
    append_acknowledgement(outgoing(), Kind::pubcomp, id);
    const auto found = unreleased_.find(id);
    if (found == unreleased_.end()) {
      ++run_.faults.handshake;
      return;
    }
    const Stamp stamp = found->second;
    unreleased_.erase(found);
    run_.publishers[stamp.publisher]->delivered(stamp);
  }

  const std::string filter_;
  std::unordered_map<std::uint16_t, Stamp> unreleased_;  // QoS 2: PUBREC sent, PUBREL to come
  std::vector<std::uint64_t> expected_;                  // by publisher
};

void make_clients(Run& run) {
  const Options& options = run.options;
  const std::size_t publishers = options.shape == Shape::fan_out ? 1 : options.peers;
  const std::size_t subscribers = options.shape == Shape::fan_in ? 1 : options.peers;
  const auto topic = [](std::size_t i) { return fmt::format("bench/{}/state", i); };
  for (std::uint32_t i = 0; i < publishers; ++i) {
    run.publishers.push_back(std::make_unique<Publisher>(run, i, topic(i)));
  }
  for (std::size_t i = 0; i < subscribers; ++i) {
    const std::string filter = options.shape == Shape::fan_in    ? "bench/+/state"
                               : options.shape == Shape::fan_out ? topic(0)
                                                                 : topic(i);
    run.subscribers.push_back(std::make_unique<Subscriber>(run, i, filter));
  }
  run.deliveries_each = options.shape == Shape::fan_out ? subscribers : 1;
}

void connect_all(Run& run) {
  const Endpoint endpoint = endpoint_of(run.options.host, run.options.port, run.options.tls);
  std::vector<Connection*> all;
  for (const auto& subscriber : run.subscribers) all.push_back(subscriber.get());
  for (const auto& publisher : run.publishers) all.push_back(publisher.get());
  dial_all(run.reactor, endpoint, all, 50, [&run] { return run.ready; });
}

struct Interval {
  double seconds = 0;
  double server_cpu_us = 0;
  double own_cpu_us = 0;
  std::uint64_t delivered = 0;
};

Interval reading(const Run& run) {
  const double server_cpu_us = run.options.pid > 0 ? cpu_us_of(run.options.pid) : 0;
  return {static_cast<double>(now_ns()) / 1e9, server_cpu_us, own_cpu_us(), run.delivered};
}

Interval measure(Run& run) {
  const auto never = [] { return false; };
  run.publishing = true;
  for (const auto& publisher : run.publishers) publisher->publish();
  run.reactor.run_until(now_ns() + ns_of(run.options.warm_up_seconds), never);
  const Interval before = reading(run);
  run.measuring = true;
  const std::uint64_t enough = run.options.messages > 0 ? run.delivered + run.options.messages : UINT64_MAX;
  run.reactor.run_until(now_ns() + ns_of(run.options.seconds), [&] { return run.delivered >= enough; });
  run.measuring = false;
  const Interval after = reading(run);
  run.publishing = false;
  return {after.seconds - before.seconds, after.server_cpu_us - before.server_cpu_us,
          after.own_cpu_us - before.own_cpu_us, after.delivered - before.delivered};
}

std::size_t open_handshakes(const Run& run) {
  std::size_t open = 0;
  for (const auto& subscriber : run.subscribers) open += subscriber->open_handshakes();
  return open;
}

// Until nothing is under way. What was sent twice would come before the answer to a ping.
bool drain(Run& run) {
  const std::size_t slots = run.publishers.size() * run.options.window;
  const double seconds_max = run.faults.total() > 0 ? drain_seconds_max_faulty : drain_seconds_max;
  const std::int64_t deadline_ns = now_ns() + ns_of(seconds_max);
  const auto over = [&] { return run.idle_slots == slots && open_handshakes(run) == 0; };
  if (!run.reactor.run_until(deadline_ns, over)) {
    fmt::print(stderr, "broker_load: {} of {} messages under way and {} QoS 2 deliveries did not end\n",
               slots - run.idle_slots, slots, open_handshakes(run));
    return false;
  }
  run.ready = 0;
  for (const auto& subscriber : run.subscribers) subscriber->ping();
  return run.reactor.run_until(deadline_ns, [&] { return run.ready == run.subscribers.size(); });
}

void disconnect_all(Run& run) {
  for (const auto& publisher : run.publishers) publisher->outgoing() += disconnect_packet;
  for (const auto& subscriber : run.subscribers) subscriber->outgoing() += disconnect_packet;
  run.reactor.run_until(now_ns(), [] { return false; });
}

std::string_view name_of(Shape shape) {
  return shape == Shape::pairs ? "pairs" : shape == Shape::fan_out ? "fan-out" : "fan-in";
}

void report(const Run& run, const Interval& interval, bool right) {
  const Options& options = run.options;
  const double delivered = static_cast<double>(interval.delivered);
  JsonLine line;
  line.text("mode", "messages").text("shape", name_of(options.shape)).count("qos", options.qos);
  line.count("payload", options.payload_bytes).count("window", options.window);
  line.count("publishers", run.publishers.size()).count("subscribers", run.subscribers.size());
  line.number("seconds", interval.seconds).number("per_second", delivered / interval.seconds);
  line.number("p50_us", run.latency.quantile_us(0.5)).number("p99_us", run.latency.quantile_us(0.99));
  line.number("p999_us", run.latency.quantile_us(0.999));
  line.number("server_cpu_us", interval.server_cpu_us / delivered);
  line.number("server_cores", interval.server_cpu_us / 1e6 / interval.seconds);
  line.number("load_cpu_us", interval.own_cpu_us / delivered);
  line.number("load_cores", interval.own_cpu_us / 1e6 / interval.seconds);
  line.count("published", run.published).count("delivered", run.delivered);
  line.count("lost", run.faults.lost).count("doubled", run.faults.doubled);
  line.count("garbled", run.faults.garbled).count("handshake_faults", run.faults.handshake);
  line.truth("ok", right).print();
}

}  // namespace

bool run_messages(const Options& options) {
  Run run(options);
  make_clients(run);
  connect_all(run);
  const Interval interval = measure(run);
  const bool drained = drain(run);
  const bool complete = run.delivered == run.published * run.deliveries_each;
  const bool right = drained && complete && run.faults.total() == 0 && interval.delivered > 0;
  if (!right) {
    fmt::print(stderr, "broker_load: NOT TO BE TRUSTED: {} of {} deliveries, {}drained, {} faults\n", run.delivered,
               run.published * run.deliveries_each, drained ? "" : "not ", run.faults.total());
  }
  disconnect_all(run);
  report(run, interval, right);
  return right;
}

}  // namespace sealpost::bench
