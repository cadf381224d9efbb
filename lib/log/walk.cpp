#include "log/walk.hpp"

#include "log/event_rows.hpp"

namespace sealpost::log {
namespace {

constexpr std::size_t faults_max = 20;  // as maintenance.hpp says
constexpr std::int64_t progress_every = 4096;
constexpr int column_of_body_row = column_of_text + 1;

constexpr const char* restore = "Restore the log from a backup that verifies.";

class Walk {
 public:
  Walk(Database& database, const LogRow& log, Fold& fold, VerifyReport& report)
      : database_(database), log_(log), fold_(fold), report_(report) {}

  void run(const Progress& progress) {
    report_.head = {{}, first_link()};
    auto row = events_.query();
    while (row.next()) {
      Record record = record_of(row);
      check_place(record);
      check_body(record, row);
      check_law(record);
      report_.head = {record.id, record.hash};
      part_ = record.part;
      if (progress && record.id.value % progress_every == 0) progress(record.id, log_.head.id);
    }
    if (database_.failed())
      add_fault(report_, report_.head.id.next(),
                "The file cannot be read from here on (" + database_.error().message() + ")", restore);
    if (progress) progress(report_.head.id, log_.head.id);
  }

 private:
  // A restored log began under the id that its first restore event names as the earlier one.
  Digest first_link() {
    const std::string earlier = database_.text("SELECT type FROM event WHERE kind = 9 ORDER BY id LIMIT 1");
    return genesis(earlier.empty() ? log_.id : Device::parse(earlier).value_or(Device{}));
  }

  void fault(const Record& record, std::string what) { add_fault(report_, record.id, std::move(what), restore); }

  void check_place(const Record& record) {
    const EventId expected = report_.head.id.next();
    if (record.id != expected) {
      add_fault(report_, expected, "The events from here to " + std::to_string(record.id.value - 1) + " are missing",
                restore);
    } else if (record.hash != chain_hash(report_.head.hash, record)) {
      fault(record, "The event does not fit its hash, or its hash the one before");
    }
    if (record.part != 0 && record.part != part_ + 1) fault(record, "The event's place in its transaction is wrong");
  }

  void check_body(const Record& record, const Statement::Rows& row) {
    const bool has_row = !row.is_null(column_of_body_row);
    const bool has_text = !row.is_null(column_of_text);
    if (record.body_hash == Digest{}) {
      if (has_row) fault(record, "There is a body where there was none");
    } else if (!has_row) {
      fault(record, "The body is missing");
    } else if (!has_text) {
      ++report_.erased;
    } else if (sha256(as_bytes(row.text(column_of_text))) != record.body_hash) {
      fault(record, "The body does not fit its hash");
    } else {
      ++report_.bodies;
    }
  }

  void check_law(const Record& record) {
    if (const ErrorCode verdict = fold_.add(record)) fault(record, "The event breaks a rule: " + verdict.message());
    const bool restored = record.draft.kind == Kind::restored;
    if (restored && record.draft.cause.value != record.id.value - 1)
      fault(record, "The restore point is not where it is written");
  }

  Database& database_;
  const LogRow& log_;
  Fold& fold_;
  VerifyReport& report_;
  std::size_t part_ = 0;  // of the event before
  Statement events_{database_,
                    "SELECT " SEALPOST_EVENT_COLUMNS
                    ", text, body.event FROM event LEFT JOIN body ON body.event = event.id ORDER BY event.id"};
};

}  // namespace

void add_fault(VerifyReport& report, EventId event, std::string what, std::string advice) {
  ++report.fault_count;
  if (report.faults.size() < faults_max) report.faults.push_back({event, std::move(what), std::move(advice)});
}

void walk(Database& database, const LogRow& log, Fold& fold, VerifyReport& report, const Progress& progress) {
  Walk(database, log, fold, report).run(progress);
}

}  // namespace sealpost::log
