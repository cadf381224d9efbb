// A publisher and a subscriber that come and go, a server that crashes at any commit, a disk that fails at times: QoS 2
// arrives exactly once, QoS 1 at least once, both in order, and in the end nothing is left of it.

#include <rapidcheck.h>

#include <map>
#include <set>

#include "broker/client.hpp"

using namespace sealpost;
using namespace sealpost::broker::test;

namespace {

// Sends numbered messages, QoS 1 and 2 by turns, and sees each through as a client has to (5.0 section 4.4).
class Publisher {
 public:
  Publisher(Stage& stage, Version version) : client_(stage, "p", version) {}

  void connect() {
    client_.connect(lasting());
    for (const Flow& flow : flows_) send(flow, true);
  }
  void publish() {
    Flow flow{free_id(), ++count_, false};
    flows_.push_back(flow);
    send(flow, false);
  }
  // Looks at the next packet. False: there is none.
  bool look() {
    const auto packet = client_.next();
    if (!packet) return false;
    if (const auto* const puback = std::get_if<mqtt::Puback>(&*packet)) end(puback->packet_id, puback->reason);
    if (const auto* const pubcomp = std::get_if<mqtt::Pubcomp>(&*packet)) end(pubcomp->packet_id, ReasonCode::success);
    if (const auto* const pubrec = std::get_if<mqtt::Pubrec>(&*packet)) release(*pubrec);
    return true;
  }
  bool is_done() const { return flows_.empty(); }
  bool is_busy() const { return flows_.size() >= 8; }
  int count() const { return count_; }
  Client& client() { return client_; }
  static Qos qos_of(int number) { return number % 2 == 0 ? Qos::exactly_once : Qos::at_least_once; }

 private:
  struct Flow {
    PacketId id;
    int number;
    bool released;
  };

  // As low as may be, so that each is used again soon.
  PacketId free_id() const {
    PacketId id = 1;
    while (std::ranges::any_of(flows_, [id](const Flow& flow) { return flow.id == id; })) ++id;
    return id;
  }
  void send(const Flow& flow, bool again) {
    if (flow.released) return client_.pubrel(flow.id);
    const std::string text = std::to_string(flow.number);
    mqtt::Publish publish;
    publish.topic = "t";
    publish.payload = as_bytes(text);
    publish.qos = qos_of(flow.number);
    publish.packet_id = flow.id;
    publish.dup = again;
    client_.send_publish(publish);
  }
  void end(PacketId id, ReasonCode reason) {
    RC_ASSERT(!is_failure(reason));
    std::erase_if(flows_, [id](const Flow& flow) { return flow.id == id; });
  }
  void release(const mqtt::Pubrec& pubrec) {
    RC_ASSERT(!is_failure(pubrec.reason));
    for (Flow& flow : flows_)
      if (flow.id == pubrec.packet_id) flow.released = true;
    client_.pubrel(pubrec.packet_id);
  }

  Client client_;
  std::vector<Flow> flows_;
  int count_ = 0;
};

class Subscriber {
 public:
  Subscriber(Stage& stage, Version version) : client_(stage, "s", version) {}

  void connect() { RC_ASSERT(client_.connect(lasting()).session_present); }
  bool look() {
    const auto packet = client_.next();
    if (!packet) return false;
    if (const auto* const publish = std::get_if<mqtt::Publish>(&*packet)) take(*publish);
    if (const auto* const pubrel = std::get_if<mqtt::Pubrel>(&*packet)) {
      held_.erase(pubrel->packet_id);
      client_.pubcomp(pubrel->packet_id);
    }
    return true;
  }
  const std::vector<int>& got(Qos qos) { return got_[qos]; }
  Client& client() { return client_; }

 private:
  void take(const mqtt::Publish& publish) {
    const int number = std::stoi(text_of(publish));
    if (publish.qos == Qos::at_least_once) {
      got_[publish.qos].push_back(number);
      return client_.puback(publish.packet_id);
    }
    if (held_.insert(publish.packet_id).second) got_[publish.qos].push_back(number);
    client_.pubrec(publish.packet_id);
  }

  Client client_;
  std::set<PacketId> held_;
  std::map<Qos, std::vector<int>> got_;
};

struct Play {
  explicit Play(Version version) : publisher(stage, version), subscriber(stage, version) {
    subscriber.client().connect(lasting());
    subscriber.client().subscribe("t");
    publisher.connect();
    stage.settle();
  }

  void act(int what) {
    if (what < 30 && !publisher.is_busy()) return publisher.publish();
    if (what < 55) return static_cast<void>(stage.commit());
    if (what < 70) return static_cast<void>(publisher.look());
    if (what < 85) return static_cast<void>(subscriber.look());
    if (what < 89) return publisher.client().lose();
    if (what < 93) return subscriber.client().lose();
    if (what < 96) return stage.crash();
    if (what < 98 && faulty) return stage.log.fail_next(log::Errc::overloaded);
  }
  void come_back() {
    if (publisher.client().is_closed()) publisher.connect();
    if (subscriber.client().is_closed()) subscriber.connect();
  }
  bool go_on() {
    come_back();
    bool moved = stage.commit(100) > 0;
    while (publisher.look()) moved = true;
    while (subscriber.look()) moved = true;
    return moved || !publisher.is_done();
  }
  void finish() {
    stage.log.fail_next(log::Errc::overloaded, 0);
    for (int rounds = 0; go_on(); ++rounds) RC_ASSERT(rounds < 1'000);
  }

  Stage stage;
  Publisher publisher;
  Subscriber subscriber;
  bool faulty = false;
};

std::vector<int> numbers(int count, Qos qos) {
  std::vector<int> all;
  for (int number = 1; number <= count; ++number)
    if (Publisher::qos_of(number) == qos) all.push_back(number);
  return all;
}

std::vector<int> first_of_each(const std::vector<int>& got) {
  std::vector<int> firsts;
  std::set<int> seen;
  for (const int number : got)
    if (seen.insert(number).second) firsts.push_back(number);
  return firsts;
}

void play(bool faulty) {
  Play play(*rc::gen::element(Version::v5, Version::v311));
  play.faulty = faulty;
  for (const int what : *rc::gen::container<std::vector<int>>(150, rc::gen::inRange(0, 98))) {
    play.act(what);
    play.come_back();
  }
  play.finish();
  const int count = play.publisher.count();
  std::vector<int> once = play.subscriber.got(Qos::exactly_once);
  std::vector<int> firsts = first_of_each(play.subscriber.got(Qos::at_least_once));
  if (faulty) {  // one whose commit failed comes again, behind those that had been on their way already
    std::ranges::sort(once);
    std::ranges::sort(firsts);
  }
  RC_ASSERT(once == numbers(count, Qos::exactly_once));
  RC_ASSERT(firsts == numbers(count, Qos::at_least_once));
  if (faulty) play.stage.crash();  // what could not be removed is found then
  if (faulty) play.finish();
  const auto state = play.stage.stored();
  RC_ASSERT(state.sessions.size() == 2U);
  RC_ASSERT(state.deliveries.empty());
  RC_ASSERT(state.messages.empty());
  RC_ASSERT(state.received.empty());
}

}  // namespace

TEST_CASE("QoS 2 exactly once, QoS 1 at least once, in order, over losses and crashes") {
  REQUIRE(rc::check([] { play(false); }));
}

TEST_CASE("QoS 2 exactly once, QoS 1 at least once, also when commits fail at times") {
  REQUIRE(rc::check([] { play(true); }));
}
