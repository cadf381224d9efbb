#include "machine.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "log/sqlite_log.hpp"
#include "pauses.hpp"

namespace sealpost::power {

void Machine::start(Image image) {
  std::filesystem::remove(path_ + ".lock");
  disk.load(std::move(image));
}

// The tools look first whether the database is there, and all look in its write-ahead log for damage.
void Machine::show_files() const {
  for (const char* const suffix : {"", "-wal"}) std::filesystem::remove(path_ + suffix);
  std::ofstream touch(path_);
  for (const auto& [name, bytes] : disk.cached())
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Result<std::unique_ptr<log::EventLog>> Machine::open() {
  fatals = 0;
  show_files();
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
  show_files();
  const auto report = log::verify(path_, {});
  if (!report) throw Violation("the log cannot be verified: " + report.error().message());
  if (report->fault_count > 0)
    throw Violation(fmt::format("verify: event {}: {}", report->faults[0].event.value, report->faults[0].what));
}

void Machine::must_rebuild() {
  show_files();
  const auto before = log::dump_views(path_);
  const auto rebuilt = log::rebuild(path_, {});
  if (!before || !rebuilt) throw Violation("the log cannot be rebuilt");
  const auto after = log::dump_views(path_);
  if (!after || *before != *after) throw Violation("rebuilt views are not those that were there");
}

}  // namespace sealpost::power
