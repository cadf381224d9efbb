// A process that is killed while it appends, and a file that lost its end: what was acknowledged is there.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "conformance.hpp"
#include "log/maintenance.hpp"
#include "mqtt_verbs.hpp"

namespace sealpost::log::test {
namespace {

constexpr int clients = 5;

std::unique_ptr<EventLog> open_log(const std::string& path) {
  static TestClock clock;
  static CountingRandom random;
  static QuietSink sink;
  static Counters counters;
  auto opened = open_sqlite_log({path, clock, random, sink, counters});
  if (!opened) return nullptr;
  return *std::move(opened);
}

Permalink client_of(int number) {
  return client_named("client " + std::to_string(number));
}

// A lane goes on where the log has its end, as a client would.
Draft next_in(EventLog& log, int number) {
  const auto state = ask(log, [&](Reader& reader) { return reader.client(client_of(number)); });
  Draft draft = out_lane(client_of(number)).next("again");
  if (!state) return draft;
  draft.seq = state->out.seq.next();
  draft.prev = state->out.link;
  draft.link = link_named(state->out.link.hex());
  draft.time = state->out.time + 1;
  return draft;
}

// With each message of a lane what MQTT keeps for it takes the place of what it kept for the one before.
MqttWrites rows_for(int number, const Draft& message) {
  const auto seq = static_cast<std::int64_t>(message.seq.value);
  const auto id_of = [&](std::int64_t of) { return of * clients + number; };
  return {DropMqttDelivery{number, seq - 1, id_of(seq - 1)}, PutMqttSession{{number, "client", 60, 0}},
          PutMqttMessage{mqtt_message(id_of(seq), "a", std::string(700, 'x'))},
          PutMqttDelivery{{number, seq, id_of(seq), 1, false, false, {}}},
          PutMqttRetained{mqtt_message(0, std::to_string(number), std::to_string(seq))}};
}

// What MQTT keeps is of the newest message of each lane: a transaction is there whole, or not at all.
void check_rows(EventLog& log) {
  const MqttState kept = mqtt_state(log);
  std::size_t known = 0;
  for (int number = 0; number < clients; ++number) {
    const auto state = ask(log, [&](Reader& reader) { return reader.client(client_of(number)); });
    if (!state) continue;
    ++known;
    const auto seq = static_cast<std::int64_t>(state->out.seq.value);
    const auto its = std::ranges::find(kept.deliveries, number, &MqttDelivery::session);
    REQUIRE(its != kept.deliveries.end());
    REQUIRE(its->number == seq);
    REQUIRE(std::ranges::count(kept.messages, its->message, &MqttMessage::id) == 1);
    const auto retained = std::ranges::find(kept.retained, std::to_string(number), &MqttMessage::topic);
    REQUIRE(retained != kept.retained.end());
    REQUIRE(as_text(retained->payload) == std::to_string(seq));
  }
  REQUIRE(kept.sessions.size() == known);
  REQUIRE(kept.deliveries.size() == known);
  REQUIRE(kept.messages.size() == known);
}

// In the child: appends until it is killed, and writes the id of each acknowledged event down the pipe.
[[noreturn]] void append_for_ever(const std::string& path, int pipe) {
  const auto log = open_log(path);
  if (!log) _exit(3);
  std::vector<Draft> last;
  for (int i = 0; i < clients; ++i) last.push_back(next_in(*log, i));
  std::atomic<int> in_flight{0};
  for (;;) {
    for (int number = 0; number < clients; ++number) {
      Draft& draft = last[static_cast<std::size_t>(number)];
      Transaction transaction = transaction_of(draft, security("beside"));
      transaction.mqtt = rows_for(number, draft);
      ++in_flight;
      log->append(std::move(transaction), [&, pipe](const Result<Appended>& appended) {
        --in_flight;
        if (!appended) _exit(4);
        const std::int64_t id = appended->events.back().id().value;
        if (write(pipe, &id, sizeof id) != sizeof id) _exit(5);
      });
      draft.prev = draft.link;
      draft.link = link_named(draft.link.hex());
      draft.seq = draft.seq.next();
      ++draft.time;
    }
    while (in_flight > 100) std::this_thread::yield();
  }
}

// Kills the child once it has acknowledged `acknowledged` events; gives the last one that it told of.
std::int64_t run_and_kill(const std::string& path, std::int64_t acknowledged) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    append_for_ever(path, ends[1]);
  }
  close(ends[1]);
  std::int64_t last = 0;
  std::int64_t id = 0;
  for (std::int64_t count = 0; count < acknowledged && read(ends[0], &id, sizeof id) == sizeof id; ++count) last = id;
  kill(child, SIGKILL);
  while (read(ends[0], &id, sizeof id) == sizeof id) last = id;  // what it had told before it died
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return last;
}

}  // namespace

TEST_CASE("what was acknowledged survives kill -9, at any moment") {
  Folder folder;
  const std::string path = folder / "log.db";
  for (const std::int64_t acknowledged : {1, 10, 500, 50, 3000}) {
    const std::int64_t last = run_and_kill(path, acknowledged);
    REQUIRE(last > 0);
    const auto report = verify(path, {});
    REQUIRE(report);
    for (const Fault& fault : report->faults) UNSCOPED_INFO(fault.event.value << ": " << fault.what);
    REQUIRE(report->fault_count == 0);
    REQUIRE(report->head.id.value >= last);
    const auto log = open_log(path);
    REQUIRE(log);
    check_rows(*log);
  }
  const auto log = open_log(path);
  REQUIRE(log);
  for (int i = 0; i < clients; ++i) commit(*log, next_in(*log, i));
}

TEST_CASE("a WAL that lost its end opens to a whole prefix") {
  Folder folder;
  const std::string path = folder / "log.db";
  run_and_kill(path, 200);
  const auto size = std::filesystem::file_size(path + "-wal");
  std::int64_t before = INT64_MAX;
  for (const auto part : {0.9, 0.5, 0.2}) {
    std::filesystem::resize_file(path + "-wal", static_cast<std::uintmax_t>(static_cast<double>(size) * part));
    const std::string copy = folder / ("copy" + std::to_string(part));
    std::filesystem::copy_file(path, copy);
    std::filesystem::copy_file(path + "-wal", copy + "-wal");
    const auto report = verify(copy, {});
    // The schema itself was in the WAL: then nothing is left.
    if (!report) {
      CHECK(report.error() == Errc::not_a_log);
      continue;
    }
    for (const Fault& fault : report->faults) UNSCOPED_INFO(fault.event.value << ": " << fault.what);
    CHECK(report->fault_count == 0);
    CHECK(report->head.id.value <= before);
    before = report->head.id.value;
    const auto log = open_log(copy);
    REQUIRE(log);
    check_rows(*log);
  }
}

TEST_CASE("damage to the file is noticed", "[damage]") {
  Folder folder;
  const std::string path = folder / "log.db";
  {
    const auto log = open_log(path);
    InLane out = out_lane(client_named("ann"));
    for (int i = 0; i < 300; ++i) commit(*log, out.next(std::string(500, 'x')));
  }
  const auto size = std::filesystem::file_size(path);
  REQUIRE(verify(path, {})->fault_count == 0);
  int noticed = 0;
  constexpr int tries = 40;
  for (int i = 0; i < tries; ++i) {
    const std::string copy = folder / "copy.db";
    std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    // In the middle of some page, and long enough not to fall between two cells.
    const std::size_t at = (static_cast<std::size_t>(i) * 7919 * 64) % (size - 1024);
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(1024, '\x5a');
    file.close();
    const auto report = verify(copy, {});
    if (!report || report->fault_count > 0) ++noticed;
  }
  // What lies in free space is nobody's.
  CHECK(noticed > tries * 3 / 4);
}

}  // namespace sealpost::log::test
