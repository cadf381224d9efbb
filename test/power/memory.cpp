#include "memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

#include "author.hpp"
#include "failing_new.hpp"
#include "lane/inbound.hpp"
#include "log/memory_log.hpp"
#include "machine.hpp"
#include "object/canonical.hpp"
#include "object/identity.hpp"
#include "object/message.hpp"

// The fuzzers' targets, each under its own name.
extern "C" {
int auth_fuzz(const std::uint8_t*, std::size_t);
int mqtt_codec_fuzz(const std::uint8_t*, std::size_t);
int mqtt_connection_fuzz(const std::uint8_t*, std::size_t);
int mqtt_session_fuzz(const std::uint8_t*, std::size_t);
}

namespace sealpost::power {
namespace {

using Target = int (*)(const std::uint8_t*, std::size_t);

struct NamedTarget {
  const char* name;
  Target target;
};
// As object_fuzz, without comparing JSON values: Boost's comparison allocates, and must not throw.
int object_fuzz(const std::uint8_t* bytes, std::size_t size) {
  const auto object = object::Object::parse(as_text({bytes, size}), object::client_limits(std::size_t{1} << 16));
  if (!object) return 0;
  if (object::canonicalize(object->fields()) != object->stored())
    throw Violation("an object is stored in another form");
  if (const auto message = object::Message::read(*object); message && message->payload().empty())
    throw Violation("a message without a payload");
  if (const auto identity = object::Identity::read(*object)) {
    (void)object::check_first(*identity);
    (void)object::check_next(*identity, *identity);
  }
  return 0;
}

constexpr NamedTarget targets[] = {{"object_fuzz", object_fuzz},
                                   {"auth_fuzz", auth_fuzz},
                                   {"mqtt_codec_fuzz", mqtt_codec_fuzz},
                                   {"mqtt_connection_fuzz", mqtt_connection_fuzz},
                                   {"mqtt_session_fuzz", mqtt_session_fuzz}};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void add_corpus(const NamedTarget& named, std::vector<Swept>& cases) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(SEALPOST_SOURCE_DIR "/test/fuzz/corpus/" + std::string(named.name)))
    files.push_back(entry.path());
  std::ranges::sort(files);
  for (const auto& file : files)
    cases.push_back({named.name + (" " + file.filename().string()), [target = named.target, text = content_of(file)] {
                       target(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
                     }});
}

// Calls what may fail again where it did.
template <class Action>
void insist(Action action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    action();
  }
}

// A message that could not be noted has not been: it can be noted again.
void run_lane() {
  lane::InLane lane({}, lane::Light::green, {1});
  Link before;
  for (std::uint64_t n = 1; n <= 40; ++n) {
    lane::Facts facts;
    facts.n = {n};
    facts.q = before;
    facts.link.bytes.fill(static_cast<std::uint8_t>(n));
    facts.time = static_cast<Millis>(1'700'000'000'000 + n);
    facts.epoch = {1};
    before = facts.link;
    const auto accepted = [&] { return decide(lane, facts, facts.time).outcome == lane::Outcome::accept; };
    if (!accepted()) throw Violation("the next message of a lane is not accepted");
    insist([&] {
      if (!accepted()) throw Violation("a message that could not be noted is not accepted again");
      lane.note_pending(facts.n, facts.link, facts.time);
    });
    lane.note_durable(facts.n, {{static_cast<std::int64_t>(n)}, {}, facts.time});
    if (accepted()) throw Violation("a message that a lane has is accepted");
  }
}

// What is given to the log in memory: the same in each run.
struct Given {
  std::vector<log::Transaction> transactions;

  Given() {
    Dice dice(1);
    Author author(dice, 500);
    Ledger ledger;
    for (int i = 0; i < 40; ++i) {
      transactions.push_back(author.lawful(ledger.model()));
      ledger.give(transactions.back(), 0);
    }
  }
};

// The log in memory is for tests, and does not go on after this; but it acknowledges nothing then.
void run_memory_log() {
  static const Given given;
  static JumpingClock clock;
  log::MemoryLog log(clock, Device::parse("log").value());
  std::size_t done = 0;
  std::size_t returned = 0;
  try {
    for (; returned < given.transactions.size(); ++returned) {
      log.append(given.transactions[returned], [&](const Result<log::Appended>& answer) { done += answer ? 1 : 0; });
      if (done != returned + 1) throw Violation("the log in memory refuses what is lawful");
    }
    end_failing();  // it ends in good order
  } catch (const std::bad_alloc&) {
    if (done != returned) throw Violation("the log in memory has acknowledged what it failed to take");
    throw;
  }
}

}  // namespace

std::vector<Swept> swept_cases() {
  std::vector<Swept> cases{{"a lane", run_lane}, {"the log in memory", run_memory_log}};
  for (const NamedTarget& named : targets) add_corpus(named, cases);
  return cases;
}

int sweep(const Swept& swept) {
  swept.run();  // what is made once in a process is made
  for (std::uint64_t nth = 1;; ++nth) {
    const std::int64_t live = live_allocations();
    bool failed = false;
    fail_allocation(nth);
    try {
      swept.run();
      failed = end_failing();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const Violation& violation) {
      throw Violation(fmt::format("{}, allocation {}: {}", swept.name, nth, violation.what()));
    }
    end_failing();
    if (live_allocations() != live)
      throw Violation(fmt::format("{}, allocation {}: {} leak", swept.name, nth, live_allocations() - live));
    if (!failed) return static_cast<int>(nth) - 1;
  }
}

}  // namespace sealpost::power
