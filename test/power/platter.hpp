#pragma once
// What a power cut leaves: only what was synced is sure. Each write since may be there or not, in any order, whole or
// torn at pages (4096 bytes) and sectors (512); so may truncations and sizes. Names (files made and deleted) change on
// the platter in the order in which they changed in the cache, up to any point after the folder's last sync. Where a
// file has grown and what was written there did not arrive, there are zeros or garbage. A sector is never torn itself,
// and nothing changes beside what is written (SQLITE_IOCAP_POWERSAFE_OVERWRITE, as SQLite assumes of a Linux disk).

#include <map>
#include <random>
#include <string>
#include <vector>

#include "disk.hpp"

namespace sealpost::power {

using Dice = std::mt19937_64;

// What of the unsynced survives.
enum class Survivors {
  none,
  all,
  prefix,   // of each file's writes, the last of them torn
  writes,   // some, each whole or torn, in any order
  pages,    // each page is as after some of the writes to it
  sectors,  // each sector
};
constexpr int survivors_count = 6;
const char* name_of(Survivors);

class Platter {
 public:
  explicit Platter(const Image& start);

  // `operation` must outlive this.
  void apply(const Operation& operation);
  // The files if the power is cut now.
  Image after_cut(Survivors, Dice&) const;

 private:
  // A write or truncation since the last sync; or since before one that failed, which leaves its own to chance for ever
  // and makes later ones sure that are synced after it.
  struct Change {
    const Operation* operation;
    enum class State { cached, lost, sure } state = State::cached;
  };
  struct State {
    Bytes durable;
    std::vector<Change> changes;
  };
  friend class Remains;
  using Names = std::map<std::string, int>;
  static void sync(State&);
  static void rename(Names&, const Operation&);
  static Bytes surviving(const State&, Survivors, Dice&);

  std::map<int, State> files_;
  Names names_;                            // durable ones
  std::vector<const Operation*> renames_;  // since the last sync of the folder
};

}  // namespace sealpost::power
