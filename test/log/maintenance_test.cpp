#include "log/maintenance.hpp"

#include <sqlite3.h>

#include <fstream>

#include "conformance.hpp"
#include "log/chain.hpp"
#include "log/errc.hpp"
#include "log/event_rows.hpp"
#include "log/offline.hpp"
#include "log/schema.hpp"
#include "mqtt_verbs.hpp"

namespace sealpost::log::test {
namespace {

// Changes the file behind the log's back.
void spoil(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  char* message = nullptr;
  const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message);
  INFO(sql << ": " << (message ? message : ""));
  sqlite3_free(message);
  sqlite3_close(database);
  REQUIRE(code == SQLITE_OK);
}

void without_triggers(const std::string& path, const std::string& sql) {
  spoil(path, "DROP TRIGGER event_keep; DROP TRIGGER event_stay; " + sql);
}

// A log with something in every view, closed.
class Closed {
 public:
  Closed() {
    EventLog& log = engine_.log();
    id = log.id();
    const Permalink ann = client_named("ann");
    const Permalink ben = client_named("ben");
    InLane lane(ann, "phone");
    InLane out = out_lane(ben);
    commit(log, first_identity(ann, {key_named("a")}), identity(ann, link_named("ann 2"), {ann.bytes}));
    commit(log, {epoch(ann, "phone", 1), lane.next(), lane.next("second")});
    commit(log, moving(intent(ann, ben), "relay", {4}), done(ann, "bot", {5}));
    commit(log, {out.next(), out.next(), security("odd"), draft_of(Kind::shut, ann, "phone")});
    commit(log, epoch(ben, "phone", 1, 1));
    log.note_acked(ben, device_named("phone"), {2});
    log.stop();
  }
  SqliteEngine& engine() { return engine_; }
  std::string path() const { return engine_.path(); }
  // The engine lets go of the lock.
  void close() { engine_.close(); }

  Device id;

 private:
  SqliteEngine engine_;
};

VerifyReport verified(const std::string& path) {
  const auto report = verify(path, {});
  REQUIRE(report);
  return *report;
}

// A row in each table.
MqttWrites some_of_mqtt() {
  return {PutMqttSession{{1, "one", 60, 0}},
          PutMqttSubscription{{1, "topic/#", 1, 0}},
          PutMqttMessage{mqtt_message(1, "topic/of/mqtt", "x")},
          PutMqttDelivery{{1, 1, 1, 1, false, false, {}}},
          PutMqttReceived{{1, 1}},
          PutMqttRetained{mqtt_message(0, "topic/of/mqtt", "y")}};
}

// Appends an event that no log would take, with a hash that fits.
EventId forge(const std::string& path, Draft draft) {
  const auto database = open_database(path, Access::write, {});
  REQUIRE(database);
  const auto log = read_log_row(**database);
  REQUIRE(log);
  Record record;
  record.id = log->head.id.next();
  record.draft = std::move(draft);
  record.draft.time = record.logged = 1'800'000'000'000;
  record.hash = chain_hash(log->head.hash, record);
  EventRows rows(**database);
  rows.add(record, nullptr);
  rows.flush();
  REQUIRE_FALSE((*database)->failed());
  return record.id;
}

ErrorCode why_it_does_not_start(const std::string& path) {
  TestClock clock;
  CountingRandom random;
  QuietSink sink;
  Counters counters;
  const auto opened = open_sqlite_log({path, clock, random, sink, counters});
  return opened ? ErrorCode() : opened.error();
}

void check_whole(const std::string& path) {
  const VerifyReport report = verified(path);
  for (const Fault& fault : report.faults) UNSCOPED_INFO(fault.event.value << ": " << fault.what);
  CHECK(report.fault_count == 0);
}

}  // namespace

TEST_CASE("a log that was closed verifies") {
  Closed log;
  log.close();
  check_whole(log.path());
  const VerifyReport report = verified(log.path());
  CHECK(report.head.id == EventId{12});
  CHECK(report.bodies == 7);
  CHECK(report.erased == 0);
}

TEST_CASE("a log in use cannot be taken to pieces") {
  SqliteEngine engine;
  CHECK(verify(engine.path(), {}).error() == Errc::locked);
  CHECK(rebuild(engine.path(), {}).error() == Errc::locked);
  CHECK(dump_views(engine.path()).error() == Errc::locked);
  TestClock clock;
  CountingRandom random;
  CHECK(restore(engine.path(), engine.path(), clock, random).error() == Errc::locked);
}

TEST_CASE("a wrong path creates nothing") {
  Folder folder;
  CHECK(verify(folder / "nothing.db", {}).error() == Errc::cannot_open);
  CHECK_FALSE(std::filesystem::exists(folder / "nothing.db"));
  CHECK_FALSE(std::filesystem::exists(folder / "nothing.db.lock"));
}

TEST_CASE("a file of something else is left alone") {
  Folder folder;
  const std::string path = folder / "other.db";
  spoil(path, "CREATE TABLE stranger (x)");
  CHECK(verify(path, {}).error() == Errc::not_a_log);
  spoil(path, "PRAGMA application_id = 1397771335; PRAGMA user_version = 4");
  CHECK(verify(path, {}).error() == Errc::newer_schema);
  std::ofstream(folder / "text.db") << std::string(5000, 'x');
  CHECK(rebuild(folder / "text.db", {}).error() == Errc::not_a_log);
}

TEST_CASE("verify names the event that was changed") {
  Closed log;
  log.close();
  const std::string change =
      GENERATE(as<std::string>{}, "SET type = 'x' WHERE id = 5", "SET time = time + 1 WHERE id = 5",
               "SET recipient = randomblob(32) WHERE id = 5", "SET logged = 0 WHERE id = 5",
               "SET hash = zeroblob(32) WHERE id = 5", "SET body_hash = randomblob(32) WHERE id = 5");
  without_triggers(log.path(), "UPDATE event " + change);
  const VerifyReport report = verified(log.path());
  INFO(change);
  REQUIRE(report.fault_count > 0);
  CHECK(report.faults.front().event == EventId{5});
  CHECK(rebuild(log.path(), {}).error() == Errc::corrupt);
}

TEST_CASE("verify names the event that is missing") {
  Closed log;
  log.close();
  without_triggers(log.path(), "DELETE FROM event WHERE id = 4");
  const VerifyReport report = verified(log.path());
  REQUIRE(report.fault_count > 0);
  CHECK(report.faults.front().event == EventId{4});
}

TEST_CASE("verify names the body that was changed or lost") {
  Closed log;
  log.close();
  spoil(log.path(), GENERATE(as<std::string>{}, "UPDATE body SET text = 'forged' WHERE event = 4",
                             "DELETE FROM body WHERE event = 4"));
  const VerifyReport report = verified(log.path());
  REQUIRE(report.fault_count == 1);
  CHECK(report.faults.front().event == EventId{4});
}

TEST_CASE("verify names the event that breaks a rule, though its hash fits") {
  Closed log;
  log.close();
  const EventId forged = forge(log.path(), epoch(client_named("ann"), "phone", 1));  // which the device has had
  const VerifyReport report = verified(log.path());
  REQUIRE(report.fault_count == 1);
  CHECK(report.faults.front().event == forged);
}

TEST_CASE("no log starts whose newest events were changed, or whose heads do not know them") {
  Closed log;
  log.close();
  const std::string change =
      GENERATE(as<std::string>{}, "UPDATE event SET type = 'x' WHERE id = 11",
               "UPDATE event SET epoch = 2 WHERE id = 5", "UPDATE device SET epoch = 0", "UPDATE device SET in_seq = 1",
               "UPDATE device SET shut = 0", "UPDATE client SET out_seq = 1", "UPDATE client SET last_in = 0",
               "UPDATE client SET identity_event = 0", "UPDATE client SET last_intent = 0", "DELETE FROM cursor");
  INFO(change);
  CHECK(why_it_does_not_start(log.path()) == ErrorCode());
  without_triggers(log.path(), change);
  CHECK(why_it_does_not_start(log.path()) == Errc::corrupt);
}

TEST_CASE("an erased body is no fault, and stays erased") {
  Closed log;
  log.close();
  spoil(log.path(), "UPDATE body SET text = NULL WHERE event = 4");
  CHECK(verified(log.path()).erased == 1);
  check_whole(log.path());
  REQUIRE(rebuild(log.path(), {}));
  CHECK(verified(log.path()).erased == 1);
  log.engine().reopen();
  const auto stored = ask(log.engine().log(), [](Reader& reader) { return reader.event({4}); });
  CHECK(stored->erased);
  CHECK_FALSE(stored->draft.body);
}

TEST_CASE("events can be neither changed nor deleted by SQL") {
  Closed log;
  log.close();
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(log.path().c_str(), &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database, "UPDATE event SET type = 'x'", nullptr, nullptr, nullptr) == SQLITE_CONSTRAINT);
  CHECK(sqlite3_exec(database, "DELETE FROM event", nullptr, nullptr, nullptr) == SQLITE_CONSTRAINT);
  CHECK(sqlite3_exec(database, "SELECT * FROM inbox", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(sqlite3_exec(database, "SELECT * FROM outbox", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

TEST_CASE("views that went wrong are found, and rebuilt from the events") {
  Closed log;
  log.close();
  const auto before = dump_views(log.path());
  REQUIRE(before);
  CHECK(std::ranges::count(*before, '\n') > 30);
  spoil(log.path(),
        GENERATE(as<std::string>{}, "DELETE FROM client", "UPDATE client SET out_seq = out_seq + 1",
                 "UPDATE device SET epoch = 7", "UPDATE device SET start = 0", "DELETE FROM cursor", "DELETE FROM key",
                 "DELETE FROM lane WHERE seq = 2", "UPDATE feed SET event = 1 WHERE kind = 5",
                 "DELETE FROM object_link", "DELETE FROM object_type", "DELETE FROM object_author",
                 "DELETE FROM object_permalink", "UPDATE log SET lane_to = 3"));
  const VerifyReport report = verified(log.path());
  REQUIRE(report.fault_count > 0);
  CHECK(report.faults.front().advice.find("rebuild") != std::string::npos);
  REQUIRE(rebuild(log.path(), {}));
  CHECK(*dump_views(log.path()) == *before);
  check_whole(log.path());
  log.engine().reopen();
  const ClientState ben = state_of(log.engine().log(), client_named("ben"));
  CHECK(ben.devices[0].acked == Seq{2});  // an observation, which rebuilding keeps
}

TEST_CASE("where a device starts follows from the events") {
  Closed log;
  log.close();
  spoil(log.path(), "DELETE FROM position; DELETE FROM device");
  REQUIRE(rebuild(log.path(), {}));
  log.engine().reopen();
  CHECK(state_of(log.engine().log(), client_named("ben")).devices[0].acked == Seq{1});
}

TEST_CASE("a restored log has a new name and keeps its restore point") {
  Closed log;
  log.close();
  CountingRandom random;
  for (int i = 0; i < 3; ++i) random.bytes<16>();
  const auto restored = restore(log.path(), log.path(), log.engine().clock, random);
  REQUIRE(restored);
  CHECK(restored->id != log.id);
  check_whole(log.path());
  log.engine().reopen();
  EventLog& opened = log.engine().log();
  CHECK(opened.id() == restored->id);
  const auto points = ask(opened, [](Reader& reader) { return reader.restore_points(); });
  REQUIRE(points.size() == 1);
  CHECK(points[0].earlier == log.id);
  CHECK(points[0].upto == EventId{12});
  CHECK(commit(opened, security("after")).id() == EventId{14});
  log.close();
  check_whole(log.path());
}

TEST_CASE("what MQTT keeps stays through rebuild and restore, and is in no view") {
  Closed log;
  log.engine().reopen();
  keep(log.engine().log(), some_of_mqtt());
  const Lines kept = mqtt_lines(log.engine().log());
  REQUIRE(kept.size() == 6);
  log.close();
  check_whole(log.path());
  CHECK(dump_views(log.path())->find("topic/of/mqtt") == std::string::npos);
  spoil(log.path(), "DELETE FROM client");
  REQUIRE(rebuild(log.path(), {}));
  check_whole(log.path());
  log.engine().reopen();
  CHECK(mqtt_lines(log.engine().log()) == kept);

  const Folder elsewhere;
  log.close();
  std::filesystem::copy_file(log.path(), elsewhere / "backup.db");
  log.engine().reopen();
  keep(log.engine().log(), {DropMqttSession{1}, DropMqttRetained{"topic/of/mqtt"}});  // after the backup
  log.close();
  CountingRandom random;
  REQUIRE(restore(elsewhere / "backup.db", log.path(), log.engine().clock, random));
  check_whole(log.path());
  log.engine().reopen();
  CHECK(mqtt_lines(log.engine().log()) == kept);
}

TEST_CASE("verify finds what hangs on an MQTT session or message that is lost") {
  Closed log;
  log.engine().reopen();
  keep(log.engine().log(), some_of_mqtt());
  log.close();
  const auto [change, faults] =
      GENERATE(table<std::string, std::size_t>({{"DELETE FROM mqtt_session", 3},
                                                {"DELETE FROM mqtt_message", 1},
                                                {"DELETE FROM mqtt_session; DELETE FROM mqtt_message", 4},
                                                {"DELETE FROM mqtt_delivery", 0},
                                                {"UPDATE mqtt_received SET session = 9", 1},
                                                {"UPDATE mqtt_subscription SET session = 9", 1}}));
  spoil(log.path(), change);
  const VerifyReport report = verified(log.path());
  INFO(change);
  CHECK(report.fault_count == faults);
  for (const Fault& fault : report.faults) {
    CHECK(fault.event == EventId{});
    CHECK(fault.what.starts_with("1 MQTT "));
  }
}

TEST_CASE("progress is told") {
  Closed log;
  log.close();
  EventId last;
  REQUIRE(verify(log.path(), [&](EventId at, EventId head) {
    CHECK(head == EventId{12});
    last = at;
  }));
  CHECK(last == EventId{12});
}

}  // namespace sealpost::log::test
