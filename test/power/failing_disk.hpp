#pragma once
// Lets one call to the disk fail, or all from one on.

#include "disk.hpp"

namespace sealpost::power {

enum class Failing {
  once,
  for_good,
  full_once,      // writes only: there is no room
  full_for_good,  // the same
};
constexpr int failings_count = 4;
const char* name_of(Failing);

// Something that fails when it is called the nth time.
class Breakage {
 public:
  virtual ~Breakage() = default;
  // From now on, the `call`th one (from 1).
  void arm(std::uint64_t call, Failing);
  void mend() { armed_ = false; }

  std::uint64_t calls() const { return calls_; }
  bool has_failed() const { return failures_ > 0; }
  virtual std::string failed() const = 0;  // what was called the first time

 protected:
  // Whether this call fails.
  bool fails();
  Failing failing() const { return failing_; }
  std::atomic<int> failures_{0};

 private:
  std::atomic<bool> armed_{false};
  std::atomic<std::uint64_t> calls_{0};
  std::uint64_t call_ = 0;
  Failing failing_ = Failing::once;
};

class FailingDisk final : public Breakage, public Watcher {
 public:
  int before(Call) override;
  std::string failed() const override { return name_of(failed_); }

 private:
  std::atomic<Call> failed_{Call::open};
};

}  // namespace sealpost::power
