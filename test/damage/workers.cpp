#include "damage/workers.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "base/files.hpp"

namespace sealpost::damage {
namespace {

using Clock = std::chrono::steady_clock;

// What a process says of a case: before it, and after it with words that follow.
struct Told {
  std::uint64_t number = 0;
  std::int32_t outcome = -1;  // -1: begins
  std::uint32_t size = 0;
};

void say(int to, std::uint64_t number, std::int32_t outcome, const std::string& why) {
  const Told told{number, outcome, static_cast<std::uint32_t>(why.size())};
  std::string bytes(reinterpret_cast<const char*>(&told), sizeof told);
  if (!write_all(to, as_bytes(bytes + why))) ::_exit(3);  // nobody listens any more
}

class Process {
 public:
  Process(int index, int step, Range range) : index_(index), step_(step), next_(range.first), range_(range) {}

  bool has_more() const { return next_ < range_.first + range_.count; }
  bool runs() const { return id_ > 0; }
  int pipe() const { return pipe_.get(); }

  void start(const std::function<Work(int)>& work_in) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    id_ = ::fork();
    if (id_ < 0) throw std::runtime_error("no process");
    if (id_ == 0) {
      ::close(ends[0]);
      work(ends[1], work_in);
    }
    ::close(ends[1]);
    pipe_ = Descriptor(ends[0]);
    busy_since_ = Clock::now();
  }

  // Reads what there is; false at the end of it.
  bool listen(const std::function<void(const Judged&)>& told) {
    char bytes[65536];
    const ssize_t size = ::read(pipe_.get(), bytes, sizeof bytes);
    if (size <= 0) return false;
    heard_.append(bytes, static_cast<std::size_t>(size));
    for (;;) {
      Told each;
      if (heard_.size() < sizeof each) return true;
      std::memcpy(&each, heard_.data(), sizeof each);
      if (heard_.size() < sizeof each + each.size) return true;
      take(each, heard_.substr(sizeof each, each.size), told);
      heard_.erase(0, sizeof each + each.size);
    }
  }

  void kill_if_hung() {
    if (!runs() || Clock::now() - busy_since_ < std::chrono::seconds(hang_seconds)) return;
    hung_ = true;
    ::kill(id_, SIGKILL);
  }

  // After the end of the pipe. A process that ended in the middle of a case is that case's outcome.
  void end(const std::function<void(const Judged&)>& told) {
    int status = 0;
    ::waitpid(id_, &status, 0);
    id_ = 0;
    heard_.clear();
    if (status == 0) return;
    if (!begun_) throw std::runtime_error("a process ended before its first case");
    const std::string how = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                                : fmt::format("status {}", WEXITSTATUS(status));
    told({next_, {hung_ ? Outcome::hung : Outcome::crashed, how}});
    hung_ = begun_ = false;
    next_ += static_cast<std::uint64_t>(step_);
  }

 private:
  [[noreturn]] void work(int to, const std::function<Work(int)>& work_in) {
    {
      const Work work = work_in(index_);
      for (; has_more(); next_ += static_cast<std::uint64_t>(step_)) {
        say(to, next_, -1, {});
        const Verdict verdict = work(next_);
        say(to, next_, static_cast<std::int32_t>(verdict.outcome), verdict.why);
      }
    }
    ::_exit(0);
  }

  void take(const Told& each, std::string why, const std::function<void(const Judged&)>& told) {
    busy_since_ = Clock::now();
    next_ = each.number;
    begun_ = each.outcome < 0;
    if (begun_) return;
    told({each.number, {static_cast<Outcome>(each.outcome), std::move(why)}});
    next_ += static_cast<std::uint64_t>(step_);
  }

  const int index_;
  const int step_;
  std::uint64_t next_;
  const Range range_;
  pid_t id_ = 0;
  Descriptor pipe_;
  std::string heard_;
  Clock::time_point busy_since_;
  bool begun_ = false;
  bool hung_ = false;
};

void listen_to(std::vector<Process>& processes, const std::function<void(const Judged&)>& told) {
  std::vector<pollfd> polled;
  std::vector<Process*> of;
  for (Process& process : processes)
    if (process.runs()) {
      polled.push_back({process.pipe(), POLLIN, 0});
      of.push_back(&process);
    }
  ::poll(polled.data(), polled.size(), 1000);
  for (std::size_t i = 0; i < polled.size(); ++i)
    if (polled[i].revents != 0 && !of[i]->listen(told)) of[i]->end(told);
}

}  // namespace

void divide(Range range, int processes, const std::function<Work(int)>& work_in,
            const std::function<void(const Judged&)>& told) {
  std::vector<Process> all;
  for (int i = 0; i < processes && static_cast<std::uint64_t>(i) < range.count; ++i) {
    const auto skipped = static_cast<std::uint64_t>(i);
    all.emplace_back(i, processes, Range{range.first + skipped, range.count - skipped});
  }
  for (;;) {
    bool any = false;
    for (Process& process : all) {
      if (!process.runs() && process.has_more()) process.start(work_in);
      any = any || process.runs();
    }
    if (!any) return;
    listen_to(all, told);
    for (Process& process : all) process.kill_if_hung();
  }
}

}  // namespace sealpost::damage
