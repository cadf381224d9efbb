// The pipelines beside the reference model: whatever clients, bot, log and process do in whatever order, every answer,
// delivery and question is what the model says.

#include <algorithm>

#include "pipeline/model_world.hpp"

using namespace sealpost;
using namespace sealpost::pipeline::test;

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

struct OfPart : Command {
  std::size_t which = static_cast<std::size_t>(draw(parts.size()));
  std::ostream& line(std::ostream& os) const { return os << parts[which].owner << "'s " << parts[which].label << ": "; }
};

// To whom a message goes: the bot, the other client, somebody whom nobody knows.
struct Addressed : OfPart {
  int whom = usually(2, {0, 1, 2});
  std::string to() const {
    const std::string other = std::string(parts[which].owner) == "anna" ? "ben" : "anna";
    return whom == 0 ? "server" : whom == 1 ? other : "carl";
  }
};

// A message is sent, perhaps in several copies, and answered
// ------------------------------------------------------------

struct Sends : Addressed {
  enum Place { next, again, beyond };
  enum Fault { none, wrong_q, too_old, at_the_limit, too_new, malformed, too_large, foreign, badly_signed };
  Place place = usually(2, {next, again, beyond});
  int distance = draw(3);
  bool another = usually(3, {false, true});  // than the one that was sent, or is there, under this number
  Fault fault =
      usually(3, {none, wrong_q, too_old, at_the_limit, too_new, malformed, too_large, foreign, badly_signed});
  int copies = 1 + usually(2, {0, 1, 2});

  model::Message message(Owed& owed) const {
    const model::Device& device = owed.device(which);
    const model::Mark head = device.in.head();
    const auto steps = static_cast<model::Number>(distance);
    if (place == next && fault == none && !another) return owed.next(which, 1, to()).front();
    model::Message message;
    message.n = place == again && head.n > 0 ? head.n - std::min(steps, head.n - 1) : head.n + 1;
    if (place == beyond) message.n += 1 + steps;
    if (place == again && head.n > 0 && !another) return device.in.messages[message.n - 1];
    message.q = fault == wrong_q && message.n > 1 ? "wrong" : device.in.at(std::min(message.n - 1, head.n)).link;
    message.time = std::max(owed.now, device.in.last() + 1);
    if (fault == too_old) message.time = std::max<Millis>(1, device.in.last());
    if (fault == at_the_limit || fault == too_new) message.time = std::max(owed.now + 10'000, device.in.last() + 1);
    if (fault == too_new) ++message.time;
    message.well_formed = fault != malformed;
    message.fits = fault != too_large;
    message.own_author = fault != foreign;
    message.signature_holds = fault != badly_signed;
    message.to = to();
    message.link = std::string(parts[which].owner) + " " + parts[which].label + " " + std::to_string(message.n) + "*" +
                   std::to_string(owed.letters.size());
    message.text = message.link;
    return owed.letter(message);
  }
  std::vector<model::Verdict> decide(Owed& owed, const model::Message& message) const {
    std::vector<model::Verdict> verdicts;
    for (int i = 0; i < copies; ++i) {
      model::Message copy = message;
      copy.epoch = owed.device(which).epoch;
      verdicts.push_back(model::decide(owed.device(which), copy, owed.now));
      if (verdicts.back().answer == model::Answer::accept) owed.take(which, copy);
    }
    return verdicts;
  }
  void checkPreconditions(const Owed& owed) const override { RC_PRE(owed.connected.contains(which)); }
  void apply(Owed& owed) const override {
    const model::Message sent = message(owed);
    const auto verdicts = decide(owed, sent);
    owed.commit_all(which);
    for (const model::Verdict& verdict : verdicts) owed.suspicions += verdict.suspicious() ? 1 : 0;
    if (verdicts.front().answer != model::Answer::reject)
      owed.held[which].sent = std::max(owed.held[which].sent, sent.n);
    owed.flow();
  }
  void run(const Owed& before, Played& played) const override {
    Owed owed = before;
    const model::Message sent = message(owed);
    const auto verdicts = decide(owed, sent);
    Phone& phone = played.phone(which);
    const std::size_t answered = phone.pubacks().size(), acks = phone.acks().size();
    const std::size_t rejects = phone.all(mqtt::PacketType::publish, "reject").size();
    const Message letter = played.written(which, sent);
    for (int i = 0; i < copies; ++i) phone.transmit(letter);
    played.stage.settle();
    RC_ASSERT(phone.pubacks().size() == answered + verdicts.size());
    for (std::size_t i = 0; i < verdicts.size(); ++i) compare(verdicts[i], phone.pubacks()[answered + i]);
    const auto rejected = static_cast<std::size_t>(
        std::ranges::count(verdicts, model::Answer::reject, [](const auto& verdict) { return verdict.answer; }));
    RC_ASSERT(phone.acks().size() == acks + verdicts.size() - rejected);
    RC_ASSERT(phone.all(mqtt::PacketType::publish, "reject").size() == rejects + rejected);
    if (rejected == 0) compare_ack(letter, phone.acks().back().text);
    if (verdicts.back().expected)
      compare_gap(played, *verdicts.back().expected, phone.all(mqtt::PacketType::publish, "reject").back().text);
    played.compare(nextState(before));
  }
  static void compare(const model::Verdict& verdict, const Heard& puback) {
    using mqtt::ReasonCode;
    static const std::array codes = {"",     "malformed", "too_large", "unknown_author", "bad_signature",
                                     "shut", "fork",      "gap",       "clock",          "drain_first"};
    static const std::array reasons = {ReasonCode::success,        ReasonCode::payload_format_invalid,
                                       ReasonCode::quota_exceeded, ReasonCode::not_authorized,
                                       ReasonCode::not_authorized, ReasonCode::implementation_specific_error};
    const auto code = static_cast<std::size_t>(verdict.code);
    RC_ASSERT(puback.code == codes.at(code));
    RC_ASSERT((puback.reason == reasons.at(std::min(code, reasons.size() - 1))));
  }
  static void compare_ack(const Message& letter, const std::string& ack) {
    RC_ASSERT(ack.find("\"n\":" + std::to_string(letter.n.value) + ",") != std::string::npos);
    RC_ASSERT(ack.find(letter.link.hex()) != std::string::npos);
  }
  static void compare_gap(const Played& played, const model::Mark& expected, const std::string& reject) {
    std::string text = R"("expected":{"n":)" + std::to_string(expected.n);
    if (expected.n > 1) text += R"(,"q":")" + played.link(expected.link).hex() + "\"";
    RC_ASSERT(reject.find(text + "}") != std::string::npos);
  }
  void show(std::ostream& os) const override {
    static const std::array places = {"sends the next message", "sends a message again", "sends a message too early"};
    static const std::array faults = {
        "",          ", wrong q",     ", too old", ", at the limit", ", too new", ", malformed", ", too large",
        ", foreign", ", badly signed"};
    line(os) << places[place] << " (" << distance << ") to " << to() << (another ? ", another one" : "")
             << faults[fault] << ", times " << copies;
  }
};

// Messages of an honest client, and then something happens in the middle of them --------------------------------------

struct Interrupted : Addressed {
  int count = 1 + draw(3);
  void checkPreconditions(const Owed& owed) const override { RC_PRE(owed.green(which)); }
  void transmit(const Owed& before, Played& played) const {
    Owed owed = before;
    for (const model::Message& message : owed.next(which, count, to()))
      played.phone(which).transmit(played.written(which, message));
  }
  std::ostream& sending(std::ostream& os) const { return line(os) << "sends " << count << " to " << to(); }
};

struct IsInterrupted : Interrupted {  // what was read is logged all the same
  void apply(Owed& owed) const override {
    for (const auto& message : owed.next(which, count, to())) owed.take(which, message);
    owed.connected.erase(which);
    owed.commit_all(which);
    owed.flow();
  }
  void run(const Owed& owed, Played& played) const override {
    transmit(owed, played);
    played.phone(which).hang_up();
    played.stage.settle();
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override { sending(os) << ", and the connection breaks"; }
};

struct FailsToCommit : Interrupted {
  bool full = usually(1, {false, true});
  void apply(Owed& owed) const override {
    for (const auto& message : owed.next(which, count, to())) owed.take(which, message);
    owed.device(which).in.fail();
    owed.connected.erase(which);
  }
  void run(const Owed& owed, Played& played) const override {
    const std::size_t answered = played.phone(which).pubacks().size();
    transmit(owed, played);
    played.stage.log.fail_next(full ? log::Errc::disk_full : log::Errc::overloaded);
    played.stage.settle();
    RC_ASSERT(played.phone(which).pubacks().size() == answered);
    RC_ASSERT(
        (played.phone(which).goodbye() == (full ? mqtt::ReasonCode::quota_exceeded : mqtt::ReasonCode::server_busy)));
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override { sending(os) << ", and a commit fails" << (full ? ": disk full" : ""); }
};

struct CrashesTheServer : Interrupted {
  int committed = draw(4);
  void apply(Owed& owed) const override {
    for (const auto& message : owed.next(which, count, to())) owed.take(which, message);
    for (int i = 0; i < std::min(count, committed); ++i) owed.server.commit(parts[which].owner, parts[which].label);
    owed.crash();
  }
  void run(const Owed& owed, Played& played) const override {
    transmit(owed, played);
    const auto commits = static_cast<std::size_t>(std::min(count, committed));
    RC_ASSERT(played.stage.log.flush_some(commits) == commits);
    played.stage.crash();
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override {
    sending(os) << ", and the server crashes when it has logged " << std::min(count, committed);
  }
};

// A device comes and goes
// -----------------------------------------------------------------------------------------------

struct Connects : OfPart {
  enum Word { true_, older, silent, false_, beyond };
  Word sent = usually(2, {true_, older, silent, older, silent, false_, beyond});
  Word received = usually(2, {true_, older, silent, older, silent, false_, beyond});
  bool from_first = usually(2, {false, true});
  int sending = usually(3, {0, 1, 2});  // over the older connection, which ends

  void checkPreconditions(const Owed& owed) const override { RC_PRE(sending == 0 || owed.green(which)); }
  static std::optional<model::Mark> mark(Word word, model::Number held, model::Number head, auto at) {
    const model::Number n = word == older ? held / 2 : word == beyond ? head + 1 : std::min(held, head);
    if (word == silent || n == 0) return std::nullopt;
    if (word == beyond) return model::Mark{n, "beyond"};
    return word == false_ ? model::Mark{n, "false"} : at(n);
  }
  // What the phone says, as the model has it. A mark whose link is a lie is named by the lie.
  std::optional<model::Position> position(const Owed& owed) const {
    const Held& held = owed.held[which];
    if (!held.met) return std::nullopt;
    const model::Client& client = owed.client(which);
    const model::InLane& in = owed.device(which).in;
    return model::Position{owed.server.log, mark(sent, held.sent, in.head().n, [&](auto n) { return in.at(n); }),
                           mark(received, held.received, client.out.size(), [&](auto n) { return client.out_at(n); })};
  }
  void commit_before(Owed& owed) const {
    if (sending == 0) return;
    for (const auto& message : owed.next(which, sending, "server")) owed.take(which, message);
    owed.commit_all(which);
  }
  void apply(Owed& owed) const override {
    commit_before(owed);
    owed.connect(which, position(owed), from_first);
  }
  void run(const Owed& before, Played& played) const override {
    Owed owed = before;
    const auto messages = sending == 0 ? std::vector<model::Message>{} : owed.next(which, sending, "server");
    Phone& phone = played.phone(which);
    Phone older_one = phone;
    for (const auto& message : messages) phone.transmit(played.written(which, message));
    commit_before(owed);
    const auto says = position(owed);
    phone.confirmed = says && says->sent ? played.in_mark(*says->sent) : lane::Mark{};
    phone.stored = says && says->received ? stored(owed, *says->received, played) : lane::Mark{};
    played.acknowledged[which] = 0;
    auth::Party& owner = played.party(parts[which].owner);
    while (owner.versions.size() < 1 + owed.versions[parts[which].owner])
      owner.versions.push_back(owner.next(owner.sign));
    phone.dial({.receive_maximum = parts[which].receive_maximum, .from_first = from_first});
    phone.prove();
    if (before.connected.contains(which)) {  // it is over from the moment the proof holds
      played.stage.until([&] { return older_one.is_closed(); });
      RC_ASSERT((older_one.goodbye() == mqtt::ReasonCode::session_taken_over));
      RC_ASSERT_FALSE(phone.welcome());
    }
    played.stage.until([&] { return phone.welcome(); });
    phone.subscribe();
    played.stage.settle();
    const Owed after = nextState(before);
    compare_welcome(owed, after, played);
    played.compare(after);
  }
  lane::Mark stored(const Owed& owed, const model::Mark& mark, Played& played) const {
    const bool honest = mark.n <= owed.client(which).out.size() && mark == owed.client(which).out_at(mark.n);
    return honest ? played.out_mark(which, mark.n) : played.in_mark(mark);
  }
  void compare_welcome(const Owed& before, const Owed& after, Played& played) const {
    const auth::Welcome& met = played.phone(which).met;
    const model::Device& device = after.device(which);
    const auto client = before.server.clients.find(parts[which].owner);
    const model::Number head = client == before.server.clients.end() ? 0 : client->second.out.size();
    RC_ASSERT(met.epoch.value == device.epoch);
    RC_ASSERT(static_cast<int>(met.light) == static_cast<int>(device.light));
    RC_ASSERT((met.received == played.in_mark(device.in.head())));
    RC_ASSERT((met.sent == played.out_mark(which, head)));
    if (device.light != model::Light::shut) RC_ASSERT(met.acked.value == device.acked);
  }
  void show(std::ostream& os) const override {
    static const std::array words = {"true", "older", "silent", "false", "beyond"};
    line(os) << "connects: sent " << words[sent] << ", received " << words[received] << (from_first ? ", from 1" : "");
    if (sending > 0) os << ", while it sends " << sending << " over its older connection";
  }
};

struct HangsUp : OfPart {
  void checkPreconditions(const Owed& owed) const override { RC_PRE(owed.connected.contains(which)); }
  void apply(Owed& owed) const override { owed.connected.erase(which); }
  void run(const Owed& owed, Played& played) const override {
    played.phone(which).hang_up();
    played.stage.settle();
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override { line(os) << "hangs up"; }
};

struct ChangesIdentity : OfPart {  // and tells nobody until it connects
  void checkPreconditions(const Owed& owed) const override {
    const auto versions = owed.versions.find(parts[which].owner);
    const bool few = versions == owed.versions.end() || versions->second < 3;
    RC_PRE(few);
  }
  void apply(Owed& owed) const override { ++owed.versions[parts[which].owner]; }
  void show(std::ostream& os) const override { line(os) << "its owner has a new version of the identity"; }
};

struct Acknowledges : OfPart {
  int most = 1 + draw(3);
  bool due(const Owed& owed) const { return !owed.device(which).in_flight.empty(); }
  void checkPreconditions(const Owed& owed) const override {
    RC_PRE(owed.connected.contains(which));
    RC_PRE(due(owed));
  }
  void apply(Owed& owed) const override {
    for (int i = 0; i < most && due(owed); ++i) owed.acknowledge(which);
  }
  void run(const Owed& before, Played& played) const override {
    Owed owed = before;
    Phone& phone = played.phone(which);
    for (int i = 0; i < most && due(owed); ++i) {
      owed.acknowledge(which);
      phone.ack(phone.inbox().at(played.acknowledged[which]++));
      played.stage.settle();
    }
    played.compare(nextState(before));
  }
  void show(std::ostream& os) const override { line(os) << "acknowledges the oldest " << most; }
};

// The bot -------------------------------------------------------------------------------------------------------------

struct OfBot : OfPart {
  void checkPreconditions(const Owed& owed) const override {
    RC_PRE(owed.knows(which));
    RC_PRE(!owed.client(which).for_bot.empty());
  }
  // The question of this client comes first.
  void turn_to(const Owed& owed, Played& played) const {
    auto& asked = played.stage.bot.asked;
    std::size_t at = 0;
    while (played.stage.bot.text(at) != owed.client(which).for_bot.front().text) ++at;
    std::rotate(asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(at), asked.end());
  }
};

struct BotAnswers : OfBot {
  enum Trouble { none, commit_fails, crash_before, crash_after };
  int count = draw(3);
  Trouble trouble = usually(2, {none, commit_fails, crash_before, crash_after});

  std::vector<std::string> replies(const Owed& owed) const {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i)
      texts.push_back(std::to_string(i) + " for " + owed.client(which).for_bot.front().text);
    return texts;
  }
  void apply(Owed& owed) const override {
    if (trouble != crash_before) owed.server.answer(parts[which].owner, replies(owed));
    if (trouble == crash_before || trouble == crash_after) owed.crash();
    if (trouble == commit_fails) owed.now += 100;
    owed.flow();
  }
  void run(const Owed& owed, Played& played) const override {
    Stage& stage = played.stage;
    turn_to(owed, played);
    pipeline::Answer answer;
    for (const std::string& text : replies(owed)) answer.replies.push_back(reply_of(text));
    stage.bot.reply(std::move(answer));
    if (trouble == commit_fails) stage.log.fail_next(log::Errc::overloaded);
    stage.until([&] { return stage.queued() > 0; });
    if (trouble == crash_after) RC_ASSERT(stage.log.flush_some(1) == 1u);
    if (trouble == crash_before || trouble == crash_after) stage.crash();
    stage.settle();
    if (trouble == commit_fails) stage.advance(100);
    stage.settle();
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override {
    static const std::array troubles = {"", ", and the commit fails at first",
                                        ", and the server crashes before the commit",
                                        ", and the server crashes after the commit"};
    os << "the bot gives " << parts[which].owner << " " << count << " replies" << troubles[trouble];
  }
};

struct BotFails : OfBot {
  void apply(Owed& owed) const override { owed.now += 100; }
  void run(const Owed& owed, Played& played) const override {
    turn_to(owed, played);
    played.stage.bot.fail();
    played.stage.settle();
    played.stage.advance(100);
    played.stage.settle();
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override { os << "the bot fails for " << parts[which].owner; }
};

struct Passes : Command {
  int seconds = draw(20);
  void apply(Owed& owed) const override { owed.now += seconds * 1000; }
  void run(const Owed& owed, Played& played) const override {
    played.stage.advance(seconds * 1000);
    played.stage.settle();
    played.compare(nextState(owed));
  }
  void show(std::ostream& os) const override { os << seconds << " s pass"; }
};

}  // namespace

TEST_CASE("the pipelines answer, ask and deliver as the reference model does") {
  CHECK(rc::check([] {
    const auto command =
        rc::state::gen::execOneOfWithArgs<Sends, Sends, Sends, Sends, IsInterrupted, FailsToCommit, CrashesTheServer,
                                          Connects, Connects, Connects, HangsUp, ChangesIdentity, Acknowledges,
                                          Acknowledges, Acknowledges, BotAnswers, BotAnswers, BotFails, Passes>();
    const auto commands = *rc::state::gen::commands(Owed{}, command);
    Played played;
    rc::state::runAll(commands, Owed{}, played);
  }));
}
