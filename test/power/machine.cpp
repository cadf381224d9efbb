#include "machine.hpp"

#include <fmt/format.h>

#include <fstream>

#include "log/sqlite_log.hpp"
#include "pauses.hpp"

namespace sealpost::power {

Machine::Machine() {
  // The tools look first whether the file is there.
  std::ofstream touch(path_);
}

void Machine::start(Image image) {
  disk.load(std::move(image));
}

Result<std::unique_ptr<log::EventLog>> Machine::open() {
  fatals = 0;
  auto opened = log::open_sqlite_log({path_, clock, random, sink, counters});
  if (opened)
    (*opened)->on_fatal([this](const ErrorCode&) {
      ++fatals;
      notice();
    });
  return opened;
}

std::unique_ptr<log::EventLog> Machine::must_open() {
  auto opened = open();
  if (!opened) throw Violation("the log does not open: " + opened.error().message());
  return *std::move(opened);
}

void Machine::must_verify() {
  const auto report = log::verify(path_, {});
  if (!report) throw Violation("the log cannot be verified: " + report.error().message());
  if (report->fault_count > 0)
    throw Violation(fmt::format("verify: event {}: {}", report->faults[0].event.value, report->faults[0].what));
}

void Machine::must_rebuild() {
  const auto before = log::dump_views(path_);
  const auto rebuilt = log::rebuild(path_, {});
  if (!before || !rebuilt) throw Violation("the log cannot be rebuilt");
  const auto after = log::dump_views(path_);
  if (!after || *before != *after) throw Violation("rebuilt views are not those that were there");
}

}  // namespace sealpost::power
