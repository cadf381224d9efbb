#include "damage/answers.hpp"

#include <fmt/format.h>

#include <future>

#include "base/encoding.hpp"

namespace sealpost::damage {
namespace {

using log::PageLimit;
using log::Reader;
using log::StoredEvent;

constexpr PageLimit page{40, 1 << 20};
constexpr PageLimit whole{SIZE_MAX, SIZE_MAX};

// As bytes, each told from the next.
class Text {
 public:
  Text& operator<<(std::string_view bytes) {
    *this << static_cast<std::int64_t>(bytes.size());
    text_ += bytes;
    return *this;
  }
  Text& operator<<(BytesView bytes) { return *this << as_text(bytes); }
  template <std::integral Value>
  Text& operator<<(Value value) {
    fmt::format_to(std::back_inserter(text_), " {}", static_cast<std::int64_t>(value));
    return *this;
  }
  template <class Tag>
  Text& operator<<(const Name32<Tag>& name) {
    return *this << BytesView(name.bytes);
  }
  template <class Tag, class Value>
  Text& operator<<(const Number<Tag, Value>& number) {
    return *this << number.value;
  }
  Text& operator<<(const log::LaneHead& head) { return *this << head.seq << head.link << head.time << head.event; }
  Text& operator<<(const StoredEvent& event) {
    const log::Draft& draft = event.draft;
    const log::Committed& committed = event.committed;
    *this << committed.id() << static_cast<int>(committed.kind()) << committed.seq() << committed.link()
          << committed.time() << committed.logged() << BytesView(committed.hash()) << event.erased;
    *this << static_cast<int>(draft.kind) << draft.client << draft.device.text() << draft.seq << draft.link
          << draft.prev << draft.author << draft.recipient << draft.object << draft.type << draft.time << draft.epoch
          << draft.consumer << draft.cause;
    for (const PublicKey& key : draft.keys) *this << key;
    if (draft.body) *this << std::string_view(*draft.body);
    return *this;
  }
  Text& operator<<(const std::vector<StoredEvent>& events) {
    for (const StoredEvent& event : events) *this << event;
    return *this;
  }
  Text& operator<<(const std::optional<StoredEvent>& event) {
    if (event) *this << *event;
    return *this;
  }
  Text& operator<<(const log::MqttMessage& row) {
    return *this << row.id << row.topic << row.properties << row.payload << row.qos << row.retain << row.expires_at;
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class Asking {
 public:
  Asking(Reader& reader, const Known& known) : reader_(reader), known_(known) {}

  Answers all() {
    whole_log();
    for (const Permalink& client : known_.clients) of_client(client);
    for (const auto& client : reader_.clients({}, 1000)) put("the clients", state_of(client));
    work();
    for (const log::Lane& lane : known_.lanes) of_lane(lane);
    objects();
    requests();
    mqtt();
    return std::move(answers_);
  }

 private:
  void put(std::string question, Text text, bool beside = false) {
    answers_.push_back({std::move(question), text.take(), beside});
  }

  void whole_log() {
    const log::LogHead head = reader_.head();
    put("the head", Text() << head.id << BytesView(head.hash));
    Text restored;
    for (const auto& point : reader_.restore_points()) restored << point.earlier.text() << point.upto;
    put("the restore points", std::move(restored));
    for (EventId after; after < head.id;) {
      const log::EventPage found = reader_.events_after(after, {}, page);
      put(fmt::format("the events after {}", after.value), Text() << found.events << found.scanned_to);
      if (found.scanned_to <= after) break;
      after = found.scanned_to;
    }
    for (std::int64_t id = 1; id <= head.id.value; id += 7)
      put(fmt::format("event {}", id), Text() << reader_.event({id}));
    put("the security events", Text() << reader_.security_after({}, whole));
  }

  static Text state_of(const log::ClientState& state) {
    Text text;
    text << state.client << state.identity << state.identity_event << state.out << state.last_in << state.last_intent;
    for (const auto& device : state.devices) text << device.device.text() << device.epoch << device.in << device.shut;
    for (const auto& [consumer, event] : state.cursors) text << consumer << event;
    return text;
  }

  void of_client(const Permalink& client) {
    const std::string name = client.hex().substr(0, 8);
    const auto state = reader_.client(client);
    put("client " + name, state ? state_of(*state) : Text());
    Text seen;
    if (state)
      for (const auto& device : state->devices) seen << device.device.text() << device.acked << device.last_seen;
    put("positions of " + name, std::move(seen), true);
    put("identity of " + name, Text() << reader_.identity(client) << reader_.identity_versions(client));
    put("feed in of " + name, Text() << reader_.feed(log::Feed::in, client, {}, whole));
    put("intents for " + name, Text() << reader_.feed(log::Feed::intents, client, {}, page));
  }

  void work() {
    for (const auto& [feed, consumer] : {std::pair{log::Feed::in, "bot"}, std::pair{log::Feed::intents, "intents"}}) {
      Text text;
      for (const auto& each : reader_.work(feed, consumer, {}, 1000)) text << each.client << each.newest << each.cursor;
      put(std::string("work of ") + consumer, std::move(text));
    }
  }

  void of_lane(const log::Lane& lane) {
    const std::string name = fmt::format("lane {} '{}'", lane.client.hex().substr(0, 8), lane.device.text());
    put(name, Text() << reader_.lane(lane, {1}, whole));
    put(name + " in the middle", Text() << reader_.at(lane, {3}) << reader_.head_at(lane, {300}));
  }

  void objects() {
    for (const Link& link : known_.links) {
      const auto found = reader_.object(link);
      put("object " + link.hex().substr(0, 8), Text() << (found ? found->committed.id() : EventId{}));
    }
    for (const PublicKey& key : known_.keys)
      put("owner of " + key.hex().substr(0, 8), Text() << reader_.key_owner(key).value_or(Permalink{}));
    for (const std::string& type : known_.types)
      put("objects of " + type, ids(reader_.objects({type, {}, {}}, {}, whole)));
    for (const Permalink& client : known_.clients)
      put("objects by " + client.hex().substr(0, 8), ids(reader_.objects({{}, client, {}}, {}, whole)));
    for (int i = 0; i < 20; ++i) {
      const Permalink object{sha256(as_bytes("object " + std::to_string(i)))};
      put(fmt::format("versions of object {}", i), ids(reader_.objects({{}, {}, object}, {}, whole)));
    }
  }

  static Text ids(const std::vector<StoredEvent>& events) {
    Text text;
    for (const StoredEvent& event : events) text << event.committed.id();
    return text;
  }

  void requests() {
    for (const std::string& key : known_.requests) {
      const auto found = reader_.idempotent("bot", key);
      Text text;
      if (found) text << BytesView(found->request) << found->first << found->count;
      put("request " + key, std::move(text), true);
    }
  }

  void mqtt() {
    const log::MqttState state = reader_.mqtt_state();
    Text text;
    for (const auto& row : state.sessions) text << row.id << row.key << row.expiry << row.detached_at;
    for (const auto& row : state.subscriptions) text << row.session << row.filter << row.options << row.identifier;
    for (const auto& row : state.messages) text << row;
    for (const auto& row : state.deliveries) {
      text << row.session << row.number << row.message << row.qos << row.retain << row.released;
      for (const std::uint32_t identifier : row.identifiers) text << identifier;
    }
    for (const auto& row : state.received) text << row.session << row.packet_id;
    for (const auto& row : state.retained) text << row;
    put("what MQTT keeps", std::move(text), true);
  }

  Reader& reader_;
  const Known& known_;
  Answers answers_;
};

}  // namespace

std::optional<Answers> answers_of(log::EventLog& log, const Known& known) {
  auto promise = std::make_shared<std::promise<Answers>>();
  auto answers = promise->get_future();
  // The question alone holds the promise, and goes unanswered with it.
  log.read([promise = std::move(promise), &known](Reader& reader) { promise->set_value(Asking(reader, known).all()); });
  try {
    return answers.get();
  } catch (const std::future_error&) {
    return std::nullopt;
  }
}

const Answer* difference(const Answers& answers, const Answers& expected, bool beside) {
  std::size_t at = 0;
  for (const Answer& wanted : expected) {
    const bool same = at < answers.size() && answers[at] == wanted;
    if (!same && wanted.beside == beside) return &wanted;
    // Where there are more or fewer pages, all that follows is another answer.
    if (!same && (at >= answers.size() || answers[at].question != wanted.question)) return beside ? nullptr : &wanted;
    ++at;
  }
  return !beside && answers.size() > expected.size() ? &answers.back() : nullptr;
}

}  // namespace sealpost::damage
