#include "workers.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <new>
#include <vector>

namespace sealpost::power {
namespace {

constexpr std::uint64_t failures_max = 10;
constexpr int jobs_max = 64;

// What the processes share.
struct Board {
  std::atomic<std::uint64_t> next;
  std::atomic<std::uint64_t> done;
  std::atomic<std::uint64_t> passed;
  std::atomic<std::uint64_t> failed;
  std::atomic<std::uint64_t> running[jobs_max];  // the number of the run that each is at
};

Board& make_board() {
  void* memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return *new (memory) Board{};
}

void tell(const Work& work, std::uint64_t number, const std::string& what) {
  const std::string line = fmt::format("FAILED {}: {}\n  again: {}{}\n", number, what, work.replay, number);
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) return;
}

void run_one(const Work& work, const Work::Run& run, Board& board, std::uint64_t number) {
  try {
    board.passed += static_cast<std::uint64_t>(run(number));
  } catch (const std::exception& error) {
    ++board.failed;
    tell(work, number, error.what());
  }
}

[[noreturn]] void work_off(const Work& work, Board& board, int worker) {
  alarm(work.seconds_max);
  const Work::Run run = work.start();
  for (;;) {
    const std::uint64_t place = board.next++;
    const std::uint64_t number = work.first + place * work.every;
    if (place >= work.count || board.failed >= failures_max) _exit(0);
    board.running[worker] = number;
    alarm(work.seconds_max);
    run_one(work, run, board, number);
    ++board.done;
  }
}

pid_t start(const Work& work, Board& board, int worker) {
  const pid_t child = fork();
  if (child == 0) work_off(work, board, worker);
  return child;
}

void show_progress(const Work& work, const Board& board) {
  static auto last = std::chrono::steady_clock::now();
  const auto now = std::chrono::steady_clock::now();
  if (now - last < std::chrono::seconds(5)) return;
  last = now;
  fmt::print(stderr, "{}: {}/{}, {} tests, {} failed\n", work.what, board.done.load(), work.count, board.passed.load(),
             board.failed.load());
}

}  // namespace

Tally run(const Work& work) {
  Board& board = make_board();
  std::vector<pid_t> children;
  for (int i = 0; i < std::min(work.jobs, jobs_max); ++i) children.push_back(start(work, board, i));
  std::size_t left = children.size();
  while (left > 0) {
    usleep(20'000);  // a process ends, or it is time to tell how far it is
    show_progress(work, board);
    for (std::size_t i = 0; i < children.size(); ++i) {
      int status = 0;
      if (children[i] <= 0 || waitpid(children[i], &status, WNOHANG) != children[i]) continue;
      children[i] = 0;
      --left;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      ++board.failed;
      tell(work, board.running[i],
           WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status)) : "ended by itself");
      if (board.failed >= failures_max) continue;
      children[i] = start(work, board, static_cast<int>(i));
      ++left;
    }
  }
  return {board.passed, board.failed};
}

}  // namespace sealpost::power
