#include "damage/trial.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "log/maintenance.hpp"
#include "log/sqlite_log.hpp"

namespace sealpost::damage {
namespace {

struct StillClock final : Clock {
  Millis now() const override { return 1'700'001'000'000; }
  std::int64_t steady_us() const override { return 0; }
};

struct NoRandom final : Random {
  void fill(std::span<std::uint8_t> out) override { std::ranges::fill(out, std::uint8_t{7}); }
};

struct NoSink final : LogSink {
  bool wants(Level) const override { return false; }
  void write(Level, std::string_view, std::string_view) override {}
};

// A log in use, as a server has it.
struct Running {
  StillClock clock;
  NoRandom random;
  NoSink sink;
  Counters counters;
  Result<std::unique_ptr<log::EventLog>> log;

  explicit Running(const std::string& path) : log(log::open_sqlite_log({path, clock, random, sink, counters})) {}
};

std::string printable(std::string_view text) {
  std::string shown;
  for (const char byte : text.substr(0, 200)) shown += byte >= ' ' && byte <= '~' ? byte : '.';
  return shown;
}

}  // namespace

const char* name_of(Outcome outcome) {
  constexpr const char* names[outcomes] = {"start",  "verify", "reading", "equal", "earlier", "shown",
                                           "beside", "wrong",  "mute",    "crash", "hang"};
  return names[static_cast<int>(outcome)];
}

bool is_failure(Outcome outcome) {
  return outcome >= Outcome::wrong;
}

Trials::Trials(const Undamaged& undamaged, std::string folder, bool believe_verify)
    : undamaged_(undamaged), folder_(std::move(folder)), believe_verify_(believe_verify) {
  std::filesystem::create_directories(folder_);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
  closed_ = expected_of(undamaged.scene.closed);
  killed_ = expected_of(undamaged.scene.killed);
  earlier_.push_back(closed_);
  for (const LogFiles& files : undamaged.scene.earlier) earlier_.push_back(expected_of(files));
}

Verdict Trials::of(const Harm& harm) {
  switch (groups()[harm.group].target) {
    case Target::key_ring:
    case Target::key_file:
      return of_keys(harm);
    case Target::configuration:
      return of_configuration(harm);
    default:
      return of_log(harm);
  }
}

void Trials::place(const LogFiles& files) const {
  for (const auto& [suffix, bytes] :
       {std::pair<const char*, const std::string&>{"", files.database}, {"-wal", files.wal}, {"-shm", files.shm}}) {
    const std::string path = folder_ + "/log.db" + suffix;
    std::filesystem::remove(path);
    if (!bytes.empty() || *suffix == '\0') write_file(path, bytes);
  }
}

Answers Trials::expected_of(const LogFiles& files) const {
  place(files);
  if (const auto refused = refused_by_verify()) throw std::runtime_error("undamaged, and yet: " + refused->why);
  place(files);
  Running running(folder_ + "/log.db");
  return answers_of(*running.log.value(), undamaged_.scene.known).value();
}

std::optional<Verdict> Trials::refused_by_verify() const {
  const auto report = log::verify(folder_ + "/log.db", {});
  if (!report) return Verdict{Outcome::refused_by_verify, report.error().message()};
  if (report->fault_count == 0) return std::nullopt;
  const log::Fault& first = report->faults.front();
  if (first.what.empty() || first.advice.empty()) return Verdict{Outcome::mute, "a fault without words"};
  return Verdict{Outcome::refused_by_verify, first.what + ". " + first.advice};
}

// Each on files as the damage left them: a start changes them, and so may verify.
Verdict Trials::of_log(const Harm& harm) {
  const Target target = groups()[harm.group].target;
  place(harm.log);
  std::optional<Answers> answers;
  {
    Running running(folder_ + "/log.db");
    if (!running.log) return {Outcome::refused_at_start, running.log.error().message()};
    answers = answers_of(**running.log, undamaged_.scene.known);
  }
  if (believe_verify_) {
    place(harm.log);
    if (auto refused = refused_by_verify()) return *std::move(refused);
  }
  if (!answers) return {Outcome::refused_reading, "the log cannot be read on"};
  const bool may_end =
      target == Target::wal_alone || (target == Target::wal_and_shm && harm.log.wal.size() < wal_header);
  return of_answers(*answers, target, may_end);
}

// `may_end`: nothing is left that could tell how long the write-ahead log was.
Verdict Trials::of_answers(const Answers& answers, Target target, bool may_end) const {
  const Answers& expected = target == Target::database ? closed_ : killed_;
  if (answers == expected) return {Outcome::equal, {}};
  if (target != Target::database)
    for (std::size_t commits = 0; commits < earlier_.size(); ++commits)
      if (answers == earlier_[commits]) {
        const std::string why = fmt::format("{} of {} commits", commits, earlier_.size() - 1);
        return {may_end ? Outcome::ended_earlier : Outcome::wrong, why};
      }
  if (const Answer* other = difference(answers, expected, false))
    return {Outcome::wrong, other->question + ": once " + printable(other->text)};
  const Answer* other = difference(answers, expected, true);
  return {Outcome::beside, other ? other->question : ""};
}

}  // namespace sealpost::damage
