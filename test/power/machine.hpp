#pragma once
// A machine: its disk, its clock, and the log that runs on it. There is one in a process, since SQLite has one default
// VFS: the log and its tools are opened as they ship.

#include "base/counters.hpp"
#include "base/ports.hpp"
#include "disk_vfs.hpp"
#include "ledger.hpp"
#include "log/maintenance.hpp"
#include "platter.hpp"
#include "temporary_folder.hpp"

namespace sealpost::power {

// Jumps when it is told to. Of the steady one each look takes as long as the run says: what the writer believes its
// commits and checkpoints to take, by which it adapts their size.
class JumpingClock final : public Clock {
 public:
  Millis now() const override { return now_; }
  std::int64_t steady_us() const override { return steady_ += step_; }
  void jump(Millis by) { now_ += by; }
  void take(std::int64_t step_us) { step_ = step_us; }

 private:
  std::atomic<Millis> now_{1'700'000'000'000};
  mutable std::atomic<std::int64_t> steady_{0};
  std::atomic<std::int64_t> step_{100};
};

class QuietSink final : public LogSink {
 public:
  bool wants(Level) const override { return true; }
  void write(Level, std::string_view, std::string_view) override { ++lines; }
  std::atomic<int> lines{0};
};

class DiceRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(dice());
  }
  Dice dice;
};

class Machine {
 public:
  // The power comes on.
  void start(Image image);
  // As the daemon does it.
  Result<std::unique_ptr<log::EventLog>> open();
  // Throws where the log cannot be opened.
  std::unique_ptr<log::EventLog> must_open();
  // As `sealpost verify`, and throws where it finds anything.
  void must_verify();
  // `sealpost rebuild` must change nothing.
  void must_rebuild();

  Disk disk;
  DiskVfs vfs{disk};
  JumpingClock clock;
  DiceRandom random;
  QuietSink sink;
  Counters counters;
  std::atomic<int> fatals{0};  // of the log that is open

 private:
  void show_files() const;

  test::TemporaryFolder folder_;  // for the lock file, and for those who look at files past SQLite
  const std::string path_ = folder_ / "log.db";
};

}  // namespace sealpost::power
