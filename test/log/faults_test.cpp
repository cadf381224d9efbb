// A disk that is full, and a disk that fails.

#include <fstream>
#include <thread>

#include "conformance.hpp"
#include "faulty_vfs.hpp"
#include "log/maintenance.hpp"
#include "mqtt_verbs.hpp"

namespace sealpost::log::test {
namespace {

using Fault = FaultyVfs::Fault;

class Sick {
 public:
  Sick() { open(); }
  EventLog& log() { return *log_; }
  Result<std::unique_ptr<EventLog>> try_to_open() {
    return open_sqlite_log({folder_ / "log.db", clock_, random_, sink, counters_, vfs.name()});
  }
  void open() {
    auto opened = try_to_open();
    REQUIRE(opened);
    log_ = *std::move(opened);
    log_->on_fatal([this](ErrorCode error) {
      ++fatals;
      fatal.set_value(error);
    });
  }
  void close() { log_.reset(); }
  std::string path() const { return folder_ / "log.db"; }
  Health::State state() const { return log_->health().state; }

  FaultyVfs vfs{"sealpost-faulty"};
  QuietSink sink;
  std::atomic<int> fatals{0};
  std::promise<ErrorCode> fatal;

 private:
  Folder folder_;
  TestClock clock_;
  CountingRandom random_;
  Counters counters_;
  std::unique_ptr<EventLog> log_;
};

// A log with little room for what waits for its writer.
struct Narrow {
  Narrow(std::size_t events_max, std::size_t bytes_max) {
    SqliteOptions options{folder / "log.db", clock, random, sink, counters};
    options.queued_events_max = events_max;
    options.queued_bytes_max = bytes_max;
    log = open_sqlite_log(options);
    REQUIRE(log);
  }

  Folder folder;
  TestClock clock;
  CountingRandom random;
  QuietSink sink;
  Counters counters;
  Result<std::unique_ptr<EventLog>> log = Errc::stopped;
};

EventId head_of(EventLog& log) {
  return ask(log, [](Reader& reader) { return reader.head().id; });
}

// An event, and changes of what MQTT keeps that need some pages.
Transaction event_and_rows() {
  Transaction both = transaction_of(security("with rows"));
  both.mqtt = {DropMqttSession{1}, PutMqttSession{{2, "two", 60, 0}}, PutMqttRetained{mqtt_message(0, "new", "x")}};
  for (std::int64_t i = 1; i <= 50; ++i) {
    both.mqtt.push_back(PutMqttMessage{mqtt_message(i, "a", std::string(3000, 'x'))});
    both.mqtt.push_back(PutMqttDelivery{{2, i, i, 1, false, false, {}}});
  }
  return both;
}

}  // namespace

TEST_CASE("a full disk refuses, and the log goes on by itself") {
  Sick sick;
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  commit(sick.log(), out.next());
  const Draft second = out.next();

  sick.vfs.fail(Fault::full_write);
  CHECK(refusal(sick.log(), second) == Errc::disk_full);
  CHECK(refusal(sick.log(), second) == Errc::disk_full);
  CHECK(sick.state() == Health::State::disk_full);
  CHECK(head_of(sick.log()) == EventId{1});  // what is there can be read
  CHECK(sick.sink.lines == 1);               // said once

  sick.vfs.mend();
  CHECK(commit(sick.log(), second).id() == EventId{2});
  CHECK(sick.state() == Health::State::ready);
  CHECK(sick.fatals == 0);
  CHECK(state_of(sick.log(), ann).out.seq == Seq{2});
  sick.close();
  CHECK(verify(sick.path(), {})->fault_count == 0);
}

TEST_CASE("what a full disk refused is nowhere, and other events take its place") {
  Sick sick;
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  commit(sick.log(), out.next());
  const Draft second = out.next();
  sick.vfs.fail(Fault::full_write);
  CHECK(refusal(sick.log(), second) == Errc::disk_full);
  sick.vfs.mend();
  CHECK(commit(sick.log(), security("in its place")).id() == EventId{2});
  CHECK(commit(sick.log(), second).id() == EventId{3});
  const auto lane =
      ask(sick.log(), [&](Reader& reader) { return reader.lane({ann}, Seq{1}, {.events = 10, .bytes = 1 << 20}); });
  CHECK(ids_of(lane) == std::vector<std::int64_t>{1, 3});
  const auto found = ask(sick.log(), [&](Reader& reader) { return reader.at({ann}, Seq{2}); });
  REQUIRE(found);
  CHECK(found->committed.id() == EventId{3});
}

TEST_CASE("a disk that stays full is not said to have room") {
  Sick sick;
  commit(sick.log(), security("before"));
  sick.vfs.fail(Fault::full_write);
  CHECK(refusal(sick.log(), security("refused")) == Errc::disk_full);
  // Nobody appends: the log finds out by itself, twice.
  const int before = sick.vfs.failures();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (sick.vfs.failures() < before + 2 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(sick.vfs.failures() >= before + 2);
  CHECK(sick.state() == Health::State::disk_full);
  CHECK(sick.sink.lines == 1);
}

TEST_CASE("what was acknowledged on a full disk is noted when there is room") {
  Sick sick;
  const Permalink ann = client_named("ann");
  InLane out = out_lane(ann);
  commit(sick.log(), epoch(ann, "phone", 1), out.next());
  sick.vfs.fail(Fault::full_write);
  sick.log().note_acked(ann, device_named("phone"), Seq{1});
  CHECK(refusal(sick.log(), security("refused")) == Errc::disk_full);
  sick.vfs.mend();
  commit(sick.log(), security("goes"));
  commit(sick.log(), security("on"));
  CHECK(state_of(sick.log(), ann).devices.front().acked == Seq{1});
}

TEST_CASE("a disk that is full in the middle of a commit leaves nothing of it") {
  Sick sick;
  InLane out = out_lane(client_named("ann"));
  commit(sick.log(), out.next());
  const int after = GENERATE(1, 2, 3, 5);
  Transaction large;
  for (int i = 0; i < 200; ++i) large.drafts.push_back(out.next(std::string(2000, 'x')));
  sick.vfs.fail(Fault::full_write, after);
  CHECK(append(sick.log(), large).error() == Errc::disk_full);
  sick.vfs.mend();
  CHECK(head_of(sick.log()) == EventId{1});
  REQUIRE(append(sick.log(), large));
  sick.close();
  CHECK(verify(sick.path(), {})->fault_count == 0);
}

TEST_CASE("on a full disk what MQTT keeps stays as it was, with the events") {
  Sick sick;
  keep(sick.log(), {PutMqttSession{{1, "one", 60, 0}}});
  const Lines before = mqtt_lines(sick.log());
  int writes = 0;  // that the disk still takes
  for (;; ++writes) {
    sick.vfs.fail(Fault::full_write, writes);
    const auto appended = append(sick.log(), event_and_rows());
    sick.vfs.mend();
    if (appended) break;
    REQUIRE(appended.error() == Errc::disk_full);
    REQUIRE(mqtt_lines(sick.log()) == before);
    REQUIRE(head_of(sick.log()) == EventId{});
  }
  CHECK(writes > 1);
  CHECK(head_of(sick.log()) == EventId{1});
  CHECK(mqtt_state(sick.log()).deliveries.size() == 50);
  CHECK(mqtt_state(sick.log()).sessions.size() == 1);
  sick.close();
  CHECK(verify(sick.path(), {})->fault_count == 0);
}

TEST_CASE("after a failed disk an event is there with its changes for MQTT, or neither is") {
  Sick sick;
  keep(sick.log(), {PutMqttSession{{1, "one", 60, 0}}});
  const auto [fault, after] =
      GENERATE(table<Fault, int>({{Fault::bad_sync, 0}, {Fault::bad_write, 0}, {Fault::bad_write, 1}}));
  sick.vfs.fail(fault, after);
  CHECK(append(sick.log(), event_and_rows()).error() == Errc::io);
  CHECK(wait_for(sick.fatal.get_future()) == Errc::io);
  sick.vfs.mend();
  sick.close();
  sick.fatal = {};
  sick.open();
  const bool there = head_of(sick.log()) == EventId{1};
  const MqttState state = mqtt_state(sick.log());
  CHECK(state.deliveries.size() == (there ? 50 : 0));
  CHECK(state.messages.size() == (there ? 50 : 0));
  CHECK(state.retained.size() == (there ? 1 : 0));
  REQUIRE(state.sessions.size() == 1);
  CHECK(state.sessions[0].id == (there ? 2 : 1));
}

TEST_CASE("a disk too full for the tables that an older log lacks leaves that log as it is") {
  Sick sick;
  commit(sick.log(), security("old"));
  sick.close();
  take_back_to_version_2(sick.path());
  int writes = 0;  // that the disk still takes
  for (;; ++writes) {
    sick.vfs.fail(Fault::full_write, writes);
    const auto opened = sick.try_to_open();
    sick.vfs.mend();
    if (opened) break;
    REQUIRE(opened.error() == Errc::disk_full);
    REQUIRE(Database(sick.path(), SQLITE_OPEN_READWRITE, {}).number("PRAGMA user_version") == 2);
    REQUIRE(verify(sick.path(), {})->fault_count == 0);
  }
  CHECK(writes > 0);
  sick.open();
  CHECK(head_of(sick.log()) == EventId{1});
  keep(sick.log(), {PutMqttSession{{1, "one", 60, 0}}});
}

TEST_CASE("a failed disk acknowledges nothing, says so once, and takes no more") {
  Sick sick;
  InLane out = out_lane(client_named("ann"));
  commit(sick.log(), out.next());
  const Draft second = out.next();
  // After a failed fsync nobody knows what is on disk: to try again might lie.
  sick.vfs.fail(GENERATE(Fault::bad_sync, Fault::bad_write));
  CHECK(refusal(sick.log(), second) == Errc::io);
  CHECK(wait_for(sick.fatal.get_future()) == Errc::io);
  sick.vfs.mend();
  CHECK(refusal(sick.log(), second) == Errc::io);
  CHECK(refusal(sick.log(), security("more")) == Errc::io);
  CHECK(sick.state() == Health::State::failed);
  CHECK(sick.fatals == 1);
  CHECK(head_of(sick.log()) == EventId{1});

  sick.close();
  sick.fatal = {};
  sick.open();
  CHECK(sick.state() == Health::State::ready);
  CHECK(head_of(sick.log()).value >= 1);  // the second may be there: it was never acknowledged
  sick.close();
  CHECK(verify(sick.path(), {})->fault_count == 0);
}

TEST_CASE("everything that is queued fails with the disk") {
  Sick sick;
  InLane out = out_lane(client_named("ann"));
  commit(sick.log(), out.next());
  sick.vfs.fail(Fault::bad_sync);
  std::vector<std::future<Result<Appended>>> queued;
  for (int i = 0; i < 500; ++i) queued.push_back(append_later(sick.log(), transaction_of(out.next())));
  for (auto& each : queued) CHECK(wait_for(std::move(each)).error() == Errc::io);
  wait_for(sick.fatal.get_future());
  CHECK(sick.fatals == 1);
}

TEST_CASE("each commit is synced before it is answered") {
  Sick sick;
  for (int i = 0; i < 5; ++i) {
    const int before = sick.vfs.syncs();
    commit(sick.log(), security("x"));
    CHECK(sick.vfs.syncs() > before);
  }
}

TEST_CASE("a read that the disk fails is not answered with less, and stops the log") {
  Sick sick;
  InLane out = out_lane(client_named("ann"));
  // More than a reader's cache begins with.
  for (int i = 0; i < 50; ++i) commit(sick.log(), out.next(std::string(3000, 'x')));
  std::promise<std::size_t> answer;
  sick.vfs.fail(Fault::bad_read);
  sick.log().read([&](Reader& reader) {
    answer.set_value(reader.lane({client_named("ann")}, {1}, {100, 1 << 20}).size());
  });
  CHECK(wait_for(sick.fatal.get_future()) == Errc::io);
  sick.vfs.mend();
  CHECK(answer.get_future().wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  CHECK(refusal(sick.log(), security("x")) == Errc::io);
}

TEST_CASE("too much in the queue is refused and not lost") {
  Narrow narrow(2, 1000);
  const auto& log = narrow.log;
  CHECK(append(**log, transaction_of(security("a"), security("b"), security("c"))).error() == Errc::overloaded);
  Draft heavy = security("heavy");
  heavy.body = body_of(std::string(1001, 'x'));
  CHECK(refusal(**log, heavy) == Errc::overloaded);
  CHECK(commit(**log, security("light")).id() == EventId{1});
  CHECK((*log)->health().queued_events == 0);
  CHECK((*log)->health().queued_bytes == 0);
}

TEST_CASE("changes of what MQTT keeps count as events do, and so do their bytes") {
  Narrow narrow(2, 1000);
  EventLog& log = **narrow.log;
  CHECK(append(log, transaction_of({DropMqttSession{1}, DropMqttSession{2}, DropMqttSession{3}})).error() ==
        Errc::overloaded);
  Transaction mixed = transaction_of(security("a"));
  mixed.mqtt = {DropMqttSession{1}, DropMqttSession{2}};
  CHECK(append(log, mixed).error() == Errc::overloaded);
  CHECK(append(log, transaction_of({PutMqttRetained{mqtt_message(0, "a", std::string(1000, 'x'))}})).error() ==
        Errc::overloaded);
  CHECK(append(log, transaction_of({PutMqttSubscription{{1, std::string(1001, 'x'), 0, 0}}})).error() ==
        Errc::overloaded);
  keep(log, {PutMqttRetained{mqtt_message(0, "a", std::string(999, 'x'))}, DropMqttSession{1}});
  CHECK(mqtt_state(log).retained.size() == 1);
  CHECK(log.health().queued_events == 0);
  CHECK(log.health().queued_bytes == 0);
}

TEST_CASE("changes of what MQTT keeps fill a batch as events do") {
  Narrow narrow(1000, 1000);
  EventLog& log = **narrow.log;
  std::promise<void> writer_is_held;
  std::promise<void> go_on;
  log.append(transaction_of(security("first")), [&](const Result<Appended>&) {
    writer_is_held.set_value();
    go_on.get_future().wait();
  });
  wait_for(writer_is_held.get_future());
  const std::int64_t before = narrow.counters.commits_total.value();
  std::vector<std::future<Result<Appended>>> queued;
  for (std::int64_t i = 1; i <= 150; ++i)
    queued.push_back(append_later(log, transaction_of({PutMqttReceived{{1, i}}, PutMqttReceived{{2, i}}})));
  CHECK(log.health().queued_events == 300);
  go_on.set_value();
  for (auto& each : queued) CHECK(wait_for(std::move(each)).has_value());
  CHECK(narrow.counters.commits_total.value() - before == 2);  // of 256 at most
  CHECK(mqtt_state(log).received.size() == 300);
}

TEST_CASE("a refusal waits for its turn") {
  Narrow narrow(1, 1000);
  const auto& log = narrow.log;
  std::promise<void> writer_is_held;
  std::promise<void> go_on;
  (*log)->append(transaction_of(security("first")), [&](const Result<Appended>&) {
    writer_is_held.set_value();
    go_on.get_future().wait();
  });
  wait_for(writer_is_held.get_future());
  std::vector<std::string> answers;  // on the writer's thread
  std::promise<void> all;
  (*log)->append(transaction_of(security("queued")), [&](const Result<Appended>& appended) {
    answers.push_back(appended ? "stored" : appended.error().message());
  });
  (*log)->append(transaction_of(security("too many")), [&](const Result<Appended>& appended) {
    answers.push_back(appended ? "stored" : appended.error().message());
    all.set_value();
  });
  CHECK(answers.empty());
  go_on.set_value();
  wait_for(all.get_future());
  CHECK(answers == std::vector<std::string>{"stored", make_error_code(Errc::overloaded).message()});
}

TEST_CASE("a log is open in one process only") {
  SqliteEngine engine;
  TestClock clock;
  CountingRandom random;
  CHECK(open_sqlite_log({engine.path(), clock, random, engine.sink, engine.counters}).error() == Errc::locked);
}

TEST_CASE("a log does not open where there is no folder, nor over another file") {
  Folder folder;
  TestClock clock;
  CountingRandom random;
  QuietSink sink;
  Counters counters;
  CHECK(open_sqlite_log({folder / "no/log.db", clock, random, sink, counters}).error() == Errc::cannot_open);
  std::ofstream(folder / "text.db") << std::string(5000, 'x');
  CHECK(open_sqlite_log({folder / "text.db", clock, random, sink, counters}).error() == Errc::not_a_log);
}

}  // namespace sealpost::log::test
