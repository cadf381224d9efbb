#include <fmt/format.h>

#include "log/errc.hpp"
#include "log/walk.hpp"

namespace sealpost::log {
namespace {

constexpr const char* rebuild_it = "Run: sealpost rebuild";

// Reads both tables side by side, in the order of their keys.
void compare_table(const ViewTable& table, Database& there, Database& expected, VerifyReport& report) {
  Statement of_file(there, select_sorted(table));
  Statement of_events(expected, select_sorted(table));
  auto found = of_file.query();
  auto wanted = of_events.query();
  for (;;) {
    const bool more = found.next();
    const bool more_wanted = wanted.next();
    if (!more && !more_wanted) return;
    const std::string line = more ? found.line() : "nothing";
    const std::string line_wanted = more_wanted ? wanted.line() : "nothing";
    if (line == line_wanted) continue;
    return add_fault(report, {},
                     fmt::format("The view '{}' does not follow from the events: it has {}, they say {}", table.name,
                                 line, line_wanted),
                     rebuild_it);
  }
}

void check_intents(const Fold& fold, VerifyReport& report) {
  for (const EventId id : fold.passed_over())
    add_fault(report, id,
              "Intent " + std::to_string(id.value) +
                  " was never carried out: its recipient's cursor is past it, and no event has it as its cause",
              "Nothing else is lost. Have what it asks for sent again.");
}

void check_observations(Database& database, VerifyReport& report) {
  const std::int64_t beyond =
      database.number("SELECT count(*) FROM position LEFT JOIN client USING (client) WHERE acked > ifnull(out_seq, 0)");
  if (beyond > 0)
    add_fault(report, {}, std::to_string(beyond) + " devices have acknowledged more than they were sent",
              "Restore the log from a backup that verifies.");
  const std::int64_t dangling = database.number(
      "SELECT count(*) FROM idempotency WHERE first + count - 1 > (SELECT ifnull(max(id), 0) FROM event)");
  if (dangling > 0)
    add_fault(report, {}, std::to_string(dangling) + " idempotency keys name events that are not there",
              "Restore the log from a backup that verifies.");
}

// Rows that hang on a session or a message which is not there.
void check_mqtt(Database& database, VerifyReport& report) {
  struct Dangling {
    const char* count;
    const char* what;
  };
  constexpr Dangling dangling[] = {
      {"SELECT count(*) FROM mqtt_delivery WHERE session NOT IN (SELECT id FROM mqtt_session)",
       "MQTT deliveries are for sessions that are not there"},
      {"SELECT count(*) FROM mqtt_delivery WHERE message NOT IN (SELECT id FROM mqtt_message)",
       "MQTT deliveries are of messages that are not there"},
      {"SELECT count(*) FROM mqtt_subscription WHERE session NOT IN (SELECT id FROM mqtt_session)",
       "MQTT subscriptions are of sessions that are not there"},
      {"SELECT count(*) FROM mqtt_received WHERE session NOT IN (SELECT id FROM mqtt_session)",
       "MQTT packet ids are of sessions that are not there"}};
  if (!has_mqtt_tables(database)) return;
  for (const auto& [count, what] : dangling)
    if (const std::int64_t rows = database.number(count); rows > 0)
      add_fault(
          report, {}, std::to_string(rows) + " " + what,
          "The events are not concerned. Restore the log from a backup that verifies, or go on without what these "
          "sessions were to get.");
}

// What SQLite itself finds wrong with the file. Not the quick check, which leaves out whether an index has what its
// table has.
void check_file(Database& database, VerifyReport& report) {
  Statement check(database, "PRAGMA integrity_check(20)");
  for (auto row = check.query(); row.next();)
    if (row.text(0) != "ok")
      add_fault(report, {}, "The file is damaged: " + std::string(row.text(0)),
                "Restore the log from a backup that verifies.");
}

}  // namespace

Result<VerifyReport> verify(const std::string& path, const Progress& progress) {
  auto opened = open_offline(path, Access::inspect);
  if (!opened) return opened.error();
  Database& database = *opened->database;
  const auto log = read_log_row(database);
  if (!log) return log.error();
  auto scratch = open_scratch();
  if (!scratch) return scratch.error();

  VerifyReport report;
  check_file(database, report);
  database.rollback();
  Fold fold(**scratch, log->indexed_to);
  walk(database, *log, fold, report, progress);
  fold.finish();
  if (database.failed()) return report;
  check_intents(fold, report);
  if (log->indexed_to.most() > log->head.id) add_fault(report, {}, "The indexes run ahead of the events", rebuild_it);
  for (const ViewTable& table : view_tables) compare_table(table, database, **scratch, report);
  check_observations(database, report);
  check_mqtt(database, report);
  if (database.failed())
    add_fault(report, {}, "The views cannot be read (" + database.error().message() + ")", rebuild_it);
  if ((*scratch)->failed()) return (*scratch)->error();
  return report;
}

}  // namespace sealpost::log
