#include "faults.hpp"

#include <fmt/format.h>

#include <future>
#include <semaphore>

#include "asking.hpp"
#include "judge.hpp"
#include "pauses.hpp"

namespace sealpost::power {
namespace {

constexpr std::uint64_t script_seed = 4;
constexpr int bodies_max = 3000;
constexpr int steps = 13;
constexpr int transactions_a_step = 8;
constexpr int full_waits = 5;  // for room, before some is made

}  // namespace

std::uint64_t Faults::calls() {
  play(UINT64_MAX, Failing::once);
  return breakage_.calls();
}

bool Faults::run(std::uint64_t call, Failing failing) {
  try {
    play(call, failing);
    if (!breakage_.has_failed()) return false;
    const std::vector<Operation> trace = machine_.disk.trace();
    std::vector<std::size_t> acks;
    for (const Entry& entry : ledger_.entries())
      if (entry.acked_at) acks.push_back(*entry.acked_at);
    must_be_whole_after_cut(trace, trace.size(), Survivors::none);
    if (!acks.empty()) must_be_whole_after_cut(trace, acks[dice_() % acks.size()], Survivors::sectors);
    return true;
  } catch (const std::exception& error) {
    log_.reset();
    throw Violation(fmt::format("{} failed {}, call {}: {}", breakage_.failed(), name_of(failing), call, error.what()));
  }
}

// Whatever fails, the script goes on to its end: with the same log, or with the next.
void Faults::play(std::uint64_t call, Failing failing) {
  dice_.seed(script_seed);
  author_.emplace(dice_, bodies_max);
  ledger_ = {};
  failing_ = failing;
  machine_.vfs.seed(script_seed);
  machine_.start({});
  breakage_.arm(call, failing);
  open();
  for (int number = 1; number <= steps; ++number) {
    try {
      step(number);
    } catch (const LogFailed&) {
      restart();
    }
  }
  log_.reset();
  breakage_.mend();
}

void Faults::step(int number) {
  append(transactions_a_step);
  if (number % 4 == 0) keep_house();
  if (number % 5 == 0) look();
  if (number != 7) return;
  log_.reset();
  open();
}

// What could not be opened can be when the disk is well.
void Faults::open() {
  auto opened = machine_.open();
  if (opened) {
    log_ = *std::move(opened);
  } else {
    if (!breakage_.has_failed()) throw Violation("the log does not open: " + opened.error().message());
    breakage_.mend();
    log_ = machine_.must_open();
  }
}

// Until all are acknowledged.
void Faults::append(int transactions) {
  std::vector<std::size_t> places;
  for (int i = 0; i < transactions; ++i)
    places.push_back(ledger_.give(author_->lawful(ledger_.model()), machine_.clock.now()));
  for (int tries = 1;; ++tries) {
    const auto answers = give(places);
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!answers[i]) continue;
      if (answers[i] == log::Errc::io) end_failed_log();
      if (answers[i] != log::Errc::disk_full)
        throw Violation("a lawful transaction is refused: " + answers[i].message());
      left.push_back(places[i]);
    }
    if (left.empty()) return;
    if (!breakage_.has_failed()) throw Violation("a disk with room is called full");
    places = left;
    if (tries == full_waits) find_room();
    if (tries > full_waits) throw Violation("a disk with room stays full");
  }
}

// The first alone, and the others if it is taken: as a batch, on the writer's thread. What was not given is as what was
// given with it.
std::vector<ErrorCode> Faults::give(const std::vector<std::size_t>& places) {
  std::vector<ErrorCode> answers(places.size());
  std::size_t waiting = places.size();
  std::binary_semaphore all_answered{0};
  std::string broken;
  std::function<void(std::size_t)> give_one = [&](std::size_t i) {
    log_->append(ledger_.entries()[places[i]].transaction, [&, i](const Result<log::Appended>& answer) {
      try {
        answers[i] = answer ? ErrorCode() : answer.error();
        ledger_.answered(places[i], answer, machine_.disk.now());
      } catch (const Violation& violation) {
        broken = violation.what();
      }
      for (std::size_t other = 1; i == 0 && other < places.size(); ++other) {
        if (answer) {
          give_one(other);
        } else {
          answers[other] = answer.error();
          --waiting;
        }
      }
      if (--waiting == 0) all_answered.release();
    });
  };
  give_one(0);
  all_answered.acquire();
  if (!broken.empty()) throw Violation(broken);
  return answers;
}

// A full disk is read, and does not get room by itself.
void Faults::find_room() {
  if (log_->health().state != log::Health::State::disk_full) throw Violation("a full disk is not called so");
  look();
  keep_house();
  if (log_->health().state != log::Health::State::disk_full) throw Violation("a full disk is said to have room");
  breakage_.mend();
}

void Faults::look() {
  try {
    judge(*log_, ledger_, ledger_.sure(machine_.disk.now()), machine_.clock.now());
  } catch (const CannotRead&) {
    end_failed_log();
  }
}

void Faults::keep_house() {
  const auto has_failed = [this] { return machine_.fatals > 0; };
  wait_until_idle(log_threads, 30, has_failed);
  if (has_failed()) end_failed_log();
}

// It has told of it once, and takes nothing any more, well as the disk may be.
void Faults::end_failed_log() {
  if (!breakage_.has_failed()) throw Violation("the log fails on a disk that does not");
  breakage_.mend();
  // A reader that fails tells the writer.
  wait_until_idle(log_threads + 1, 1'000'000, [this] { return machine_.fatals > 0; });
  std::promise<Result<log::Appended>> answer;
  log_->append({}, [&](const Result<log::Appended>& given) { answer.set_value(given); });
  if (const auto given = answer.get_future().get(); given || given.error() != log::Errc::io)
    throw Violation("a log that has failed takes more");
  log_.reset();
  if (machine_.fatals != 1) throw Violation(fmt::format("a failed log told of it {} times", machine_.fatals.load()));
  throw LogFailed();
}

// Another process, on the same machine: it finds what was acknowledged, and perhaps more.
void Faults::restart() {
  machine_.must_verify();
  log_ = machine_.must_open();
  const Finding found = judge(*log_, ledger_, ledger_.sure(machine_.disk.now()), machine_.clock.now());
  settle(ledger_, found, false);
}

void Faults::must_be_whole_after_cut(const std::vector<Operation>& trace, std::size_t at, Survivors survivors) {
  Platter platter{Image()};
  for (std::size_t i = 0; i < at; ++i) platter.apply(trace[i]);
  machine_.start(platter.after_cut(survivors, dice_));
  const std::size_t sure = ledger_.sure(at);
  if (sure > 0) machine_.must_verify();
  const auto log = machine_.must_open();
  judge(*log, ledger_, sure, machine_.clock.now());
}

}  // namespace sealpost::power
