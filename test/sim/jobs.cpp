#include "jobs.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace sealpost::sim {
namespace {

// Both ends are this program: fixed sizes, and the violation's text behind.
struct Wire {
  std::uint64_t seed, trace, steps, failed, text;
  Coverage::Counts counts;
};

bool write_all(int to, const void* from, std::size_t size) {
  const char* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t written = ::write(to, at, size);
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int from, void* to, std::size_t size) {
  char* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = ::read(from, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

struct Worker {
  pid_t process = -1;
  int orders = -1;   // seeds to it
  int reports = -1;  // what became of them
  std::optional<std::uint64_t> at;
};

[[noreturn]] void work(int orders, int reports, const std::function<Report(std::uint64_t)>& run) {
  std::uint64_t seed = 0;
  while (read_all(orders, &seed, sizeof seed)) {
    const Report report = run(seed);
    const Wire wire{
        report.seed, report.trace, report.steps, report.failed, report.violation.size(), report.coverage.counts()};
    if (!write_all(reports, &wire, sizeof wire) ||
        !write_all(reports, report.violation.data(), report.violation.size()))
      break;
  }
  ::_exit(0);
}

Worker start_worker(const std::vector<Worker>& others, const std::function<Report(std::uint64_t)>& run) {
  int orders[2];
  int reports[2];
  if (::pipe(orders) != 0 || ::pipe(reports) != 0) throw std::runtime_error("no pipe for a worker");
  std::fflush(stdout);
  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("no process for a worker");
  if (process == 0) {
    // Else a sister would keep their pipes open.
    for (const Worker& other : others) {
      ::close(other.orders);
      ::close(other.reports);
    }
    ::close(orders[1]);
    ::close(reports[0]);
    work(orders[0], reports[1], run);
  }
  ::close(orders[0]);
  ::close(reports[1]);
  return {process, orders[1], reports[0], std::nullopt};
}

// None: it has died.
std::optional<Report> read_report(const Worker& worker) {
  Wire wire{};
  if (!read_all(worker.reports, &wire, sizeof wire)) return std::nullopt;
  Report report{wire.seed, wire.trace, wire.steps, wire.failed != 0, {}, std::string(wire.text, ' ')};
  report.coverage.counts() = wire.counts;
  if (!read_all(worker.reports, report.violation.data(), report.violation.size())) return std::nullopt;
  return report;
}

Report death_of(Worker& worker) {
  ::close(worker.orders);
  ::close(worker.reports);
  int status = 0;
  ::waitpid(worker.process, &status, 0);
  const std::string how = WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "it has exited";
  return {worker.at.value_or(0), 0, 0, true, {}, "the process ended: " + how};
}

}  // namespace

void run_seeds(const std::vector<std::uint64_t>& seeds, std::size_t jobs,
               const std::function<Report(std::uint64_t)>& run, const std::function<void(const Report&)>& tell) {
  std::vector<Worker> workers;
  std::size_t given = 0;
  std::size_t told = 0;
  const auto give = [&](Worker& worker) {
    worker.at.reset();
    if (given == seeds.size()) return;
    worker.at = seeds[given++];
    write_all(worker.orders, &*worker.at, sizeof *worker.at);
  };
  while (workers.size() < std::min(jobs, seeds.size())) workers.push_back(start_worker(workers, run));
  for (Worker& worker : workers) give(worker);
  while (told < seeds.size()) {
    std::vector<pollfd> waited;
    for (const Worker& worker : workers) waited.push_back({worker.reports, POLLIN, 0});
    ::poll(waited.data(), waited.size(), -1);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (!workers[i].at || (waited[i].revents & (POLLIN | POLLHUP)) == 0) continue;
      const auto report = read_report(workers[i]);
      tell(report ? *report : death_of(workers[i]));
      ++told;
      if (!report) {
        workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
        workers.insert(workers.begin() + static_cast<std::ptrdiff_t>(i), start_worker(workers, run));
      }
      give(workers[i]);
    }
  }
  for (const Worker& worker : workers) {
    ::close(worker.orders);
    ::close(worker.reports);
    ::waitpid(worker.process, nullptr, 0);
  }
}

}  // namespace sealpost::sim
