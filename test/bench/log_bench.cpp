// What an append costs: durable events a second, the time to the answer, and the CPU of the log's threads an event,
// with 700-byte bodies, a moved cursor in each event, and so many clients that each have one append in flight.
//
//   log_bench [folder] [seconds] [in flight ...]    default: the temporary folder, 3 seconds for each of 1 2 16 100 200
//   log_bench fill [folder] [events]                default: 1000000; makes a log by appends, then opens it again and
//   verifies it
//
// The files are removed at the end. The disk of the folder counts: every commit is synced.

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "log/maintenance.hpp"
#include "log/sqlite_log.hpp"

using namespace sealpost;
using namespace sealpost::log;

namespace {

constexpr std::size_t body_bytes = 700;

class SystemClock final : public Clock {
 public:
  Millis now() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
  std::int64_t steady_us() const override {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
  }
};

class DeviceRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(device_());
  }

 private:
  std::random_device device_;
};

class StandardError final : public LogSink {
 public:
  bool wants(Level) const override { return true; }
  void write(Level, std::string_view, std::string_view line) override { fmt::print(stderr, "{}\n", line); }
};

struct World {
  SystemClock clock;
  DeviceRandom random;
  StandardError sink;
  Counters counters;
};

[[noreturn]] void give_up(std::string_view what, const ErrorCode& error) {
  fmt::print(stderr, "log_bench: {}: {}\n", what, error.message());
  std::exit(1);
}

std::int64_t cpu_us(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto us = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

// One client's in-lane, which always has one append in flight.
class Sender {
 public:
  explicit Sender(std::size_t number) : client_{sha256(as_bytes(fmt::format("client {}", number)))} {}

  Draft epoch() const {
    Draft draft;
    draft.kind = Kind::epoch;
    draft.client = client_;
    draft.device = device_;
    draft.epoch = {1};
    return draft;
  }

  Draft next(const Body& body) {
    Draft draft = epoch();
    draft.kind = Kind::in;
    draft.seq = seq_ = seq_.next();
    draft.prev = link_;
    draft.link = link_ = {sha256({link_.view(), client_.view()})};
    draft.author = client_;
    draft.type = "sealpost.Message";
    draft.time = static_cast<Millis>(seq_.value);
    draft.body = body;
    if (newest_.value > 0) draft.consumer = "bot";
    draft.cause = newest_;
    return draft;
  }
  void committed(EventId id) { newest_ = id; }

 private:
  Permalink client_;
  Device device_ = Device::parse("phone").value();
  Seq seq_;
  Link link_;
  EventId newest_;
};

// Keeps all senders busy until so many events are done.
class Load {
 public:
  Load(EventLog& log, std::size_t senders) : log_(log) {
    for (std::size_t i = 0; i < senders; ++i) senders_.emplace_back(i);
    Transaction epochs;
    for (const Sender& sender : senders_) epochs.drafts.push_back(sender.epoch());
    start(std::move(epochs), {});
    wait();
  }

  // Until `over` says so; gives the microseconds from append to answer, sorted.
  template <class Over>
  std::vector<std::int64_t> run(Over over) {
    for (std::size_t i = 0; i < senders_.size(); ++i) send(i);
    std::vector<std::int64_t> took;
    while (!over(took.size())) {
      for (const std::size_t sender : wait()) {
        took.push_back(clock_.steady_us() - sent_[sender]);
        send(sender);
      }
    }
    for (std::size_t left = senders_.size(); left > 0;) left -= wait().size();
    std::ranges::sort(took);
    return took;
  }

 private:
  void send(std::size_t sender) {
    Transaction transaction;
    transaction.drafts.push_back(senders_[sender].next(body_));
    sent_.resize(senders_.size());
    sent_[sender] = clock_.steady_us();
    start(std::move(transaction), sender);
  }

  void start(Transaction transaction, std::size_t sender) {
    log_.append(std::move(transaction), [this, sender](Result<Appended> appended) {
      if (!appended) give_up("append", appended.error());
      const std::scoped_lock lock(mutex_);
      senders_[sender].committed(appended->events.front().id());
      answered_.push_back(sender);
      if (answered_.size() == 1) some_.notify_one();
    });
  }

  std::vector<std::size_t> wait() {
    std::unique_lock lock(mutex_);
    some_.wait(lock, [this] { return !answered_.empty(); });
    return std::exchange(answered_, {});
  }

  EventLog& log_;
  SystemClock clock_;
  Body body_ = std::make_shared<const std::string>(body_bytes, 'x');
  std::vector<Sender> senders_;
  std::vector<std::int64_t> sent_;
  std::mutex mutex_;
  std::condition_variable some_;
  std::vector<std::size_t> answered_;
};

std::unique_ptr<EventLog> open(World& world, const std::string& path) {
  auto opened = open_sqlite_log({path, world.clock, world.random, world.sink, world.counters});
  if (!opened) give_up(path, opened.error());
  return *std::move(opened);
}

void measure(const std::string& folder, std::size_t senders, double seconds) {
  World world;
  const auto log = open(world, fmt::format("{}/{}.db", folder, senders));
  Load load(*log, senders);
  const std::int64_t start = world.clock.steady_us();
  const std::int64_t cpu = cpu_us(RUSAGE_SELF) - cpu_us(RUSAGE_THREAD);
  const std::int64_t commits = world.counters.commits_total.value();
  const auto until = start + static_cast<std::int64_t>(seconds * 1e6);
  const auto took = load.run([&](std::size_t) { return world.clock.steady_us() > until; });
  const double events = static_cast<double>(took.size() + senders);
  const double passed = static_cast<double>(world.clock.steady_us() - start);
  const double batch = events / static_cast<double>(world.counters.commits_total.value() - commits);
  const EventId unindexed{log->health().head.value - log->health().indexed_to.value};
  log->stop();
  // The indexing that is left is part of the price.
  const double cost = static_cast<double>(cpu_us(RUSAGE_SELF) - cpu_us(RUSAGE_THREAD) - cpu);
  fmt::print("{:>9} {:>9.1f} {:>10.0f} {:>9} {:>9} {:>12.1f} {:>10}\n", senders, batch, events * 1e6 / passed,
             took[took.size() / 2], took[took.size() * 99 / 100], cost / events, unindexed.value);
}

void fill(const std::string& folder, std::size_t events) {
  World world;
  const std::string path = folder + "/fill.db";
  auto log = open(world, path);
  const std::int64_t start = world.clock.steady_us();
  Load(*log, 200).run([&](std::size_t done) { return done >= events; });
  const auto ms_since = [&](std::int64_t from) { return (world.clock.steady_us() - from) / 1000; };
  fmt::print("filled with {} events in {} ms\n", log->health().head.value, ms_since(start));
  log.reset();
  fmt::print("{} bytes in the file\n", std::filesystem::file_size(path));
  const std::int64_t opening = world.clock.steady_us();
  log = open(world, path);
  fmt::print("opened again in {} ms\n", ms_since(opening));
  log.reset();
  const std::int64_t verifying = world.clock.steady_us();
  const auto report = verify(path, nullptr);
  if (!report) give_up("verify", report.error());
  fmt::print("verified in {} ms, {} faults\n", ms_since(verifying), report->fault_count);
}

}  // namespace

int main(int count, char** values) {
  std::vector<std::string> arguments(values + 1, values + count);
  const bool filling = !arguments.empty() && arguments.front() == "fill";
  if (filling) arguments.erase(arguments.begin());
  const auto parent =
      arguments.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(arguments.front());
  const double amount = arguments.size() < 2 ? (filling ? 1e6 : 3) : std::strtod(arguments[1].c_str(), nullptr);
  const std::filesystem::path folder = parent / fmt::format("log_bench-{}", getpid());
  std::filesystem::create_directories(folder);
  if (filling) {
    fill(folder.string(), static_cast<std::size_t>(amount));
  } else {
    fmt::print("{:>9} {:>9} {:>10} {:>9} {:>9} {:>12} {:>10}\n", "in flight", "batch", "events/s", "p50 us", "p99 us",
               "CPU us/event", "unindexed");
    std::vector<std::string> rows{"1", "2", "16", "100", "200"};
    if (arguments.size() > 2) rows.assign(arguments.begin() + 2, arguments.end());
    for (const std::string& row : rows) measure(folder.string(), std::strtoul(row.c_str(), nullptr, 10), amount);
  }
  std::filesystem::remove_all(folder);
}
