#include "damage/scene.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "damage/numbers.hpp"
#include "log/appender.hpp"
#include "log/offline.hpp"
#include "log/schema.hpp"

namespace sealpost::damage {
namespace {

using log::Draft;
using log::Kind;
using log::Transaction;

constexpr std::size_t people = 24;
constexpr int closed_steps = 300;
constexpr int killed_steps = 14;  // each of one to three commits, which stand in the write-ahead log

struct StillClock final : Clock {
  Millis now() const override { return time; }
  std::int64_t steady_us() const override { return time * 1000; }
  Millis time = 1'700'000'000'000;
};

struct CountedRandom final : Random {
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = ++next;
  }
  std::uint8_t next = 0;
};

template <class Name>
Name named(const std::string& text) {
  return {sha256(as_bytes(text))};
}

log::Body body_of(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

void must(const ErrorCode& error) {
  if (error) throw std::runtime_error("the undamaged log could not be made: " + error.message());
}

struct LaneState {
  Seq seq;
  Link link;
  Millis time = 1'600'000'000'000;
};

class Maker {
 public:
  explicit Maker(const std::string& path)
      : path_(path), database_(log::open_database(path, log::Access::create, {}).value()) {
    must(log::create_schema(*database_, clock_, random_));
    appender_.emplace(*database_, tail_, log::read_log_row(*database_).value().head);
    indexer_.emplace(*database_);
  }

  Known known;

  void register_all() {
    for (std::size_t i = 0; i < people; ++i) {
      const auto client = named<Permalink>("client " + std::to_string(i));
      known.clients.push_back(client);
      Transaction transaction;
      transaction.drafts.push_back(identity(client, {client.bytes}, {}));
      for (const char* const label : {"phone", "tablet"}) transaction.drafts.push_back(epoch(client, label));
      append(std::move(transaction));
      known.lanes.push_back({client, {}});
    }
  }

  void step() {
    clock_.time += 1000;
    const Permalink client = somebody();
    Transaction transaction;
    switch (numbers_.below(10)) {
      case 0:
        transaction.drafts = {message(Kind::in, client, "phone"), relayed(client)};
        break;
      case 1:
        return relay(client);
      case 2:
        transaction.drafts = {security(client)};
        transaction.mqtt = retained();
        break;
      case 3:
        transaction = answered(client);
        break;
      case 4:
        transaction.mqtt = queued();
        break;
      case 5:
        transaction.drafts = {next_version(client)};
        break;
      case 6:
        transaction.drafts = {message(Kind::out, client, ""), message(Kind::out, client, "")};
        break;
      default:
        transaction.drafts = {message(Kind::in, client, "phone"), message(Kind::in, client, "tablet")};
    }
    append(std::move(transaction));
  }

  void note_positions() {
    log::Notes notes;
    for (const Permalink& client : known.clients)
      notes[{client, device("phone")}] = {{numbers_.below(lanes_[{client, {}}].seq.value + 1)}, clock_.time};
    appender_->begin();
    appender_->note(notes);
    must(appender_->commit());
    keep();
  }

  // As of a server that was stopped while the indexes were behind, each differently far.
  void index() {
    for (std::size_t i = 0; i < log::index_count; ++i) {
      std::vector<const log::Record*> events;
      const EventId upto{head_.value - static_cast<std::int64_t>(i * 9)};
      const auto view = tail_.view();
      view.for_each(indexed_[i], upto, [&](const log::Record& record) { events.push_back(&record); });
      database_->execute("BEGIN IMMEDIATE");
      indexer_->index(static_cast<log::Index>(i), events);
      database_->execute("COMMIT");
      must(database_->error());
      indexed_[i] = upto;
      keep();
    }
  }

  void shut(const Permalink& client) {
    Draft draft = draft_of(Kind::shut, client);
    draft.device = device("tablet");
    append({{std::move(draft)}, {}});
  }

  // Makes room that is not taken again.
  void drop_retained() {
    Transaction transaction;
    for (int i = 0; i < 6; ++i) transaction.mqtt.push_back(log::DropMqttRetained{"state/large/" + std::to_string(i)});
    append(std::move(transaction));
  }
  void fill_retained() {
    Transaction transaction;
    for (int i = 0; i < 8; ++i)
      transaction.mqtt.push_back(
          log::PutMqttRetained{mqtt_message(0, "state/large/" + std::to_string(i), std::string(9000, 'r'))});
    append(std::move(transaction));
  }

  void checkpoint() {
    database_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    must(database_->error());
  }

  // Afterwards the files are kept as they are after each commit.
  void keep_each(std::vector<LogFiles>& kept) { kept_ = &kept; }

  LogFiles files() const {
    return {bytes_of_file(path_), bytes_of_file(path_ + "-wal"), bytes_of_file(path_ + "-shm")};
  }

 private:
  void keep() {
    if (kept_ != nullptr) kept_->push_back(files());
  }

  static Device device(std::string_view label) { return Device::parse(label).value(); }

  Permalink somebody() { return known.clients[numbers_.below(known.clients.size())]; }

  static Draft draft_of(Kind kind, const Permalink& client) {
    Draft draft;
    draft.kind = kind;
    draft.client = client;
    return draft;
  }

  Draft epoch(const Permalink& client, const char* label) {
    Draft draft = draft_of(Kind::epoch, client);
    draft.device = device(label);
    draft.epoch = {1};
    known.lanes.push_back({client, draft.device});
    return draft;
  }

  Draft identity(const Permalink& client, const Link& link, const Link& prev) {
    Draft draft = draft_of(Kind::identity, client);
    draft.link = link;
    draft.prev = prev;
    draft.type = "sealpost.Identity";
    draft.keys = {named<PublicKey>("key of " + link.hex()), named<PublicKey>("another of " + link.hex())};
    draft.body = body_of("identity " + link.hex());
    if (!prev.is_none()) draft.author = draft.object = client;
    versions_[client] = link;
    known.links.push_back(link);
    known.keys.insert(known.keys.end(), draft.keys.begin(), draft.keys.end());
    return draft;
  }

  Draft next_version(const Permalink& client) {
    const Link prev = versions_[client];
    return identity(client, named<Link>("after " + prev.hex()), prev);
  }

  // Now and then one that needs pages of its own.
  std::string text() {
    const std::size_t size = numbers_.one_in(12) ? 3000 + numbers_.below(9000) : 20 + numbers_.below(500);
    std::string text = "message " + std::to_string(++texts_) + ' ';
    while (text.size() < size) text += static_cast<char>('a' + numbers_.below(26));
    return text;
  }

  Draft message(Kind kind, const Permalink& client, const char* label) {
    Draft draft = draft_of(kind, client);
    if (kind == Kind::in) {
      draft.device = device(label);
      draft.epoch = {1};
    }
    LaneState& lane = lanes_[{client, draft.device}];
    draft.seq = lane.seq = lane.seq.next();
    draft.prev = lane.link;
    draft.link = lane.link = named<Link>(client.hex() + label + std::to_string(lane.seq.value));
    draft.time = lane.time += 1 + static_cast<Millis>(numbers_.below(1000));
    draft.author = kind == Kind::in ? client : somebody();
    draft.type = known.types[numbers_.below(known.types.size())];
    if (numbers_.one_in(4)) draft.object = named<Permalink>("object " + std::to_string(numbers_.below(20)));
    draft.body = body_of(text());
    known.links.push_back(draft.link);
    return draft;
  }

  Draft relayed(const Permalink& client) {
    Draft draft = message(Kind::in, client, "tablet");
    draft.recipient = somebody();
    return draft;
  }

  static Draft moving(Draft draft, std::string consumer, EventId cause) {
    draft.consumer = std::move(consumer);
    draft.cause = cause;
    return draft;
  }

  // What was written, as an intent, and what its recipient's actor makes of it.
  void relay(const Permalink& client) {
    const Permalink recipient = somebody();
    Draft written = relayed(client);
    written.recipient = recipient;
    append({{std::move(written)}, {}});
    Draft intent = draft_of(Kind::intent, client);
    intent.recipient = recipient;
    intent.body = body_of(text());
    append({{moving(std::move(intent), "relay", head_)}, {}});
    append({{moving(message(Kind::out, recipient, ""), std::string(log::intents_consumer), head_)}, {}});
  }

  Transaction answered(const Permalink& client) {
    append({{message(Kind::in, client, "phone")}, {}});
    Transaction transaction;
    if (numbers_.one_in(3)) {
      transaction.drafts = {moving(draft_of(Kind::done, client), "bot", head_)};
      return transaction;
    }
    transaction.drafts = {moving(message(Kind::out, client, ""), "bot", head_)};
    known.requests.push_back("request " + std::to_string(head_.value));
    transaction.idempotency = {"bot", known.requests.back(), sha256(as_bytes(known.requests.back()))};
    return transaction;
  }

  Draft security(const Permalink& client) {
    Draft draft = draft_of(Kind::security, client);
    draft.type = "forged_signature";
    draft.body = body_of("{\"why\":\"" + std::to_string(head_.value) + "\"}");
    return draft;
  }

  static log::MqttMessage mqtt_message(std::int64_t id, std::string topic, std::string payload) {
    struct Parts {
      std::string topic, properties, payload;
    };
    auto parts = std::make_shared<const Parts>(Parts{std::move(topic), "\x03\x00\x01t", std::move(payload)});
    log::MqttMessage row;
    row.id = id;
    row.topic = parts->topic;
    row.properties = as_bytes(parts->properties);
    row.payload = as_bytes(parts->payload);
    row.qos = 1;
    row.expires_at = id % 3 == 0 ? 1'800'000'000'000 : 0;
    row.keeps = std::move(parts);
    return row;
  }

  log::MqttWrites retained() {
    return {log::PutMqttRetained{mqtt_message(0, "state/" + std::to_string(numbers_.below(60)), text())}};
  }

  log::MqttWrites queued() {
    const std::int64_t session = 1 + static_cast<std::int64_t>(numbers_.below(8));
    log::MqttWrites writes;
    if (sessions_.insert(session).second)
      writes.push_back(log::PutMqttSession{{session, "session " + std::to_string(session), 3600, clock_.time}});
    const std::int64_t id = ++messages_;
    writes.push_back(log::PutMqttSubscription{{session, "news/" + std::to_string(numbers_.below(20)) + "/#", 1, 7}});
    writes.push_back(log::PutMqttMessage{mqtt_message(id, "news/" + std::to_string(id), text())});
    writes.push_back(log::PutMqttDelivery{{session, id, id, 1, false, numbers_.one_in(4), {7, 9}}});
    writes.push_back(log::PutMqttReceived{{session, 1 + static_cast<std::int64_t>(numbers_.below(100))}});
    return writes;
  }

  void append(Transaction transaction) {
    std::vector<Digest> hashes;
    for (const Draft& draft : transaction.drafts) hashes.push_back(log::hash_of_body(draft.body));
    appender_->begin();
    const auto appended = appender_->append(transaction, hashes, clock_.now());
    must(appended ? ErrorCode() : appended.error());
    must(appender_->commit());
    head_ = appender_->head().id;
    keep();
  }

  const std::string path_;
  StillClock clock_;
  CountedRandom random_;
  Numbers numbers_{1};
  std::unique_ptr<log::Database> database_;
  log::Tail tail_;
  std::optional<log::Appender> appender_;
  std::optional<log::Indexer> indexer_;
  std::map<log::Lane, LaneState> lanes_;
  std::map<Permalink, Link> versions_;
  std::set<std::int64_t> sessions_;
  EventId head_;
  std::array<EventId, log::index_count> indexed_{};
  int texts_ = 0;
  std::int64_t messages_ = 0;
  std::vector<LogFiles>* kept_ = nullptr;
};

}  // namespace

std::string bytes_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw std::runtime_error("cannot write " + path);
}

Scene make_scene(const std::string& folder) {
  Scene scene;
  Maker maker(folder + "/undamaged.db");
  maker.known.types = {"test.Greeting", "test.Order", "test.Receipt"};
  maker.register_all();
  maker.fill_retained();
  for (int i = 0; i < closed_steps; ++i) maker.step();
  maker.shut(maker.known.clients.front());
  maker.note_positions();
  maker.index();
  maker.drop_retained();
  maker.checkpoint();
  scene.closed = maker.files();
  scene.closed.wal.clear();
  scene.closed.shm.clear();
  maker.keep_each(scene.earlier);
  for (int i = 0; i < killed_steps; ++i) {
    maker.step();
    if (i == killed_steps / 2) maker.index();
    if (i == killed_steps / 3) maker.note_positions();
  }
  scene.killed = scene.earlier.back();
  scene.known = maker.known;
  return scene;
}

}  // namespace sealpost::damage
