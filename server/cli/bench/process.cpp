#include "cli/bench/process.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "cli/exit.hpp"

namespace sealpost::cli::bench {
namespace {

std::ifstream open_proc(int pid, const char* name) {
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name));
  if (!file) throw Stop(Exit::usage, fmt::format("--pid {}: no such process on this machine.", pid));
  return file;
}

std::int64_t us_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * std::int64_t{1'000'000} + time.tv_nsec / 1'000;
}

}  // namespace

std::int64_t cpu_us_of(int pid) {
  std::string line;
  std::ifstream file = open_proc(pid, "stat");
  std::getline(file, line);
  // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th word after it (proc(5)).
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  std::int64_t user = 0, system = 0;
  words >> user >> system;
  return (user + system) * 1'000'000 / ::sysconf(_SC_CLK_TCK);
}

std::int64_t resident_bytes_of(int pid) {
  std::int64_t total = 0, resident = 0;
  open_proc(pid, "statm") >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::int64_t own_cpu_us() {
  return us_of(CLOCK_PROCESS_CPUTIME_ID);
}

std::int64_t thread_cpu_us() {
  return us_of(CLOCK_THREAD_CPUTIME_ID);
}

void allow_descriptors(std::uint64_t needed) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  if (limit.rlim_max < needed) limit.rlim_max = needed;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  throw Stop(Exit::usage, fmt::format("{} open files are needed, more than this user may have. Raise the limit: "
                                      "ulimit -n {}",
                                      needed, needed));
}

}  // namespace sealpost::cli::bench
