// Lanes, positions and windows beside the reference model: whatever happens in whatever order, their answers are its
// own.

#include <catch2/catch.hpp>

#include "lane/model_world.hpp"

using namespace sealpost;
using namespace sealpost::lane;
using namespace sealpost::lane::test;

namespace {

int draw(int below) {
  return *rc::gen::inRange(0, below);
}

// The first is the usual one, to which a counterexample shrinks.
template <class Choice>
Choice usually(int odds, std::initializer_list<Choice> choices) {
  const int drawn = draw(odds * static_cast<int>(choices.size()));
  return drawn < static_cast<int>(choices.size()) ? *(choices.begin() + drawn) : *choices.begin();
}

// Commands about one device.
struct OfDevice : Command {
  std::size_t which = static_cast<std::size_t>(draw(labels.size()));
  std::ostream& line(std::ostream& os) const { return os << labels[which] << ": "; }
};

// A message arrives ---------------------------------------------------------------------------------------------------

struct Arrives : OfDevice {
  enum Place { next, again, beyond };
  enum Fault { none, malformed, too_large, foreign, unsigned_, of_old_epoch };
  enum Moment { in_time, as_the_last, at_the_limit, past_the_limit };
  Place place = usually(2, {next, again, again, beyond});
  int distance = draw(place == again ? 40 : 4);
  int version = usually(2, {0, 1});  // another one has another link
  bool wrong_q = usually(6, {false, true});
  Moment moment = usually(3, {in_time, as_the_last, at_the_limit, past_the_limit});
  Fault fault = usually(4, {none, malformed, too_large, foreign, unsigned_, of_old_epoch});

  model::Message message(const Owed& owed) const {
    const model::Device& device = owed.device(which);
    const auto head = device.in.head().n, back = std::min<model::Number>(head, static_cast<model::Number>(distance));
    model::Message message;
    message.well_formed = fault != malformed;
    message.fits = fault != too_large;
    message.own_author = fault != foreign;
    message.signature_holds = fault != unsigned_;
    message.epoch = device.epoch - (fault == of_old_epoch ? 1 : 0);
    message.n = place == next || head == 0 ? head + 1 : place == again ? head - std::min(back, head - 1) : head + 2;
    if (place == beyond) message.n = head + 2 + static_cast<model::Number>(distance);
    message.link = std::to_string(message.n) + "." + std::to_string(version);
    message.q = wrong_q ? "wrong" : device.in.at(std::min(message.n - 1, head)).link;
    message.time = time(owed.now, device.in.last());
    message.to = "server";
    return message;
  }
  Millis time(Millis now, Millis last) const {
    if (moment == as_the_last) return std::max<Millis>(1, last);
    if (moment == in_time) return std::max(now, last + 1);
    return std::max(now + 10'000, last + 1) + (moment == past_the_limit ? 1 : 0);
  }
  static Facts facts(const model::Message& message) {
    Facts facts;
    if (!message.well_formed) facts.form = Form::malformed;
    if (!message.fits) facts.form = Form::too_large;
    if (!message.signature_holds) facts.authorship = Authorship::bad_signature;
    if (!message.own_author) facts.authorship = Authorship::unknown_author;
    facts.n = {message.n};
    facts.q = link_for(message.q);
    facts.link = link_for(message.link);
    facts.time = message.time;
    facts.epoch = {message.epoch};
    return facts;
  }

  void checkPreconditions(const Owed& owed) const override {
    RC_PRE(owed.connected.contains(which));
    RC_PRE(!owed.device(which).in.failed || owed.failing.contains(which));
  }
  void apply(Owed& owed) const override {
    const model::Message arrived = message(owed);
    model::Device& device = owed.device(which);
    if (decide(device, arrived, owed.now).answer == model::Answer::accept) device.in.messages.push_back(arrived);
  }
  void run(const Owed& owed, Lanes& lanes) const override {
    const model::Message arrived = message(owed);
    const model::Verdict verdict = model::decide(owed.device(which), arrived, owed.now);
    const Facts facts = this->facts(arrived);
    Live& lane = lanes.live.at(which);
    Decision decision = lane::decide(lane.in, facts, owed.now);
    if (decision.outcome == Outcome::duplicate_old) {
      const Link stored = lanes.disk.devices.at(which).in.at(facts.n.value - 1);
      decision = judge_stored(facts, {stored, receipt_of(facts.n)});
    }
    compare(decision, verdict, facts);
    if (decision.outcome != Outcome::accept) return;
    take(lane.in, facts);
    lane.on_the_way.push_back(facts);
  }
  static void compare(const Decision& decision, const model::Verdict& verdict, const Facts& facts) {
    using model::Answer;
    static const std::map<Outcome, Answer> answers = {
        {Outcome::accept, Answer::accept},
        {Outcome::duplicate_durable, Answer::same_ack},
        {Outcome::duplicate_pending, Answer::ack_with_first},
        {Outcome::reject, Answer::reject},
        {Outcome::taken_over, Answer::taken_over},
        {Outcome::unavailable, Answer::not_now},
    };
    static const std::array codes = {"",     "malformed", "too_large", "unknown_author", "bad_signature",
                                     "shut", "fork",      "gap",       "clock",          "drain_first"};
    RC_ASSERT(answers.at(decision.outcome) == verdict.answer);
    RC_ASSERT(decision.is_security_event() == verdict.suspicious());
    if (verdict.answer == Answer::reject)
      RC_ASSERT(std::string(name(decision.code)) == codes.at(static_cast<std::size_t>(verdict.code)));
    RC_ASSERT(decision.expected.has_value() == verdict.expected.has_value());
    if (verdict.expected) {
      RC_ASSERT(decision.expected->n.value == verdict.expected->n);
      RC_ASSERT((decision.expected->q == link_for(verdict.expected->link)));
    }
    if (verdict.answer == Answer::same_ack) RC_ASSERT(decision.receipt.event == receipt_of(facts.n).event);
  }
  void show(std::ostream& os) const override {
    static const std::array places = {"the next message", "a message again", "a message too early"};
    static const std::array moments = {"", ", time of the last", ", time at the limit", ", time past the limit"};
    static const std::array faults = {"", ", malformed", ", too large", ", foreign", ", badly signed", ", old epoch"};
    line(os) << places[place] << " (" << distance << ")" << (version == 1 ? ", another one" : "")
             << (wrong_q ? ", wrong q" : "") << moments[moment] << faults[fault];
  }
};

struct Commits : OfDevice {
  void checkPreconditions(const Owed& owed) const override {
    RC_PRE(owed.connected.contains(which));
    RC_PRE(owed.device(which).in.durable < owed.device(which).in.messages.size());
  }
  void apply(Owed& owed) const override { owed.server.commit(anna, labels[which]); }
  void run(const Owed& owed, Lanes& lanes) const override {
    lanes.finish(which);
    RC_ASSERT(lanes.live[which].in.durable().n.value == owed.device(which).in.durable + 1);
  }
  void show(std::ostream& os) const override { line(os) << "a commit"; }
};

struct Fails : Commits {
  void apply(Owed& owed) const override {
    model::InLane& in = owed.device(which).in;
    if (in.messages.size() > in.durable + 1) owed.failing.insert(which);
    in.fail();
  }
  void run(const Owed& owed, Lanes& lanes) const override {
    Live& lane = lanes.live[which];
    lane.in.fail_from(lane.on_the_way.front().n);
    lane.on_the_way.pop_front();
    const auto durable = owed.device(which).in.durable;
    RC_ASSERT((mark_for(owed.device(which).in.at(durable)) == Mark{lane.in.pending().n, lane.in.pending().link}));
  }
  void show(std::ostream& os) const override { line(os) << "a commit fails"; }
};

// A device connects ---------------------------------------------------------------------------------------------------

struct Connects : OfDevice {
  enum Word { true_, silent, false_, beyond };
  enum Naming { ours, earlier, strange };
  bool known = usually(4, {true, false});  // has a position
  Word sent = usually(3, {true_, silent, true_, silent, false_, beyond});
  Word received = usually(3, {true_, silent, true_, silent, false_, beyond});
  int sent_back = draw(4), received_back = draw(4);
  Naming naming = usually(2, {ours, earlier, strange});
  bool from_first = usually(3, {false, true});

  static std::optional<model::Mark> word(Word word, int back, model::Number head, auto at) {
    const auto distance = static_cast<model::Number>(back);
    if (word == silent) return std::nullopt;
    if (word == beyond) return model::Mark{head + 1 + distance, "beyond"};
    model::Mark mark = at(head - std::min(head, distance));
    if (word == false_ && mark.n > 0) mark.link = "false";
    return mark;
  }
  std::optional<model::Position> position(const Owed& owed) const {
    if (!known) return std::nullopt;
    model::Position position{owed.server.log, std::nullopt, std::nullopt};
    if (naming == strange) position.log = "log-x";
    const auto& restored = owed.server.restored;
    if (naming == earlier && !restored.empty()) position.log = restored.begin()->first;
    const model::InLane in = owed.knows(which) ? owed.device(which).in : model::InLane{};
    const model::Client& client = owed.client();
    position.sent = word(sent, sent_back, in.head().n, [&](model::Number n) { return in.at(n); });
    position.received = word(received, received_back, client.out.size(), [&](auto n) { return client.out_at(n); });
    return position;
  }
  // What is on its way has come to its end when the epoch is durable.
  void apply(Owed& owed) const override {
    if (owed.connected.contains(which)) {
      const model::InLane& in = owed.device(which).in;
      while (in.durable < in.messages.size()) owed.server.commit(anna, labels[which]);
    }
    owed.server.connect(anna, labels[which], position(owed), from_first);
    owed.connected.insert(which);
    owed.failing.erase(which);
  }
  void run(const Owed& owed, Lanes& lanes) const override {
    while (lanes.live.contains(which) && !lanes.live[which].on_the_way.empty()) lanes.finish(which);
    const Owed after = nextState(owed);
    const Settlement settlement = settle(expected_position(after, owed), lanes);
    compare(settlement, after);
    begin(settlement, lanes);
    RC_ASSERT(lanes.live[which].in.epoch().value == after.device(which).epoch);
  }
  // The position was drawn from the heads as they are when all is committed, which is what apply() sees too.
  std::optional<Position> expected_position(const Owed& after, const Owed& before) const {
    Owed committed = before;
    if (before.knows(which)) committed.device(which).in = after.device(which).in;
    const auto theirs = position(committed);
    if (!theirs) return std::nullopt;
    Position position{*Device::parse(theirs->log), std::nullopt, std::nullopt};
    if (theirs->sent) position.sent = mark_for(*theirs->sent);
    if (theirs->received) position.received = mark_for(*theirs->received);
    return position;
  }
  Settlement settle(const std::optional<Position>& position, const Lanes& lanes) const {
    const Disk& disk = lanes.disk;
    const auto stored = disk.devices.find(which);
    ServerView view{disk.log, disk.earlier, {}, Disk::mark(disk.out, disk.out.size()), std::nullopt, false, from_first};
    if (stored != disk.devices.end()) {
      view.in_head = Disk::mark(stored->second.in, stored->second.in.size());
      view.acked = stored->second.acked;
      view.shut = stored->second.shut;
    }
    const Wanted wanted = lane::wanted(position, view);
    Found found;
    if (wanted.in) found.in = Disk::mark(stored->second.in, wanted.in->value).link;
    if (wanted.out) found.out = Disk::mark(disk.out, wanted.out->value).link;
    return lane::settle(position, view, found);
  }
  void compare(const Settlement& settlement, const Owed& after) const {
    const model::Device& device = after.device(which);
    const model::Client& client = after.client();
    RC_ASSERT(static_cast<int>(settlement.light) == static_cast<int>(device.light));
    RC_ASSERT((settlement.resume_in == mark_for(device.in.head())));
    RC_ASSERT((settlement.out_head == mark_for(client.out_at(client.out.size()))));
    if (device.light == model::Light::shut) return;  // nothing is delivered any more
    RC_ASSERT(settlement.acked.value == device.acked);
    RC_ASSERT(settlement.deliver_after.value == device.sent);
  }
  void begin(const Settlement& settlement, Lanes& lanes) const {
    test::Stored& stored = lanes.disk.devices[which];
    stored.acked = settlement.acked;
    stored.shut = settlement.light == Light::shut;
    stored.epoch = {stored.epoch.value + 1};
    const Mark head = Disk::mark(stored.in, stored.in.size());
    auto& live = lanes.live;
    if (!live.contains(which)) live[which].in = InLane({head.n, head.link, stored.last}, Light::green, {});
    live[which].in.begin_epoch(stored.epoch, settlement.light);
    live[which].drain_until = settlement.out_head.n;
    const auto size = static_cast<std::size_t>(windows[which]);
    live[which].window = Window(settlement.deliver_after, settlement.out_head.n, size);
  }
  void show(std::ostream& os) const override {
    static const std::array words = {"true", "silent", "false", "beyond"};
    static const std::array logs = {"our", "an earlier", "a strange"};
    line(os) << "connects";
    if (known)
      os << ", of " << logs[naming] << " log: sent " << words[sent] << " (-" << sent_back << "), received "
         << words[received] << " (-" << received_back << ")";
    if (from_first) os << ", from 1";
  }
};

// Delivery ------------------------------------------------------------------------------------------------------------

// So many are numbered, one after the other; then the first of them become durable, and the others fail.
struct Writes : Command {
  int count = 1 + draw(3);
  int kept = usually(2, {true, false}) ? count : draw(count);

  void apply(Owed& owed) const override {
    for (int i = 0; i < kept; ++i) owed.server.write(anna, model::Kind::reply, "");
  }
  void run(const Owed& owed, Lanes& lanes) const override {
    const Owed after = nextState(owed);
    const auto head = mark_for(owed.client().out_at(owed.client().out.size()));
    std::vector<Head> numbered{{head.n, head.link, lanes.disk.last}};
    for (int i = 0; i < count; ++i) {
      const Stamp stamp = lanes.out.stamp(owed.now);
      RC_ASSERT(stamp.n.value == numbered.back().n.value + 1);
      RC_ASSERT((stamp.q == numbered.back().link));
      RC_ASSERT(stamp.time == std::max(owed.now, numbered.back().time + 1));
      const Link link = i < kept ? link_for(after.client().out_at(stamp.n.value).link) : link_of("lost");
      lanes.out.note_pending(stamp, link);
      numbered.push_back({stamp.n, link, stamp.time});
    }
    for (int i = 1; i <= count; ++i) i <= kept ? keep(numbered.at(i), lanes) : lanes.out.fail_from(numbered.at(i).n);
  }
  static void keep(const Head& head, Lanes& lanes) {
    lanes.out.note_durable(head);
    lanes.disk.out.push_back(head.link);
    lanes.disk.last = head.time;
    for (auto& [device, live] : lanes.live) live.window.raise_head(head.n);
  }
  void show(std::ostream& os) const override {
    os << "the server writes " << count;
    if (kept < count) os << ", of which " << kept << " become durable";
  }
};

struct Delivers : OfDevice {
  int most = 1 + draw(4);
  void checkPreconditions(const Owed& owed) const override {
    RC_PRE(owed.connected.contains(which));
    RC_PRE(owed.device(which).light != model::Light::shut);
  }
  std::optional<model::Number> deliver(Owed& owed) const {
    return owed.server.deliver(owed.client(), owed.device(which), static_cast<std::size_t>(windows[which]));
  }
  void apply(Owed& owed) const override {
    for (int i = 0; i < most; ++i) deliver(owed);
  }
  void run(const Owed& before, Lanes& lanes) const override {
    Owed owed = before;
    Window& window = lanes.live[which].window;
    for (int i = 0; i < most; ++i) {
      const auto due = deliver(owed);
      const auto next = window.next_to_send();
      RC_ASSERT(next.has_value() == due.has_value());
      if (!next) return;
      RC_ASSERT(next->value == *due);
      window.on_sent(*next, static_cast<Window::PacketId>(next->value));
    }
  }
  void show(std::ostream& os) const override { line(os) << "delivery, " << most << " at most"; }
};

struct Acknowledges : OfDevice {
  int place = draw(3);

  model::Number number(const Owed& owed) const {
    const auto& in_flight = owed.device(which).in_flight;
    return *std::next(in_flight.begin(), place % static_cast<int>(in_flight.size()));
  }
  void checkPreconditions(const Owed& owed) const override {
    RC_PRE(owed.connected.contains(which));
    RC_PRE(!owed.device(which).in_flight.empty());
  }
  void apply(Owed& owed) const override { owed.server.acknowledge(owed.device(which), number(owed)); }
  void run(const Owed& owed, Lanes& lanes) const override {
    const Owed after = nextState(owed);
    Live& lane = lanes.live[which];
    Seq& acked = lanes.disk.devices[which].acked;
    const auto moved = lane.window.on_ack(static_cast<Window::PacketId>(number(owed)));
    if (moved) acked = std::max(acked, *moved);
    if (lane.in.light() == Light::drain && lane.window.acked() >= lane.drain_until) lane.in.set_light(Light::green);
    RC_ASSERT(acked.value == after.device(which).acked);
    RC_ASSERT(static_cast<int>(lane.in.light()) == static_cast<int>(after.device(which).light));
  }
  void show(std::ostream& os) const override {
    line(os) << "acknowledges number " << place + 1 << " of those in flight";
  }
};

// The process, its log and its clock ----------------------------------------------------------------------------------

struct Crashes : Command {
  void apply(Owed& owed) const override {
    owed.server.crash();
    owed.connected.clear();
    owed.failing.clear();
  }
  void run(const Owed&, Lanes& lanes) const override { lanes.start(); }
  void show(std::ostream& os) const override { os << "the server crashes"; }
};

struct BacksUp : Command {
  void apply(Owed& owed) const override { owed.backup = owed.server; }
  void run(const Owed&, Lanes& lanes) const override { lanes.backup = lanes.disk; }
  void show(std::ostream& os) const override { os << "a backup is made"; }
};

struct Restores : Command {
  void checkPreconditions(const Owed& owed) const override { RC_PRE(owed.backup.has_value()); }
  void apply(Owed& owed) const override {
    owed.server = *owed.backup;
    owed.server.crash();
    owed.server.restore("log-" + std::to_string(++owed.restores));
    owed.connected.clear();
    owed.failing.clear();
  }
  void run(const Owed& owed, Lanes& lanes) const override {
    lanes.disk = *lanes.backup;
    lanes.disk.earlier.push_back({lanes.disk.log, {lanes.disk.out.size()}});
    lanes.disk.log = *Device::parse(nextState(owed).server.log);
    lanes.start();
  }
  void show(std::ostream& os) const override { os << "the backup is restored"; }
};

struct Passes : Command {
  int seconds = draw(31) - 15;
  void apply(Owed& owed) const override { owed.now += seconds * 1000; }
  void show(std::ostream& os) const override { os << "the clock moves by " << seconds << " s"; }
};

struct Forgets : OfDevice {
  void checkPreconditions(const Owed& owed) const override { RC_PRE(owed.connected.contains(which)); }
  void run(const Owed&, Lanes& lanes) const override { lanes.live[which].in.forget_recent(); }
  void show(std::ostream& os) const override { line(os) << "the lane's memory is given up"; }
};

}  // namespace

TEST_CASE("lanes and windows answer as the reference model does") {
  constexpr int longer = 4;  // than RapidCheck's 100 commands at most
  CHECK(rc::check([] {
    const auto command =
        rc::state::gen::execOneOfWithArgs<Arrives, Arrives, Arrives, Arrives, Arrives, Commits, Commits, Fails,
                                          Connects, Connects, Writes, Writes, Delivers, Delivers, Acknowledges,
                                          Acknowledges, Crashes, BacksUp, Restores, Passes, Forgets>();
    const auto commands = *rc::gen::scale(longer, rc::state::gen::commands(Owed{}, command));
    Lanes lanes;
    rc::state::runAll(commands, Owed{}, lanes);
  }));
}
