#pragma once
// The engines that the conformance suite (conformance_*_test.cpp) is run against: each case is a fact about all of
// them. An engine brings a clock, a log, and reopen(): the same log after its process has ended and begun again.

#include "log/memory_log.hpp"
#include "log/sqlite_log.hpp"
#include "verbs.hpp"

namespace sealpost::log::test {

class SqliteEngine {
 public:
  SqliteEngine() { reopen(); }

  EventLog& log() { return *log_; }
  void reopen() {
    log_.reset();
    auto opened = open_sqlite_log({folder_ / "log.db", clock, random_, sink, counters});
    if (!opened) FAIL("not opened: " << opened.error().message());
    log_ = *std::move(opened);
  }
  void close() { log_.reset(); }
  std::string path() const { return folder_ / "log.db"; }

  TestClock clock;
  QuietSink sink;
  Counters counters;

 private:
  Folder folder_;
  CountingRandom random_;
  std::unique_ptr<EventLog> log_;
};

class MemoryEngine {
 public:
  EventLog& log() { return log_; }
  void reopen() {}

  TestClock clock;

 private:
  MemoryLog log_{clock, device_named("00112233445566778899aabbccddeeff")};
};

}  // namespace sealpost::log::test

#define SEALPOST_LOG_ENGINES sealpost::log::test::SqliteEngine, sealpost::log::test::MemoryEngine
