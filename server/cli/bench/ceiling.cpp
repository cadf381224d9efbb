#include "cli/bench/ceiling.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/counters.hpp"
#include "base/sha256.hpp"
#include "cli/bench/process.hpp"
#include "cli/exit.hpp"
#include "log/sqlite_log.hpp"
#include "object/keys.hpp"

namespace sealpost::cli::bench {
namespace {

constexpr std::size_t envelope_bytes = 640;  // what a Message adds to its payload

class Silent final : public LogSink {
 public:
  bool wants(Level) const override { return false; }
  void write(Level, std::string_view, std::string_view) override {}
};

// One client's way through the log: a message in, its reply out, the next message.
class Pair {
 public:
  explicit Pair(std::size_t number) : client_{sha256(as_bytes(fmt::format("bench {}", number)))} {}

  log::Draft epoch() const {
    log::Draft draft;
    draft.kind = log::Kind::epoch;
    draft.client = client_;
    draft.device = device_;
    draft.epoch = {1};
    return draft;
  }

  log::Draft next(const log::Body& body) {
    log::Draft draft = epoch();
    const bool in = cause_.value == 0;
    Head& lane = in ? in_ : out_;
    draft.kind = in ? log::Kind::in : log::Kind::out;
    if (!in) {
      draft.device = Device();
      draft.consumer = "bot";
      draft.cause = cause_;
    }
    draft.seq = lane.seq = lane.seq.next();
    draft.prev = lane.link;
    draft.link = lane.link = {sha256({lane.link.view(), client_.view()})};
    draft.author = client_;
    draft.type = "demo.Bench";
    draft.time = static_cast<Millis>(lane.seq.value);
    draft.body = body;
    return draft;
  }

  // True when that was the pair's second half.
  bool committed(const log::Committed& event) {
    const bool whole = event.kind() == log::Kind::out;
    cause_ = whole ? EventId{} : event.id();
    return whole;
  }

 private:
  struct Head {
    Seq seq;
    Link link;
  };
  Permalink client_;
  Device device_ = Device::parse("bench").value();
  Head in_;
  Head out_;
  EventId cause_;  // the message that waits for its reply
};

// Keeps so many pairs on their way.
class Appends {
 public:
  Appends(log::EventLog& log, std::size_t pairs, std::size_t body_bytes)
      : log_(log), body_(std::make_shared<const std::string>(body_bytes, 'x')) {
    log::Transaction epochs;
    for (std::size_t i = 0; i < pairs; ++i) epochs.drafts.push_back(pairs_.emplace_back(i).epoch());
    log_.append(std::move(epochs), [this](Result<log::Appended> appended) { take(0, std::move(appended)); });
    wait();
    answered_.clear();
  }

  std::size_t run(const Clock& clock, double seconds) {
    const std::int64_t end_us = clock.steady_us() + static_cast<std::int64_t>(seconds * 1e6);
    std::size_t whole = 0;
    std::size_t under_way = pairs_.size();
    for (std::size_t i = 0; i < pairs_.size(); ++i) append(i);
    while (under_way > 0) {
      const bool over = clock.steady_us() >= end_us;
      for (const Answer& answer : wait()) {
        whole += pairs_[answer.pair].committed(answer.event) ? 1 : 0;
        over ? static_cast<void>(--under_way) : append(answer.pair);
      }
    }
    return whole;
  }

 private:
  struct Answer {
    std::size_t pair;
    log::Committed event;
  };

  void append(std::size_t pair) {
    log::Transaction transaction;
    transaction.drafts.push_back(pairs_[pair].next(body_));
    log_.append(std::move(transaction),
                [this, pair](Result<log::Appended> appended) { take(pair, std::move(appended)); });
  }

  void take(std::size_t pair, Result<log::Appended> appended) {
    const std::scoped_lock lock(mutex_);
    if (!appended) {
      error_ = appended.error();
    } else {
      answered_.push_back({pair, appended->events.front()});
    }
    some_.notify_one();
  }

  std::vector<Answer> wait() {
    std::unique_lock lock(mutex_);
    some_.wait(lock, [this] { return !answered_.empty() || error_; });
    if (error_) throw Stop(Exit::failed, "the append-only loop: " + error_.message());
    return std::exchange(answered_, {});
  }

  log::EventLog& log_;
  log::Body body_;
  std::vector<Pair> pairs_;
  std::mutex mutex_;
  std::condition_variable some_;
  std::vector<Answer> answered_;
  ErrorCode error_;
};

}  // namespace

VerifyOnly verify_only(Random& random, Clock& clock, double seconds) {
  const object::KeyPair key = object::KeyPair::generate(random);
  const Link link{random.bytes<32>()};
  object::Signature signature = key.sign(link.view());
  const std::int64_t start_us = clock.steady_us();
  const std::int64_t cpu = thread_cpu_us();
  std::size_t done = 0;
  bool good = true;
  while (clock.steady_us() - start_us < static_cast<std::int64_t>(seconds * 1e6)) {
    good = object::verify(key.key(), link.view(), signature) && good;
    signature = key.sign(link.view());
    ++done;
  }
  if (!good) throw Stop(Exit::failed, "the verify-only loop: a signature does not hold");
  return {static_cast<double>(thread_cpu_us() - cpu) / static_cast<double>(done)};
}

AppendOnly append_only(const Options& options, Random& random, Clock& clock, double seconds) {
  const std::filesystem::path parent =
      options.folder.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(options.folder);
  const std::filesystem::path folder = parent / fmt::format("sealpost-bench-{}", ::getpid());
  std::filesystem::create_directories(folder);
  Silent silent;
  Counters counters;
  AppendOnly result;
  {
    auto opened = log::open_sqlite_log({(folder / "log.db").string(), clock, random, silent, counters});
    if (!opened) throw Stop(Exit::failed, fmt::format("{}: {}", folder.string(), opened.error().message()));
    Appends appends(**opened, options.clients * options.in_flight, options.payload_bytes + envelope_bytes);
    const std::int64_t start_us = clock.steady_us();
    const std::int64_t cpu = own_cpu_us();
    const auto pairs = static_cast<double>(appends.run(clock, seconds));
    result.per_second = pairs * 1e6 / static_cast<double>(clock.steady_us() - start_us);
    (*opened)->stop();  // the indexing that is left is part of the price
    result.cpu_us = static_cast<double>(own_cpu_us() - cpu) / pairs;
  }
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace sealpost::cli::bench
