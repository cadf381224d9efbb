#pragma once
// The two sides of the property test of the lanes: what is owed, by the reference model, and lanes with what stands for
// their log. Both are driven by the same commands (model_test.cpp).

#include <rapidcheck.h>
#include <rapidcheck/state.h>

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lane/lanes.hpp"
#include "lane/outbound.hpp"
#include "lane/position.hpp"
#include "model/model.hpp"

namespace sealpost::lane::test {

inline constexpr std::array labels = {"one", "two"};  // devices of the client
inline constexpr std::array windows = {1, 5};         // of each
inline const model::Name anna = "anna";

inline Link link_for(const model::Link& name) {
  return name.empty() ? Link{} : link_of(name);
}

inline Mark mark_for(const model::Mark& mark) {
  return {{mark.n}, link_for(mark.link)};
}

// The model's side.
struct Owed {
  model::Server server{"server", "log-0", {{anna, {}}}, {}};
  std::optional<model::Server> backup;
  Millis now = noon;
  int restores = 0;
  std::set<std::size_t> connected;
  std::set<std::size_t> failing;  // some of what fails has yet to fail

  bool knows(std::size_t device) const { return server.clients.at(anna).devices.contains(labels[device]); }
  model::Device& device(std::size_t device) { return server.clients[anna].devices[labels[device]]; }
  const model::Device& device(std::size_t device) const { return server.clients.at(anna).devices.at(labels[device]); }
  const model::Client& client() const { return server.clients.at(anna); }
};

// The lanes' side: what a log would hold for them, and what a process does.
struct Stored {
  std::vector<Link> in;
  Millis last = 0;
  Epoch epoch;
  Seq acked;
  bool shut = false;
};
struct Disk {
  LogId log = *Device::parse("log-0");
  std::vector<EarlierLog> earlier;
  std::vector<Link> out;
  Millis last = 0;
  std::map<std::size_t, Stored> devices;

  static Mark mark(const std::vector<Link>& links, std::size_t n) { return n == 0 ? Mark{} : Mark{{n}, links[n - 1]}; }
};
struct Live {
  InLane in;
  std::deque<Facts> on_the_way;
  Window window;
  Seq drain_until;
};
struct Lanes {
  Disk disk;
  std::optional<Disk> backup;
  OutLane out;
  std::map<std::size_t, Live> live;

  void finish(std::size_t device) {
    Live& lane = live[device];
    const Facts facts = lane.on_the_way.front();
    lane.on_the_way.pop_front();
    if (lane.in.failing()) return lane.in.fail_from(facts.n);
    lane.in.note_durable(facts.n, receipt_of(facts.n));
    disk.devices[device].in.push_back(facts.link);
    disk.devices[device].last = facts.time;
  }
  void start() {
    live.clear();
    const Mark head = Disk::mark(disk.out, disk.out.size());
    out = OutLane({head.n, head.link, disk.last});
  }
};

using Command = rc::state::Command<Owed, Lanes>;

}  // namespace sealpost::lane::test
